"""Service levels measured from decisions and from the passing of time, breached and mended once each, from a real log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contracts import publish
from contracts.document import Document, parse
from contracts.enforce import check
from contracts.facts import Decided
from contracts.lint import lint
from contracts.notify.notice import notice
from contracts.scan.beside import Given
from contracts.slo.burn import Counts
from contracts.slo.catalogue import catalogue, find
from contracts.slo.facts import BREACHED, MEASURED, RECOVERED, Measured
from contracts.slo.measure import Round, measure, measured_event
from contracts.slo.standing import Standing, standings
from contracts.slo.store import SloFold
from contracts.slo.stretches import seconds_of
from contracts.source import CsvFile
from ledger.clock import print_at
from ledger.event import Event
from proofs.errors import MalformedError, MissingError, RefusedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
CONTRACT = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
owner: sales
schema:
  - {name: id, type: integer, required: true, unique: true, severity: warning}
  - {name: amount, type: number, range: {min: 0}}
checks:
  - {kind: completeness, bounds: {min: 0.9}}
policy: {block_at: 1, block_on: never}
responsible: {on_call: data-oncall, runbook: "https://wiki.example.org/orders"}
slos:
  - {name: arrives, indicator: delivery, target: {max: 86400}, objective: 0.99}
  - {name: complete, indicator: completeness, target: {min: 0.95}, objective: 0.9, owner: quality}
  - {name: accurate, indicator: accuracy, target: {min: 0.9}, objective: 0.5, window_days: 7}
  - {name: up, indicator: availability, target: {min: 0.999}}
"""
GOOD = "id,amount\n1,5\n2,6\n3,7\n4,8\n"
HOLEY = "id,amount\n1,5\n2,\n3,\n4,8\n"


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    ledgers.now = START
    created = ledgers.create()
    publish.publish(created, document())
    return created


def document(text: str = CONTRACT) -> Document:
    return parse(text.encode())


def batch(log: Ledger, folder: Path, rows: str, text: str = CONTRACT) -> int:
    (folder / "batch.csv").write_text(rows)
    return check(log, document(text), CsvFile(folder / "batch.csv")).decided.seq


def at(ledgers: Ledgers, **later: float) -> int:
    """Set the clock to so much after the start, and return the second."""
    ledgers.now = START + timedelta(**later)
    return seconds_of(print_at(ledgers.now))


def by_name(found: Round | tuple[Standing, ...]) -> dict[str, Standing]:
    listed = found.standings if isinstance(found, Round) else found
    return {standing.level.slo.name: standing for standing in listed}


def bodies(log: Ledger, type: str) -> list[Any]:
    return [json.loads(record.body or b"") for record in log.read() if record.type == type]


def test_the_catalogue_has_every_level_of_the_version_that_binds_and_who_answers_for_it(log: Ledger) -> None:
    publish.publish(log, document(CONTRACT.replace("1.0.0", "1.1.0").replace("owner: quality", "on_call: night-shift")))

    levels = catalogue(log)

    assert [(level.name, level.contract.version, level.owner, level.on_call) for level in levels] == [
        ("orders/arrives", "1.1.0", "sales", "data-oncall"),
        ("orders/complete", "1.1.0", "sales", "night-shift"),
        ("orders/accurate", "1.1.0", "sales", "data-oncall"),
        ("orders/up", "1.1.0", "sales", "data-oncall"),
    ]
    assert [level.objective for level in levels] == [990_000, 900_000, 500_000, 999_000]
    assert {level.since for level in levels} == {2}
    assert find(levels, "orders/up").runbook == "https://wiki.example.org/orders"
    with pytest.raises(RefusedError, match="contract orders has 4 service levels"):
        find(levels, "orders")
    with pytest.raises(MissingError, match="there is no service level 'orders/down'"):
        find(levels, "orders/down")


def test_a_level_that_nobody_can_measure_is_remarked_on() -> None:
    text = CONTRACT.replace("{max: 86400}", "{min: 5}").replace("owner: quality", "rules: [completeness, completness]")

    remarks = lint(text.encode(), name="orders.yaml")

    assert [(each.is_error, each.where, each.what) for each in remarks] == [
        (False, "orders.yaml line 13", "service level arrives states no greatest age, and nobody can measure it"),
        (
            False,
            "orders.yaml line 14",
            "service level complete is measured by rule 'completness', which the contract does not have",
        ),
    ]


def test_a_target_that_is_no_number_measures_nothing_and_stops_nobody(ledgers: Ledgers, tmp_path: Path) -> None:
    log = ledgers.create()
    text = CONTRACT.replace("target: {min: 0.95}", "target: {min: soon}").replace("{max: 86400}", '{max: "1 day"}')
    publish.publish(log, document(text))
    batch(log, tmp_path, HOLEY, text)

    found = by_name(measure(log, at(ledgers, hours=1)))

    assert [(name, each.state) for name, each in found.items()] == [
        ("arrives", "unmeasured"),
        ("complete", "unmeasured"),
        ("accurate", "met"),
        ("up", "unmeasured"),
    ]
    assert [each.what for each in lint(text.encode(), name="orders.yaml")] == [
        "service level arrives states no greatest age, and nobody can measure it",
        "service level complete states a target that is no number, and nobody can measure it",
    ]


def test_batches_are_measured_from_what_was_decided_each_once(log: Ledger, ledgers: Ledgers, tmp_path: Path) -> None:
    good = batch(log, tmp_path, GOOD)
    holey = batch(log, tmp_path, HOLEY)
    clock = at(ledgers, minutes=10)

    first, second = measure(log, clock), measure(log, clock)

    measured = [
        (body["slo"], body["decided"]["seq"], body["good"], body["total"], body["value"])
        for body in bodies(log, MEASURED)
        if "decided" in body
    ]
    assert measured == [
        ("complete", good, 1, 1, "1"),
        ("complete", holey, 0, 1, "0.75"),
        ("accurate", good, 1, 1, "1"),
        ("accurate", holey, 1, 1, "1"),
    ]
    assert (first.measured, second.measured) == (5, 0)
    assert by_name(second)["complete"].state == "spent"
    assert by_name(second)["accurate"].state == "met"
    assert by_name(second)["up"].state == "unmeasured"


def test_time_is_measured_without_a_gap_whenever_somebody_looks(log: Ledger, ledgers: Ledgers, tmp_path: Path) -> None:
    at(ledgers, hours=1)
    batch(log, tmp_path, GOOD)
    measure(log, at(ledgers, hours=2))
    at(ledgers, hours=30)
    batch(log, tmp_path, GOOD)
    measure(log, at(ledgers, hours=31))

    found = [
        (body["since"][11:19], body["clock"][5:19], body["good"], body["total"])
        for body in bodies(log, MEASURED)
        if body["slo"] == "arrives"
    ]
    assert found == [
        ("09:00:00", "11-20T11:00:00", 7_200, 7_200),
        ("11:00:00", "11-21T10:00:00", 82_800, 82_800),
        ("10:00:00", "11-21T15:00:00", 0, 18_000),
        ("15:00:00", "11-21T16:00:00", 3_600, 3_600),
    ]
    standing = by_name(standings(log, catalogue(log), at(ledgers, hours=31)))["arrives"]
    assert (standing.counts.good, standing.counts.total, standing.budget.left) == (93_600, 111_600, 3_055)


def test_a_batch_that_was_blocked_delivers_nothing(log: Ledger, ledgers: Ledgers, tmp_path: Path) -> None:
    strict = CONTRACT.replace("block_on: never", "block_on: warning").replace("1.0.0", "2.0.0")
    publish.publish(log, document(strict))
    at(ledgers, hours=20)
    batch(log, tmp_path, HOLEY, strict)

    measure(log, at(ledgers, hours=26))

    found = [(body["good"], body["total"]) for body in bodies(log, MEASURED) if body["slo"] == "arrives"]
    assert found == [(86_400, 86_400), (0, 7_200)]


def test_freshness_counts_from_the_newest_moment_that_was_measured(ledgers: Ledgers, tmp_path: Path) -> None:
    ledgers.now = START
    log = ledgers.create()
    text = """name: clicks
version: 1.0.0
dataset: {namespace: shop, name: clicks}
schema: [{name: seen, type: timestamp}]
checks: [{kind: freshness, column: seen, max_age_seconds: 7200}]
slos: [{name: fresh, indicator: freshness, target: {max: 3600}, objective: 0.9, window_days: 1}]
"""
    publish.publish(log, document(text))
    (tmp_path / "batch.csv").write_text("seen\n2026-11-20T08:30:00Z\n")
    check(log, document(text), CsvFile(tmp_path / "batch.csv"), given=Given(clock=lambda: START + timedelta(seconds=1)))

    measure(log, at(ledgers, hours=1))

    found = [(body["clock"][11:19], body["good"], body["total"]) for body in bodies(log, MEASURED)]
    assert found == [("09:30:00", 1_800, 1_800), ("10:00:00", 0, 1_800)]


def test_a_breach_and_its_recovery_are_recorded_once_each_and_told(
    log: Ledger, ledgers: Ledgers, tmp_path: Path
) -> None:
    at(ledgers, hours=1)
    batch(log, tmp_path, GOOD)
    late = at(ledgers, hours=26)
    first, again = measure(log, late), measure(log, late)
    at(ledgers, hours=27)
    batch(log, tmp_path, GOOD)
    mended = measure(log, at(ledgers, hours=35))

    assert first.breached == (
        ("orders/arrives", "fast"),
        ("orders/arrives", "medium"),
        ("orders/arrives", "slow"),
    )
    assert (again.breached, again.recovered) == ((), ())
    assert mended.recovered == (
        ("orders/arrives", "fast"),
        ("orders/arrives", "medium"),
        ("orders/arrives", "slow"),
    )
    [fast, *_] = bodies(log, BREACHED)
    assert (fast["alert"], fast["episode"], fast["burn"], fast["left"]) == ("fast", 1, [10_000, 10_000], 8_611)
    assert (fast["on_call"], fast["runbook"]) == ("data-oncall", "https://wiki.example.org/orders")
    told = [notice(record.type, record.body or b"") for record in log.read() if record.type in (BREACHED, RECOVERED)]
    assert [(each.level, each.title) for each in told if each and "fast" in each.key] == [
        ("critical", "orders/arrives: the error budget burns 100.00 times too fast (fast), 86.11 % of it is left"),
        ("info", "orders/arrives: recovered (fast), 72.22 % of its error budget is left"),
    ]
    assert [each.text for each in told[:1] if each] == [
        "delivery, 99 % over 30 days; owner sales, on call data-oncall; https://wiki.example.org/orders"
    ]


def test_of_batches_the_last_three_and_the_last_alone_are_looked_at(
    log: Ledger, ledgers: Ledgers, tmp_path: Path
) -> None:
    seen = []
    for day, rows in enumerate([GOOD] * 25 + [HOLEY, HOLEY, GOOD]):
        at(ledgers, days=day, hours=1)
        batch(log, tmp_path, rows)
        found = measure(log, at(ledgers, days=day, hours=2), only=frozenset(("orders/complete",)))
        seen.append((found.breached, found.recovered, by_name(found)["complete"].budget.left))

    name = "orders/complete"
    assert seen[:25] == [((), (), 10_000)] * 25
    assert seen[25] == (((name, "slow"),), (), 6_153)
    assert seen[26] == (((name, "medium"),), (), 2_592)
    assert seen[27] == ((), ((name, "medium"), (name, "slow")), 2_857)


def test_what_a_stranger_says_of_a_level_twice_or_wrongly_is_named_and_counts_for_nothing(
    log: Ledger, ledgers: Ledgers, tmp_path: Path
) -> None:
    seq = batch(log, tmp_path, GOOD)
    measure(log, at(ledgers, minutes=1))
    level, up = find(catalogue(log), "orders/complete"), find(catalogue(log), "orders/up")
    before = standings(log, (level, up), at(ledgers, minutes=2))
    said: dict[str, Any] = {"good": 0, "total": 1, "clock": "2026-11-20T09:00:30.000000Z"}
    twice = log.append(measured_event(level, "again", decided=Decided(seq=seq, leaf="0" * 64), **said)).seq
    arrives = find(catalogue(log), "orders/arrives")
    over = log.append(
        measured_event(arrives, "over", good=0, total=30, since="2026-11-20T09:00:00.000000Z", clock=said["clock"])
    ).seq

    soon = {**said, "clock": "2026-11-20T09:05:00.000000Z", "probe": {"kind": "http"}}
    early = log.append(measured_event(up, "early", **soon)).seq
    other = measured_event(level, "other", decided=Decided(seq=over, leaf="0" * 64), **said)
    foreign = log.append(other.model_copy(update={"source": "urn:shop"})).seq

    assert standings(log, (level, up), at(ledgers, minutes=2)) == before
    with log.viewing(SloFold()) as db:
        unread = db.execute("SELECT seq, reason FROM slo_unread").fetchall()
    assert unread == [(twice, "repeated"), (over, "repeated"), (early, "early"), (foreign, "foreign")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"good": 2, "total": 1, "probe": {"kind": "http"}},
        {"good": 1, "total": 1},
        {"good": 1, "total": 1, "probe": {"kind": "http"}, "decided": {"seq": 1, "leaf": "0" * 64}},
        {"good": 1, "total": 2, "since": "2026-11-20T08:00:00.000000Z"},
        {"good": 1, "total": 3600, "since": "2026-11-20T08:00:00.000000Z", "indicator": "delivery"},
        {"good": 1, "total": 1, "probe": {"kind": "http"}, "indicator": "delivery"},
        {"good": 1, "total": 1, "probe": {"kind": "http"}, "indicator": "accuracy"},
        {"good": 1, "total": 10**10, "probe": {"kind": "http"}},
        {"good": 1, "total": 1, "probe": {"kind": "http", "url": "https://secret@host"}},
    ],
)
def test_a_measurement_speaks_of_one_thing_and_of_no_more_good_than_there_was(wrong: dict[str, Any]) -> None:
    said = {
        "clock": "2026-11-20T09:00:00.000000Z",
        "contract": {"name": "orders", "version": "1.0.0", "sha256": "0" * 64},
        "dataset": {"namespace": "shop", "name": "orders"},
        "indicator": "availability",
        "slo": "up",
        **wrong,
    }
    with pytest.raises(MalformedError):
        Measured.parse(json.dumps(said).encode())


def test_I19_the_view_is_the_same_bytes_when_the_log_is_replayed(log: Ledger, ledgers: Ledgers, tmp_path: Path) -> None:
    batch(log, tmp_path, GOOD)
    batch(log, tmp_path, HOLEY)
    measure(log, at(ledgers, hours=30))
    with log.viewing(SloFold()) as db:
        before = list(db.conn.iterdump())

    log.views.drop("slo")

    with log.viewing(SloFold()) as db:
        assert list(db.conn.iterdump()) == before
    assert any("slo_breach" in line and "fast" in line for line in before)


def test_of_two_who_measure_at_once_one_records_and_nothing_is_counted_twice(log: Ledger, ledgers: Ledgers) -> None:
    class Beside:
        """A log on which somebody else measures just before we write for the first time."""

        def __init__(self) -> None:
            self.waits = True

        def append(self, event: Event) -> Any:
            if self.waits:
                self.waits = False
                ledgers.now += timedelta(seconds=60)
                measure(log, late + 60)
            return log.append(event)

        def __getattr__(self, name: str) -> Any:
            return getattr(log, name)

    late = at(ledgers, hours=26)

    ours = measure(Beside(), late)

    assert (ours.measured, ours.breached) == (1, ())
    assert [body["clock"][11:19] for body in bodies(log, MEASURED)] == ["09:00:00", "11:01:00"]
    assert [(body["alert"], body["episode"]) for body in bodies(log, BREACHED)] == [
        ("fast", 1),
        ("medium", 1),
        ("slow", 1),
    ]


def test_a_log_in_postgresql_is_measured_alike(postgres_ledgers: Ledgers, tmp_path: Path) -> None:
    postgres_ledgers.now = START
    log = postgres_ledgers.create()
    publish.publish(log, document())
    batch(log, tmp_path, HOLEY)

    first, second = measure(log, at(postgres_ledgers, hours=30)), measure(log, at(postgres_ledgers, hours=30))

    assert (first.measured, second.measured) == (4, 0)
    assert by_name(second)["arrives"].counts == Counts(86_400, 108_000)
    assert [alert for _, alert in first.breached] == ["fast", "medium", "slow", "budget", "fast", "medium", "slow"]
    assert (second.breached, second.recovered) == ((), ())
