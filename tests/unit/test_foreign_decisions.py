"""What other engines found, decided by the contract's policy, recorded with our own, and made again to the same bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contracts import publish
from contracts.decision import Decision
from contracts.document import parse
from contracts.enforce import Outcome, carry_out, evaluate
from contracts.engines.measured import Taken, take
from contracts.facts import Batch, ValidationDecided
from contracts.metric import Metric
from contracts.overrides import Word, override
from contracts.policies import evaluate_for
from contracts.policyfile import PolicyDocument, parse_policy
from contracts.record import Context
from contracts.replay import Known, read_decision, replay
from contracts.scan.beside import Given
from contracts.source import CsvFile
from proofs.errors import MalformedError, RefusedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
UNTIL = datetime(2027, 1, 1, tzinfo=UTC)
FOLDER = Path(__file__).parents[1] / "vectors" / "engines"
CONTRACT = b"""name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true}
  - {name: amount, type: number, range: {min: 0}}
checks:
  - {kind: mean, id: "soda:b2", column: amount, bounds: {min: 0}, severity: info}
"""
SODA = {"hasErrors": False, "logs": [{"message": "Soda Core 3.5.6"}]}
TOTAL = {"identity": "metric-d-orders-row_count", "metricName": "row_count", "value": 400}


def soda(*checks: dict[str, Any]) -> Taken:
    filled = [{"dataSource": "d", "table": "orders", "metrics": ["m"], **check} for check in checks]
    metrics = [TOTAL, {"identity": "m", "metricName": "missing_count", "value": None}]
    return take("soda", json.dumps({**SODA, "metrics": metrics, "checks": filled}).encode())


def one(outcome: str | None, value: int | None, identity: str = "a1", **changed: Any) -> dict[str, Any]:
    return {"identity": identity, "outcome": outcome, "column": "id", "diagnostics": {"value": value}, **changed}


PASSED, FAILED = one("pass", 0), one("fail", 100)


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


@pytest.fixture
def batch(tmp_path: Path) -> CsvFile:
    (tmp_path / "orders.csv").write_text("id,amount\n1,5\n2,4\n")
    return CsvFile(tmp_path / "orders.csv")


def checked(
    log: Ledger, source: CsvFile | None, *results: Taken, policy: PolicyDocument | None = None
) -> tuple[Outcome, Known]:
    document = parse(CONTRACT)
    evaluated = evaluate_for(log, document, source, given=Given(clock=lambda: NOON), policy=policy, results=results)
    publish.publish(log, document, Context(source="urn:shop"))
    outcome = carry_out(log, evaluated, context=Context(source="urn:shop"))
    return outcome, read_decision(log, outcome.decided.seq)


def metric(check: dict[str, Any]) -> Metric:
    evaluated = evaluate(parse(CONTRACT), None, given=Given(clock=lambda: NOON), results=[soda(check)])
    return evaluated.measurement.metrics[0]


@pytest.mark.parametrize(
    ("check", "found", "counts", "structural", "severity", "tolerance"),
    [
        (one("pass", 0), "passed", (0, 400), False, "critical", 0),
        (one("pass", 7), "passed", (7, 400), False, "critical", 17_500),
        (one("pass", 1, filter="x"), "passed", (0, 1), True, "critical", 0),
        (one("fail", 7), "failed", (7, 400), False, "critical", 0),
        (one("fail", 0), "failed", (1, 1), True, "critical", 0),
        (one("fail", None), "failed", (1, 1), True, "critical", 0),
        (one("fail", 7, filter="x"), "failed", (1, 1), True, "critical", 0),
        (one("warn", 7), "failed", (7, 400), False, "warning", 0),
        (one(None, 0), "unmeasured", (0, 0), True, "critical", 0),
        (one(None, None, diagnostics={"warn": {}}), "unmeasured", (0, 0), True, "warning", 0),
    ],
)
def test_a_check_becomes_a_rule_with_the_counts_that_were_told(
    check: dict[str, Any], found: str, counts: tuple[int, int], structural: bool, severity: str, tolerance: int
) -> None:
    made = metric(check)

    assert (made.rule.id, made.rule.kind, made.rule.columns) == ("soda:a1", "foreign", ("id",))
    assert (made.found, (made.failed, made.total), made.structural) == (found, counts, structural)
    assert (made.rule.severity, made.rule.tolerance) == (severity, tolerance)


def test_how_many_failed_is_told_where_nobody_says_of_how_many() -> None:
    assert metric(one("fail", 7, filter="x")).hint == "missing_count, 7 failed"
    assert metric(one("fail", 7)).hint == "missing_count"


def test_a_column_that_the_contract_does_not_name_is_not_recorded() -> None:
    assert metric(one("pass", 0, column="jane@example.org")).rule.columns == ()


def test_an_id_that_is_taken_is_numbered() -> None:
    results = [soda(PASSED, PASSED, one("pass", 0, "b2")), soda(PASSED)]

    measurement = evaluate(parse(CONTRACT), None, given=Given(clock=lambda: NOON), results=results).measurement

    assert [each.rule.id for each in measurement.metrics] == ["soda:a1", "soda:a1#2", "soda:b2#2", "soda:a1#3"]


def test_results_alone_are_an_external_batch(log: Ledger) -> None:
    taken = soda(PASSED)

    outcome, known = checked(log, None, taken)

    assert outcome.verdict.decision is Decision.ALLOW
    assert known.fact.batch.model_dump(exclude_none=True) == {
        "kind": "external",
        "rows": 400,
        "extra_columns": 0,
        "results": (
            {"engine": "soda 3.5.6", "sha256": taken.told.file.sha256, "size_bytes": taken.told.file.size_bytes},
        ),
    }
    assert known.fact.engine == "soda 3.5.6"
    assert [each.rule for each in known.fact.metrics] == ["soda:a1"]


def test_our_own_rules_and_those_of_others_are_decided_together(log: Ledger, batch: CsvFile) -> None:
    alone, _ = checked(log, batch)
    together, known = checked(log, batch, soda(FAILED), soda(one("warn", 4, "w1")))

    assert alone.verdict.decision is not Decision.BLOCK_AND_ROLLBACK
    assert together.verdict.decision is Decision.BLOCK_AND_ROLLBACK
    assert together.verdict.risk.basis_points > 2_500
    assert [each.rule for each in known.fact.metrics][-2:] == ["soda:a1", "soda:w1"]
    assert known.fact.batch.kind == "csv"
    assert known.fact.engine.endswith(", soda 3.5.6")
    assert len(known.fact.batch.results or ()) == 2


@pytest.mark.parametrize("weight", ["critical", "foreign"])
def test_a_policy_weighs_foreign_rules_too(log: Ledger, weight: str) -> None:
    ruled = parse_policy(f"policy: p\nversion: 1.0.0\nowner: o\nweights: {{{weight}: 0.5}}\n".encode())

    outcome, _ = checked(log, None, soda(FAILED), policy=ruled)

    assert outcome.measurement.metrics[0].rule.weight == 500_000
    assert outcome.verdict.risk.basis_points == 1_250


@pytest.mark.parametrize("checks", [(PASSED,), (FAILED,), (one("pass", 7), one("warn", 3, "b"), one(None, 1, "c"))])
@pytest.mark.parametrize("with_data", [True, False])
def test_a_decision_is_made_again_to_the_same_bytes(
    log: Ledger, batch: CsvFile, checks: tuple[dict[str, Any], ...], with_data: bool
) -> None:
    _, known = checked(log, batch if with_data else None, soda(*checks))

    assert replay(log, known).differs == ()
    if with_data:
        assert replay(log, known, source=batch).differs == ()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*-*")), ids=lambda path: path.name)
def test_a_decision_on_a_real_result_is_made_again_and_holds_no_value_of_the_data(log: Ledger, path: Path) -> None:
    names = {"great_expectations": "gx"}
    engine = "soda4" if path.name.startswith("soda-4") else path.name.partition("-")[0]

    _, known = checked(log, None, take(names.get(engine, engine), path.read_bytes()))

    assert replay(log, known).differs == ()
    for value in (b"bad", b"worse", b"@x", b"SECRET", b"7777", b"Binder", b"Traceback"):
        assert value not in known.body


@pytest.mark.parametrize(
    ("member", "value"), [("tolerance", 900_000), ("weight", 1), ("found", "passed"), ("structural", True)]
)
def test_a_count_that_was_bent_is_seen(log: Ledger, member: str, value: object) -> None:
    _, known = checked(log, None, soda(FAILED))
    bent = known.fact.model_dump(mode="json", exclude_none=True, by_alias=True)
    bent["metrics"][0][member] = value
    body = json.dumps(bent).encode()

    again = replay(log, replace(known, fact=ValidationDecided.parse(body), body=body))

    assert again.differs != ()


def test_a_count_that_cannot_be_is_told(log: Ledger) -> None:
    _, known = checked(log, None, soda(FAILED))
    bent = known.fact.model_dump(mode="json", exclude_none=True, by_alias=True)
    bent["metrics"][0]["failed"] = 401
    body = json.dumps(bent).encode()

    with pytest.raises(MalformedError, match="401 of 400"):
        replay(log, replace(known, fact=ValidationDecided.parse(body), body=body))


def test_a_rule_that_is_not_of_the_contract_is_made_again_for_other_engines_alone(log: Ledger, batch: CsvFile) -> None:
    _, known = checked(log, batch, soda(PASSED))
    bent = known.fact.model_dump(mode="json", exclude_none=True, by_alias=True)
    bent["metrics"][-1]["kind"] = "range"
    body = json.dumps(bent).encode()

    assert replay(log, replace(known, fact=ValidationDecided.parse(body), body=body)).differs == ("soda:a1",)


def test_what_others_measured_cannot_be_measured_again(log: Ledger, batch: CsvFile) -> None:
    _, known = checked(log, None, soda(PASSED))

    with pytest.raises(RefusedError, match="there is no data to measure again"):
        replay(log, known, source=batch)


def test_an_override_holds_for_the_same_data_and_results_alone(log: Ledger, batch: CsvFile) -> None:
    _, known = checked(log, batch, soda(FAILED))
    word = Word(Decision.ALLOW, by="ops:1", reason="known feed", until=UNTIL)
    override(log, known.seq, word)

    same, _ = checked(log, batch, soda(FAILED))
    other, _ = checked(log, batch, soda(one("fail", 101)))
    fewer, _ = checked(log, None, soda(FAILED))

    decided = [outcome.verdict.decision for outcome in (same, other, fewer)]
    assert decided == [Decision.ALLOW, Decision.BLOCK_AND_ROLLBACK, Decision.BLOCK_AND_ROLLBACK]


def test_results_alone_are_overruled_by_their_own_bytes(log: Ledger) -> None:
    _, known = checked(log, None, soda(FAILED))
    override(log, known.seq, Word(Decision.ALLOW, by="ops:1", reason="x", until=UNTIL))

    outcome, again = checked(log, None, soda(FAILED))

    assert outcome.verdict.decision is Decision.ALLOW
    assert replay(log, again).differs == ()


def test_nothing_at_all_decides_nothing() -> None:
    with pytest.raises(RefusedError, match="nothing to decide by"):
        evaluate(parse(CONTRACT), None)


@pytest.mark.parametrize(
    "batch",
    [
        {"kind": "external", "rows": 1, "extra_columns": 0},
        {"kind": "external", "rows": 1, "extra_columns": 0, "results": []},
        {
            "kind": "external",
            "rows": 1,
            "extra_columns": 0,
            "sha256": "0" * 64,
            "results": [{"engine": "soda", "sha256": "0" * 64, "size_bytes": 1}],
        },
    ],
)
def test_an_external_batch_is_known_by_results_alone(batch: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="results"):
        Batch.model_validate_json(json.dumps(batch))
