"""Every kind of bad batch, made from a good one: each ends in the decision that its policy dictates, and none is let through.

One contract, one good batch of 10,000 rows, and what goes wrong in real pipelines: a column renamed, retyped, dropped or moved;
a unit changed; bursts of nulls, duplicates and strangers; stale, truncated, empty, doubled, drifted and wrongly encoded files.
Each under a strict policy, under one that quarantines, and under one that only warns.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts import profiles, publish
from contracts.decision import Decision
from contracts.document import Document, parse
from contracts.enforce import carry_out
from contracts.policies import evaluate_for, publish_policy
from contracts.policyfile import parse_policy
from contracts.record import Context
from contracts.replay import read_decision, replay
from contracts.scan.beside import Given
from contracts.source import CsvFile
from proofs.errors import MalformedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
CONTRACT = """name: payments
version: 1.0.0
dataset: {namespace: shop, name: payments}
owner: payments
schema:
  - {name: id, type: integer, required: true, unique: true}
  - {name: email, type: string, format: email, max_null: 0.02}
  - {name: amount_usd, type: number, range: {min: 0, max: 5000}, required: true}
  - {name: currency, type: string, enum: [usd, eur, gbp], required: true}
  - {name: created, type: timestamp, required: true}
row_count: {min: 5000, max: 15000}
extra_columns: {severity: warning}
checks:
  - {kind: freshness, column: created, max_age_seconds: 86400}
  - {kind: mean, column: amount_usd, bounds: {min: 60, max: 140}}
  - {kind: completeness, columns: [email], bounds: {min: 0.98}}
  - {kind: drift, column: amount_usd, measure: psi, max: 0.25}
"""
Rows = list[list[str]]
Change = Callable[[Rows], Rows]


def good(seed: int = 1) -> Rows:
    draw = random.Random(seed)
    header = ["id", "email", "amount_usd", "currency", "created"]
    rows = [
        [
            str(number),
            f"user{number}@example.org",
            f"{draw.uniform(1, 199):.2f}",
            draw.choice(["usd", "eur", "gbp"]),
            (NOON - timedelta(seconds=draw.randrange(80_000))).strftime("%Y-%m-%dT%H:%M:%SZ"),
        ]
        for number in range(10_000)
    ]
    return [header, *rows]


def column(name: str, change: Callable[[int, str], str]) -> Change:
    """Change the values of one column; `change` is given the number of the row and the value."""

    def changed(rows: Rows) -> Rows:
        place = rows[0].index(name)
        for number, row in enumerate(rows[1:]):
            row[place] = change(number, row[place])
        return rows

    return changed


def renamed(rows: Rows) -> Rows:
    return [[name.replace("amount_usd", "amount") for name in rows[0]], *rows[1:]]


def without(name: str) -> Change:
    def changed(rows: Rows) -> Rows:
        place = rows[0].index(name)
        return [row[:place] + row[place + 1 :] for row in rows]

    return changed


def moved_to_another_header(rows: Rows) -> Rows:
    return [[rows[0][1], rows[0][0], *rows[0][2:]], *rows[1:]]


BAD: dict[str, tuple[Change, Decision, str]] = {
    # What goes wrong, the least that has to be decided, and the rule that has to say so.
    "a column is renamed": (renamed, Decision.BLOCK_AND_ROLLBACK, "present:amount_usd"),
    "a column is gone": (without("currency"), Decision.BLOCK_AND_ROLLBACK, "present:currency"),
    "two columns change places": (moved_to_another_header, Decision.BLOCK_AND_ROLLBACK, "type:id"),
    "a column has another type": (column("id", lambda n, _: f"user-{n}"), Decision.BLOCK_AND_ROLLBACK, "type:id"),
    "a few values have another type": (
        column("amount_usd", lambda n, v: "n/a" if n % 1_000 == 0 else v),
        Decision.BLOCK_AND_ROLLBACK,
        "type:amount_usd",
    ),
    "cents in place of dollars": (
        column("amount_usd", lambda _, v: f"{float(v) * 100:.0f}"),
        Decision.ALLOW_WITH_ALERT,
        "mean:amount_usd",
    ),
    "a burst of nulls": (
        column("email", lambda n, v: "" if n % 5 == 0 else v),
        Decision.ALLOW_WITH_ALERT,
        "max_null:email",
    ),
    "nulls where none may be": (
        column("currency", lambda n, v: "" if n == 77 else v),
        Decision.BLOCK_AND_ROLLBACK,
        "required:currency",
    ),
    "a burst of duplicates": (
        column("id", lambda n, _: str(n // 2)),
        Decision.BLOCK_AND_ROLLBACK,
        "unique:id",
    ),
    "every row twice": (lambda rows: rows + [list(row) for row in rows[1:]], Decision.BLOCK_AND_ROLLBACK, "unique:id"),
    "strange values": (
        column("currency", lambda n, v: "btc" if n % 10 == 0 else v),
        Decision.ALLOW_WITH_ALERT,
        "enum:currency",
    ),
    "strange addresses": (
        column("email", lambda n, v: v if n % 3 else "nobody"),
        Decision.ALLOW_WITH_ALERT,
        "format:email",
    ),
    "stale": (
        column("created", lambda _, v: v.replace("2026-11", "2026-10")),
        Decision.ALLOW_WITH_ALERT,
        "freshness:created",
    ),
    "truncated to the half": (lambda rows: rows[:4_000], Decision.ALLOW_WITH_ALERT, "row_count"),
    "empty but for the header": (lambda rows: rows[:1], Decision.ALLOW_WITH_ALERT, "row_count"),
    "drifted": (
        column("amount_usd", lambda n, v: v if n % 2 else "150.00"),
        Decision.ALLOW_WITH_ALERT,
        "drift:amount_usd",
    ),
    "a column more": (lambda rows: [[*row, "x"] for row in rows], Decision.ALLOW_WITH_ALERT, "extra_columns"),
}
STRICT = "risk: {alert_on: info, block_on: warning}\n"
QUARANTINE = "risk: {quarantine_on: warning, block_on: never, block_at: 1, quarantine_at: 0.3}\n"
LENIENT = "risk: {alert_on: warning, block_on: never, block_at: 1}\n"
RANKS = {STRICT: Decision.BLOCK_AND_ROLLBACK, QUARANTINE: Decision.QUARANTINE, LENIENT: Decision.ALLOW_WITH_ALERT}


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


def written(rows: Rows, folder: Path) -> CsvFile:
    path = folder / "payments.csv"
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    return CsvFile(path)


def decided(log: Ledger, document: Document, source: CsvFile) -> tuple[Decision, set[str], int]:
    """Hold a batch to the contract as `tally check` does; return the decision, the broken rules and the entry."""
    given = Given(clock=lambda: NOON, profiles=profiles.references(log, document.contract.dataset))
    evaluated = evaluate_for(log, document, source, given=given)
    publish.publish(log, document, Context(source="urn:shop"))
    outcome = carry_out(log, evaluated, context=Context(source="urn:shop"))
    broken = {metric.rule.id for metric in outcome.measurement.metrics if not metric.passed}
    return outcome.verdict.decision, broken, outcome.decided.seq


def test_a_good_batch_is_allowed_and_so_is_another_like_it(log: Ledger, tmp_path: Path) -> None:
    document = parse(CONTRACT.encode())
    first = decided(log, document, written(good(1), tmp_path))
    second = decided(log, document, written(good(2), tmp_path))

    # The first has nothing to be compared with: a drift that cannot be measured is no pass.
    assert first[:2] == (Decision.ALLOW_WITH_ALERT, {"drift:amount_usd"})
    assert second[:2] == (Decision.ALLOW, set())


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_batch_ends_in_the_decision_that_the_policy_dictates(log: Ledger, tmp_path: Path, kind: str) -> None:
    change, least, rule = BAD[kind]
    document = parse(CONTRACT.encode())
    for seed in (1, 2):
        decided(log, document, written(good(seed), tmp_path))

    decision, broken, seq = decided(log, document, written(change(good(3)), tmp_path))

    assert rule in broken
    assert decision.rank >= least.rank
    assert replay(log, read_decision(log, seq)).differs == ()


@pytest.mark.parametrize("policy", RANKS, ids=["strict", "quarantine", "lenient"])
def test_no_risky_batch_passes_whatever_the_policy(log: Ledger, tmp_path: Path, policy: str) -> None:
    document = parse(CONTRACT.encode())
    for seed in (1, 2):
        decided(log, document, written(good(seed), tmp_path))
    publish_policy(log, parse_policy(f"policy: shop\nversion: 1.0.0\nowner: shop\n{policy}".encode()))

    found = {kind: decided(log, document, written(change(good(3)), tmp_path))[0] for kind, (change, *_) in BAD.items()}

    assert {kind for kind, decision in found.items() if decision.rank < RANKS[policy].rank} == set()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("id,email\n1,ä@example.org\n".encode("latin-1"), "UTF-8|cannot be read"),
        ("id,email\n1,a@example.org\n".encode("utf-16"), "UTF-8|header"),
        (b'id,email\n1,a@example.org\n2,"never closed\n', "cannot be read"),
        (b"", "has no header"),
        (b"id,email\n1,a@example.org,extra,extra\n", "cannot be read"),
    ],
    ids=["another encoding", "two bytes a letter", "cut in a value", "nothing", "longer rows"],
)
def test_what_cannot_be_read_is_never_decided_upon(log: Ledger, tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "payments.csv"
    path.write_bytes(data)
    size = log.size

    with pytest.raises(MalformedError, match=says):
        decided(log, parse(CONTRACT.encode()), CsvFile(path))

    assert log.size == size
