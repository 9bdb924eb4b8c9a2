"""What projections do alike on every driver: position and output move together, and a replay gives the same rows (I19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlite_utils

from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.projection import PAGE, Projector, StreamIndex
from ledger.record import Record
from proofs.errors import TamperedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers


class Sums:
    """A projection with state: rows are updated, not only added."""

    name = "sums"
    version = 1
    types: frozenset[str] = frozenset(["com.example.number.v1"])
    wants_bodies = True

    def __init__(self) -> None:
        self.applied: list[int] = []

    def create(self, db: sqlite_utils.Database) -> None:
        db.execute("CREATE TABLE sums_total (source TEXT PRIMARY KEY, total INTEGER NOT NULL) STRICT, WITHOUT ROWID")

    def apply(self, db: sqlite_utils.Database, record: Record) -> None:
        number = record.json()["n"]
        if number < 0:
            raise ArithmeticError
        self.applied.append(record.seq)
        db.execute(
            "INSERT INTO sums_total VALUES (?, ?) ON CONFLICT DO UPDATE SET total = total + excluded.total",
            [record.source, number],
        )


class LaterSums(Sums):
    version = 2


def number(n: int, source: str = "urn:a") -> Event:
    return Event.of("com.example.number.v1", source, {"n": n}, id=f"{source}{n}")


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def log(request: pytest.FixtureRequest) -> Ledger:
    ledgers: Ledgers = request.getfixturevalue("postgres_ledgers" if request.param == "postgres" else "ledgers")
    return ledgers.create(memory=request.param == "memory")


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest) -> Ledgers:
    """Ledgers that two processes can open."""
    made: Ledgers = request.getfixturevalue("postgres_ledgers" if request.param == "postgres" else "ledgers")
    return made


def totals(db: sqlite_utils.Database) -> list[tuple[str, int]]:
    rows: list[tuple[str, int]] = db.execute("SELECT source, total FROM sums_total ORDER BY source").fetchall()
    return rows


def test_a_view_is_brought_up_to_the_end_when_it_is_read(log: Ledger) -> None:
    sums = Sums()
    log.append([number(1), number(2, "urn:b"), Event.of("com.example.other.v1", "urn:a", {})])

    assert totals(log.project(sums)) == [("urn:a", 1), ("urn:b", 2)]
    log.append(number(5))
    assert totals(log.project(sums)) == [("urn:a", 6), ("urn:b", 2)]
    assert sums.applied == [2, 3, 5]  # each once, in order, and of its types alone


def test_reading_twice_applies_nothing_twice(log: Ledger) -> None:
    log.append(number(1))
    sums = Sums()

    log.project(sums)
    log.project(sums)
    log.project(Sums())

    assert sums.applied == [2]
    assert dict(log.views.positions())["sums"] == 3


def test_a_log_of_many_pages_is_projected_with_progress(log: Ledger) -> None:
    log.append([number(n) for n in range(PAGE + 10)])
    seen: list[tuple[int, int]] = []

    db = log.project(Sums(), progress=lambda done, total: seen.append((done, total)))

    assert totals(db) == [("urn:a", sum(range(PAGE + 10)))]
    assert seen == [(PAGE, PAGE + 12)]


def test_I19_a_dropped_projection_replays_to_the_same_rows(log: Ledger) -> None:
    log.append([number(n, f"urn:{n % 3}") for n in range(20)])
    log.project(Sums())
    log.append(number(99))
    before = totals(log.project(Sums()))

    log.views.drop("sums")
    assert "sums" not in dict(log.views.positions())

    assert totals(log.project(Sums())) == before


def test_I19_fsck_replays_what_is_stored_up_to_its_position(log: Ledger) -> None:
    log.append([number(n) for n in range(20)])
    log.project(Sums())
    log.project(StreamIndex())
    log.append(number(99))

    report = fsck(log.store, projections=[Sums(), StreamIndex(), LaterSums()])

    assert (report.projections, report.findings) == (2, ())


def test_I19_a_row_that_no_replay_gives_is_named(log: Ledger) -> None:
    log.append([number(n) for n in range(20)])
    db = log.project(Sums())
    with log.store.projecting():
        db.execute("UPDATE sums_total SET total = total + 1")

    report = fsck(log.store, projections=[Sums()])

    assert [(finding.code, finding.where) for finding in report.findings] == [("projection", "projection sums")]
    assert "row 0 of table sums_total" in report.findings[0].what


def test_a_later_version_drops_the_output_and_replays(log: Ledger) -> None:
    log.append(number(3))
    db = log.project(Sums())
    with log.store.projecting():
        db.execute("UPDATE sums_total SET total = 1000")

    assert totals(log.project(LaterSums())) == [("urn:a", 3)]


def test_an_error_leaves_position_and_output_as_they_were(log: Ledger) -> None:
    log.append(number(3))
    log.project(Sums())
    log.append([number(4), number(-1)])

    with pytest.raises(ArithmeticError):
        log.project(Sums())

    assert dict(log.views.positions())["sums"] == 3
    assert totals(log.views.database) == [("urn:a", 3)]


def test_dropping_takes_the_tables_of_that_name_alone(log: Ledger) -> None:
    log.append(number(3))
    log.project(Sums())
    with log.store.projecting():
        log.views.database.execute("CREATE TABLE sumsets (a)")

    log.views.drop("sums")
    log.views.drop("never")

    assert log.views.database.execute("SELECT count(*) FROM sumsets").fetchone() == (0,)


def test_a_reader_that_may_not_write_has_views_of_its_own(shared: Ledgers) -> None:
    log = shared.create()
    log.append(number(3))
    reader = shared.open(read_only=True)

    assert totals(reader.project(Sums())) == [("urn:a", 3)]
    log.append(number(4))
    assert totals(reader.project(Sums())) == [("urn:a", 7)]
    assert dict(log.views.positions()) == {}


def test_two_processes_share_one_view(shared: Ledgers) -> None:
    one = shared.create()
    one.append(number(3))
    other = shared.open()
    first, second = Sums(), Sums()

    one.project(first)
    other.append(number(4))
    other.project(second)

    assert (first.applied, second.applied) == ([2], [3])
    assert totals(one.project(Sums())) == [("urn:a", 7)]


def test_the_stream_index_answers_by_position(log: Ledger) -> None:
    log.append([number(n) for n in range(10)])
    stream = "type:com.example.number.v1"

    assert [record.seq for record in log.stream(stream)] == list(range(2, 12))
    assert [position for position, _, _ in log.positions(stream, 3, 5)] == [3, 4]
    assert log.positions(stream, 8, 99) == [(8, 10, log.entry(10).at), (9, 11, log.entry(11).at)]
    assert log.positions(stream, 5, 5) == log.positions(stream, 7, 3) == log.positions("no such stream") == []


def test_a_long_event_is_read_from_each_of_its_streams_whichever_entry_is_filed_there(log: Ledger) -> None:
    outputs = [{"namespace": "db", "name": f"t{n:03}"} for n in range(300)]
    body = {"outputs": outputs, "job": {"namespace": "db", "name": "j"}, "run": {"runId": "wide"}}
    receipt = log.append(Event.of("tallystick.lineage.run-observed.v1", "urn:airflow", body, id="wide"))
    seq = receipt.seq

    for name in ("dataset:db|t000", "dataset:db|t126", "dataset:db|t299", "run:wide", "source:urn:airflow"):
        assert [(record.seq, record.json()) for record in log.stream(name)] == [(seq, body)], name
    # A continued entry has two streams of its own, in which it is no event but itself.
    assert [record.seq for record in log.stream("type:tallystick.ledger.continued.v1")] == [seq + 1, seq + 2]
    assert [record.seq for record in log.stream(f"source:{log.origin}")][-2:] == [seq + 1, seq + 2]


def test_entries_that_contradict_one_another_are_tampering_to_a_view(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append([number(1), number(2)])
    with log.store.writing():
        log.views.database.execute("DROP TRIGGER entry_no_update")
        log.views.database.execute(
            "UPDATE entry SET header = CAST(replace(CAST(header AS TEXT), 'urn:a\":1', 'urn:a\":0') AS BLOB) WHERE seq = 3"
        )

    with pytest.raises(TamperedError, match="projection stream_index: entry 3 contradicts what came before it"):
        log.positions("source:urn:a")


def test_a_projector_keeps_no_position_for_what_it_never_ran(log: Ledger) -> None:
    assert dict(Projector(log.store).positions()) == {}
