"""Policies that rule, decisions that are overruled, and decisions that are made again to the same bytes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from contracts import publish
from contracts.decision import Decision
from contracts.document import Document, parse
from contracts.enforce import Outcome, carry_out
from contracts.facts import VALIDATION_DECIDED
from contracts.history import ContractHistory
from contracts.overrides import Word, override
from contracts.policies import evaluate_for, policies, publish_policy, ruling_policy
from contracts.policyfile import PolicyDocument, parse_policy
from contracts.record import Context
from contracts.replay import read_decision, replay
from contracts.scan.beside import Given
from contracts.source import CsvFile
from ledger.event import Event
from proofs.errors import ConflictError, MalformedError, MissingError, RefusedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
CONTRACT = b"""name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true}
  - {name: amount, type: number, range: {min: 0}}
"""


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


@pytest.fixture
def batch(tmp_path: Path) -> CsvFile:
    (tmp_path / "orders.csv").write_text("id,amount\n1,5\n2,-4\n3,7\n4,1\n")
    return CsvFile(tmp_path / "orders.csv")


def policy(name: str = "shop", version: str = "1.0.0", more: str = "") -> PolicyDocument:
    return parse_policy(f"policy: {name}\nversion: {version}\nowner: platform\n{more}".encode())


def checked(log: Ledger, source: CsvFile, *, clock: datetime = NOON, document: Document | None = None) -> Outcome:
    document = document or parse(CONTRACT)
    evaluated = evaluate_for(log, document, source, given=Given(clock=lambda: clock))
    publish.publish(log, document, Context(source="urn:shop"))
    return carry_out(log, evaluated, context=Context(source="urn:shop"))


STRICT = "risk: {alert_at: 0.01, block_at: 0.05, alert_on: never, block_on: never}\n"


def test_a_policy_rules_in_the_place_of_the_contracts_own(log: Ledger, batch: CsvFile) -> None:
    assert checked(log, batch).verdict.decision is Decision.ALLOW_WITH_ALERT
    publish_policy(log, policy(more=STRICT))

    outcome = checked(log, batch)

    assert (outcome.verdict.decision, outcome.verdict.risk.basis_points) == (Decision.BLOCK_AND_ROLLBACK, 750)
    fact = read_decision(log, outcome.decided.seq).fact
    assert fact.ruled_by is not None
    assert (fact.ruled_by.name, fact.policy.block_at) == ("shop", 500)


def test_a_policy_weighs_rules_of_which_the_contract_does_not_say_it(log: Ledger, batch: CsvFile) -> None:
    publish_policy(log, policy(more="weights: {warning: 0.5, range: 0.8}\n"))
    said = parse(CONTRACT.replace(b"range: {min: 0}", b"range: {min: 0}, weight: {range: 0.1}"))

    assert checked(log, batch).verdict.risk.basis_points == 2_000
    assert evaluate_for(log, said, batch, given=Given(clock=lambda: NOON)).verdict.risk.basis_points == 250


@pytest.mark.parametrize(
    ("more", "at", "rules"),
    [
        ("expires: 2026-11-28\n", NOON, True),
        ("expires: 2026-11-28\n", NOON + timedelta(hours=12), False),
        ("datasets: [{namespace: shop, name: orders}]\n", NOON, True),
        ("datasets: [{namespace: shop, name: carts}]\n", NOON, False),
        ("", NOON, True),
    ],
)
def test_a_policy_rules_its_datasets_until_its_last_day_is_over(
    log: Ledger, more: str, at: datetime, rules: bool
) -> None:
    publish_policy(log, policy(more=more))

    assert (ruling_policy(log, parse(CONTRACT).contract.dataset, at) is not None) is rules


def test_one_that_names_the_dataset_goes_before_one_for_all_and_two_alike_are_a_conflict(log: Ledger) -> None:
    dataset = parse(CONTRACT).contract.dataset
    named = "datasets: [{namespace: shop, name: orders}]\n"
    publish_policy(log, policy("all"))
    publish_policy(log, policy("mine", more=named))
    found = ruling_policy(log, dataset, NOON)
    assert found is not None
    assert found.policy.name == "mine"
    publish_policy(log, policy("other", more=named))

    with pytest.raises(ConflictError, match=r"mine and other both rule shop\|orders"):
        ruling_policy(log, dataset, NOON)


def test_a_version_is_published_once_and_only_goes_up(log: Ledger) -> None:
    first = publish_policy(log, policy())

    assert publish_policy(log, policy()) == first
    with pytest.raises(ConflictError, match="is in force with another text"):
        publish_policy(log, policy(more="four_eyes: true\n"))
    with pytest.raises(RefusedError, match=r"does not come after 1\.0\.0"):
        publish_policy(log, policy(version="0.9.0"))
    publish_policy(log, policy(version="1.1.0"))
    assert [each.document.policy.version for each in policies(log)] == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("expires: tomorrow\n", "line 4: expires: is not a day written YYYY-MM-DD"),
        ("weights: {warnings: 1}\n", "line 4: weights: 'warnings' is neither a severity nor a kind of rule"),
        ("risk: {block_at: 0.33333}\n", "line 4: risk.block_at: a threshold has at most four decimal places"),
        ("risk: {alert_at: 0.5}\n", "line 4: risk: alert_at is above 0 and not above block_at"),
        ("risk: {quarantine_at: 0.1}\n", "line 4: risk: quarantine_at is not below alert_at and not above block_at"),
        ("ci: {fail_on: [blok]}\n", "line 4: ci.fail_on.0: is not 'block', 'quarantine' or 'alert'"),
        ("for_eyes: true\n", "line 4: for_eyes: is not a key"),
    ],
)
def test_what_is_no_policy_is_refused_at_its_line(text: str, says: str) -> None:
    with pytest.raises(MalformedError) as caught:
        policy(more=text)

    assert says in str(caught.value)


def overrule(log: Ledger, seq: int, **words: Any) -> int:
    given = {
        "to": Decision.ALLOW,
        "by": "ops:1",
        "approved_by": None,
        "reason": "late feed",
        "until": NOON + timedelta(1),
    }
    return override(log, seq, Word(**(given | words))).seq


def test_an_override_holds_for_the_same_data_and_contract_until_its_moment(log: Ledger, batch: CsvFile) -> None:
    publish_policy(log, policy(more=STRICT))
    blocked = checked(log, batch)
    overrule(log, blocked.decided.seq)

    again, late = checked(log, batch), checked(log, batch, clock=NOON + timedelta(days=1))
    batch.path.write_text("id,amount\n1,-5\n2,4\n3,7\n4,1\n")
    other = checked(log, batch)

    assert [reason.cause.value for reason in again.verdict.reasons] == ["OVERRIDDEN", "RISK_BLOCKS"]
    assert [each.verdict.decision.value for each in (again, late, other)] == [
        "ALLOW",
        "BLOCK_AND_ROLLBACK",
        "BLOCK_AND_ROLLBACK",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({}, "policy shop wants four eyes"),
        ({"approved_by": "ops:1"}, "is approved by whoever overrules"),
        ({"approved_by": "ops:2", "by": "ada lovelace"}, "by is not acceptable"),
        ({"approved_by": "ops:2", "reason": ""}, "reason is not acceptable"),
        ({"approved_by": "ops:2", "to": Decision.BLOCK_AND_ROLLBACK}, "does not soften"),
    ],
)
def test_an_override_that_is_not_acceptable_is_refused_and_nothing_is_written(
    log: Ledger, batch: CsvFile, words: dict[str, Any], says: str
) -> None:
    publish_policy(log, policy(more=f"{STRICT}four_eyes: true\n"))
    seq = checked(log, batch).decided.seq
    size = log.size

    with pytest.raises(RefusedError, match=says):
        overrule(log, seq, **words)

    assert log.size == size
    assert overrule(log, seq, approved_by="ops:2") == size


def test_an_override_is_of_a_decision(log: Ledger) -> None:
    with pytest.raises(MissingError, match="entry 0 is no decision"):
        overrule(log, 0)


def test_every_decision_is_made_again_to_the_same_bytes(log: Ledger, batch: CsvFile) -> None:
    seqs = [checked(log, batch).decided.seq]
    publish_policy(log, policy(more=f"{STRICT}weights: {{range: 0.7}}\n"))
    seqs.append(checked(log, batch).decided.seq)
    overrule(log, seqs[1])
    seqs.append(checked(log, batch).decided.seq)
    publish_policy(log, policy(version="2.0.0"))  # what rules later changes nothing

    for seq in seqs:
        assert replay(log, read_decision(log, seq)).differs == ()
        assert replay(log, read_decision(log, seq), source=batch).differs == ()


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"decision": "ALLOW"}, ("decision",)),
        ({"risk": 1}, ("risk",)),
        ({"reasons": []}, ("reasons",)),
        ({"batch": {"extra_columns": 0, "kind": "csv", "rows": 4}}, ()),
    ],
)
def test_a_decision_that_does_not_follow_from_its_counts_is_named(
    log: Ledger, batch: CsvFile, change: dict[str, Any], differs: tuple[str, ...]
) -> None:
    honest = read_decision(log, checked(log, batch).decided.seq)
    lie = orjson.dumps({**orjson.loads(honest.body), **change}, option=orjson.OPT_SORT_KEYS)
    seq = log.append(Event(type=VALIDATION_DECIDED, source="urn:any", data=lie)).seq

    assert replay(log, read_decision(log, seq)).differs == differs


def test_other_data_and_another_contract_are_told_apart(log: Ledger, batch: CsvFile) -> None:
    known = read_decision(log, checked(log, batch).decided.seq)
    batch.path.write_text("id,amount\n1,5\n")

    assert {"decision", "risk", "reasons", "batch", "range:amount"} <= set(replay(log, known, source=batch).differs)
    with pytest.raises(MalformedError, match="this contract has the hash"):
        replay(log, known, document=parse(CONTRACT + b"owner: shop\n"))


def test_without_the_contracts_text_a_decision_is_not_made_again(log: Ledger, batch: CsvFile) -> None:
    evaluated = evaluate_for(log, parse(CONTRACT), batch, given=Given(clock=lambda: NOON))
    seq = carry_out(log, evaluated, context=Context(source="urn:shop")).decided.seq

    with pytest.raises(MissingError, match=r"the log has no text of contract orders 1\.0\.0"):
        replay(log, read_decision(log, seq))

    assert replay(log, read_decision(log, seq), document=parse(CONTRACT)).differs == ()


def lie(log: Ledger, seq: int, **members: Any) -> int:
    """Append the body of an entry once more, with other members, under the same type; return where."""
    record = log.entry(seq)
    body = {**orjson.loads(record.body or b"{}"), **members}
    return log.append(
        Event(type=record.type, source="urn:any", data=orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    ).seq


OTHER = {"namespace": "mine", "name": "x"}


def test_a_policy_counts_only_where_it_says_what_its_text_says(log: Ledger, batch: CsvFile) -> None:
    seq = publish_policy(log, policy(more="datasets: [{namespace: mine, name: x}]\n")).seq
    lax = "policy: lax\nversion: 9.0.0\nowner: me\nrisk: {alert_on: never, block_on: never, block_at: 1}\n"
    lie(log, seq, definition=lax, policy={"name": "mine", "version": "1.0.0", "sha256": _sha256(lax)})
    lie(log, seq, definition="hello", policy={"name": "mine", "version": "1.1.0", "sha256": _sha256("hello")})

    assert checked(log, batch).verdict.decision is Decision.ALLOW_WITH_ALERT
    assert [each.document.policy.name for each in policies(log)] == ["shop"]
    with log.viewing(ContractHistory()) as db:
        found = db.execute("SELECT reason FROM contracts_unread ORDER BY seq").fetchall()
    assert [reason for (reason,) in found] == ["contradictory", "malformed"]


def test_the_newest_version_of_a_policy_rules_and_not_the_last_in_the_log(log: Ledger) -> None:
    seq = publish_policy(log, policy(version="2.0.0")).seq
    old = policy(version="1.0.0", more="four_eyes: true\n")
    name = {"name": "shop", "version": "1.0.0", "sha256": old.sha256}
    lie(log, seq, definition=old.text, policy=name)

    ruling = ruling_policy(log, parse(CONTRACT).contract.dataset, NOON)

    assert ruling is not None
    assert (ruling.policy.version, len(policies(log))) == ("2.0.0", 2)


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": OTHER},
        {"contract": {"name": "mine", "version": "1.0.0", "sha256": "0" * 64}},
        {"decision": "QUARANTINE"},
        {"to": "BLOCK_AND_ROLLBACK"},
        {"approved_by": "OPS:1"},
    ],
)
def test_an_override_counts_only_where_it_is_of_the_decision_that_it_names(
    log: Ledger, batch: CsvFile, change: dict[str, Any]
) -> None:
    publish_policy(log, policy(more=STRICT))
    blocked = checked(log, batch).decided.seq
    real = overrule(log, blocked, until=NOON + timedelta(seconds=1))
    lie(log, real, until="2027-01-01T00:00:00.000000Z", **change)

    later = checked(log, batch, clock=NOON + timedelta(hours=1))

    assert later.verdict.decision is Decision.BLOCK_AND_ROLLBACK


def test_where_the_policy_that_rules_now_wants_four_eyes_an_override_by_two_holds_alone(
    log: Ledger, batch: CsvFile
) -> None:
    publish_policy(log, policy(more=STRICT))
    early = checked(log, batch).decided.seq
    overrule(log, early)
    assert checked(log, batch).verdict.decision is Decision.ALLOW
    publish_policy(log, policy(version="2.0.0", more=f"{STRICT}four_eyes: true\n"))

    assert checked(log, batch).verdict.decision is Decision.BLOCK_AND_ROLLBACK
    with pytest.raises(RefusedError, match="policy shop wants four eyes"):
        overrule(log, early)
    overrule(log, early, approved_by="ops:2")
    assert checked(log, batch).verdict.decision is Decision.ALLOW


def test_an_override_of_anothers_decision_with_the_same_hashes_is_none_of_ours(log: Ledger, batch: CsvFile) -> None:
    publish_policy(log, policy(more=STRICT))
    blocked = checked(log, batch).decided.seq
    said = orjson.loads(log.entry(blocked).body or b"{}")
    harmless = lie(log, blocked, dataset=OTHER, contract={**said["contract"], "name": "harmless"})
    overrule(log, harmless)

    assert checked(log, batch).verdict.decision is Decision.BLOCK_AND_ROLLBACK


def test_a_policy_is_not_taken_for_data_that_it_does_not_rule(log: Ledger, batch: CsvFile) -> None:
    for more, says in (
        ("datasets: [{namespace: shop, name: carts}]\n", r"does not rule shop\|orders"),
        ("expires: 2026-11-27\n", "was over on 2026-11-27"),
    ):
        with pytest.raises(RefusedError, match=says):
            evaluate_for(log, parse(CONTRACT), batch, given=Given(clock=lambda: NOON), policy=policy(more=more))


@pytest.mark.parametrize(
    "metric", [{"failed": 5, "total": 1}, {"failed": 2**53 - 1, "total": 0}], ids=["more than all", "of none"]
)
def test_a_strangers_counts_that_cannot_be_are_malformed(log: Ledger, batch: CsvFile, metric: dict[str, int]) -> None:
    seq = checked(log, batch).decided.seq
    said = orjson.loads(log.entry(seq).body or b"{}")
    said["metrics"][0] |= metric
    other = lie(log, seq, metrics=said["metrics"])
    many = lie(log, seq, batch={**said["batch"], "extra_columns": 2**53 - 1})

    with pytest.raises(MalformedError, match="counts what cannot be"):
        replay(log, read_decision(log, other))
    with pytest.raises(MalformedError, match="further columns"):
        replay(log, read_decision(log, many))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
