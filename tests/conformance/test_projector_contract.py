"""What projections do alike on every driver: position and output move together, and a replay gives the same rows (I19)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import sqlite_utils

from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.projection import PAGE, Projector, StreamIndex, positions
from ledger.record import Record
from proofs.errors import BusyError, ConflictError, TallyError, TamperedError

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


def totals(log: Ledger, sums: Sums) -> list[tuple[str, int]]:
    with log.viewing(sums) as db:
        return stored_totals(db)


def stored_totals(db: sqlite_utils.Database) -> list[tuple[str, int]]:
    return db.execute("SELECT source, total FROM sums_total ORDER BY source").fetchall()


def test_a_view_is_brought_up_to_the_end_when_it_is_read(log: Ledger) -> None:
    sums = Sums()
    log.append([number(1), number(2, "urn:b"), Event.of("com.example.other.v1", "urn:a", {})])

    assert totals(log, sums) == [("urn:a", 1), ("urn:b", 2)]
    log.append(number(5))
    assert totals(log, sums) == [("urn:a", 6), ("urn:b", 2)]
    assert sums.applied == [2, 3, 5]  # each once, in order, and of its types alone


def test_reading_twice_applies_nothing_twice(log: Ledger) -> None:
    log.append(number(1))
    sums = Sums()

    log.views.catch_up(sums)
    log.views.catch_up(sums)
    log.views.catch_up(Sums())

    assert sums.applied == [2]
    assert dict(log.views.positions())["sums"] == 3


def test_a_log_of_many_pages_is_projected_with_progress(log: Ledger) -> None:
    log.append([number(n) for n in range(PAGE + 10)])
    seen: list[tuple[int, int]] = []

    log.views.catch_up(Sums(), progress=lambda done, total: seen.append((done, total)))

    assert totals(log, Sums()) == [("urn:a", sum(range(PAGE + 10)))]
    assert seen == [(PAGE, PAGE + 12)]


def test_I19_a_dropped_projection_replays_to_the_same_rows(log: Ledger) -> None:
    log.append([number(n, f"urn:{n % 3}") for n in range(20)])
    log.views.catch_up(Sums())
    log.append(number(99))
    before = totals(log, Sums())

    log.views.drop("sums")
    assert "sums" not in dict(log.views.positions())

    assert totals(log, Sums()) == before


def test_I19_fsck_replays_what_is_stored_up_to_its_position(log: Ledger) -> None:
    log.append([number(n) for n in range(20)])
    log.views.catch_up(Sums())
    log.views.catch_up(StreamIndex())
    log.append(number(99))

    report = fsck(log.store, projections=[Sums(), StreamIndex(), LaterSums()])

    assert (report.projections, report.findings) == (2, ())


def test_I19_a_row_that_no_replay_gives_is_named(log: Ledger) -> None:
    log.append([number(n) for n in range(20)])
    log.views.catch_up(Sums())
    with log.store.projecting() as db:
        db.execute("UPDATE sums_total SET total = total + 1")

    report = fsck(log.store, projections=[Sums()])

    assert [(finding.code, finding.where) for finding in report.findings] == [("projection", "projection sums")]
    assert "row 0 of table sums_total" in report.findings[0].what


def test_a_later_version_drops_the_output_and_replays(log: Ledger) -> None:
    log.append(number(3))
    log.views.catch_up(Sums())
    with log.store.projecting() as db:
        db.execute("UPDATE sums_total SET total = 1000")

    assert totals(log, LaterSums()) == [("urn:a", 3)]


def test_an_error_leaves_position_and_output_as_they_were(log: Ledger) -> None:
    log.append(number(3))
    log.views.catch_up(Sums())
    log.append([number(4), number(-1)])

    with pytest.raises(ArithmeticError):
        log.views.catch_up(Sums())

    assert dict(log.views.positions())["sums"] == 3
    with log.store.viewing() as db:
        assert stored_totals(db) == [("urn:a", 3)]


def test_dropping_takes_the_tables_of_that_name_alone(log: Ledger) -> None:
    log.append(number(3))
    log.views.catch_up(Sums())
    with log.store.projecting() as db:
        db.execute("CREATE TABLE sumsets (a)")

    log.views.drop("sums")
    log.views.drop("never")

    with log.store.viewing() as db:
        assert db.execute("SELECT count(*) FROM sumsets").fetchone() == (0,)


def together(*work: Callable[[], None]) -> list[BaseException]:
    """Do all of `work` at once, each in a thread of its own, and return what was raised."""
    raised: list[BaseException] = []

    def run(each: Callable[[], None]) -> None:
        try:
            each()
        except (AssertionError, sqlite3.Error, TallyError) as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_I4_a_conflict_stays_one_while_other_threads_read_views_through_the_same_handle(log: Ledger) -> None:
    """Errors are kept by the connection: whoever reads without taking a turn wipes out what a writer is about to look at."""
    log.append([number(n) for n in range(50)])
    is_over = threading.Event()

    def write() -> None:
        try:
            for n in range(200):
                with pytest.raises(ConflictError, match="has the source and id of entry 2"):
                    log.append(Event.of("com.example.number.v1", "urn:a", {"n": -n - 1}, id="urn:a0"))
        finally:
            is_over.set()

    def read() -> None:
        while not is_over.is_set():
            assert len(log.positions("source:urn:a")) == 50
            assert dict(log.views.positions()).keys() == {"stream_index"}

    assert together(write, read, read) == []


def test_threads_share_a_handle_that_may_not_write(shared: Ledgers) -> None:
    log = shared.create()
    log.append([number(n) for n in range(PAGE + 10)])
    reader = shared.open(read_only=True)

    def read() -> None:
        for _ in range(20):
            with reader.store.reading():
                size = reader.size
                assert len(reader.positions("source:urn:a")) >= size - 2
            with reader.viewing(Sums()) as db:
                assert stored_totals(db)[0][1] >= sum(range(size - 2))

    def write() -> None:
        for n in range(20):
            log.append(number(PAGE + 10 + n))

    assert together(read, read, read, write) == []


def test_threads_of_a_reader_read_the_log_then_a_view_and_a_view_then_the_log(shared: Ledgers) -> None:
    shared.create().append([number(n) for n in range(5)])
    reader = shared.open(read_only=True)
    reader.positions("source:urn:a")
    is_reading, is_viewing = threading.Event(), threading.Event()
    found: list[tuple[str, int]] = []

    def log_first() -> None:
        is_viewing.wait()
        with reader.store.reading():
            is_reading.set()
            found.append(("log first", len(reader.positions("source:urn:a"))))

    def view_first() -> None:
        with reader.viewing(StreamIndex()) as db:
            is_viewing.set()
            is_reading.wait(0.2)  # it may have to wait for us
            found.append(("view first", len(positions(db, "source:urn:a")) + reader.size))

    threads = [threading.Thread(target=run, daemon=True) for run in (log_first, view_first)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(found) == [("log first", 5), ("view first", 12)]


def test_a_reader_that_was_interrupted_in_a_page_begins_it_again(
    shared: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.create().append([number(n) for n in range(1_200)])
    reader = shared.open(read_only=True)
    genuine, calls = reader.store.headers, iter(range(1_000))

    def headers(start: int, stop: int) -> list[bytes]:
        if next(calls) == 1:  # the first page of rows is folded already
            raise BusyError("the connection to PostgreSQL was lost")
        return genuine(start, stop)

    monkeypatch.setattr(reader.store, "headers", headers)
    with pytest.raises(BusyError):
        reader.positions("source:urn:a")

    assert len(reader.positions("source:urn:a")) == 1_200
    assert dict(reader.views.positions()) == {"stream_index": 1_202}


def test_a_reader_that_may_not_write_has_views_of_its_own(shared: Ledgers) -> None:
    log = shared.create()
    log.append(number(3))
    reader = shared.open(read_only=True)

    assert totals(reader, Sums()) == [("urn:a", 3)]
    log.append(number(4))
    assert totals(reader, Sums()) == [("urn:a", 7)]
    assert dict(log.views.positions()) == {}


def test_two_processes_share_one_view(shared: Ledgers) -> None:
    one = shared.create()
    one.append(number(3))
    other = shared.open()
    first, second = Sums(), Sums()

    one.views.catch_up(first)
    other.append(number(4))
    other.views.catch_up(second)

    assert (first.applied, second.applied) == ([2], [3])
    assert totals(one, Sums()) == [("urn:a", 7)]


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
    with log.store.projecting() as db:
        db.execute("DROP TRIGGER entry_no_update")
        db.execute(
            "UPDATE entry SET header = CAST(replace(CAST(header AS TEXT), 'urn:a\":1', 'urn:a\":0') AS BLOB) WHERE seq = 3"
        )

    with pytest.raises(TamperedError, match="projection stream_index: entry 3 contradicts what came before it"):
        log.positions("source:urn:a")


def test_a_projector_keeps_no_position_for_what_it_never_ran(log: Ledger) -> None:
    assert dict(Projector(log.store).positions()) == {}
