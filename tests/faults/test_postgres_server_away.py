"""A PostgreSQL server that dies, restarts, hangs or fails over: nothing acknowledged is lost, and the handle says so."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import ledger
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.projection import StreamIndex
from ledger.store import Batch, Store
from ledger.stores.postgres import PostgresStore
from ledger.tip import RestoredError
from proofs.errors import (
    BusyError,
    ConflictError,
    ForkError,
    MissingError,
    RefusedError,
    TallyError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.pgserver import Server

ORIGIN = "ledger.example/away"
WRITERS = 4
BATCHES = (1, 3, 40)


@pytest.fixture
def server(pgserver: ModuleType) -> Iterator[Server]:
    """A server of the test's own, which it may kill."""
    yield from pgserver.started()


@pytest.fixture
def url(server: Server, pgserver: ModuleType) -> str:
    return server.url(server.database(template=pgserver.TEMPLATE))


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    """On the server that all tests share, which is not killed."""
    made = PostgresStore.create(postgres_url, origin=ORIGIN, busy_seconds=0.25)
    yield made
    made.close()


def thing(writer: int, batch: int, n: int, of: int) -> Event:
    return Event.of("com.example.thing.v1", f"urn:writer-{writer}", {"n": n}, id=f"{batch}/{n}/{of}")


class Writer(threading.Thread):
    """Appends until it is told to stop; what fails is sent again, as a program would.

    Attributes:
        acknowledged: (source, id) → seq, of what `append` returned.
        troubles: How often each error was raised.
    """

    def __init__(self, number: int, open: Callable[[], Ledger]) -> None:
        super().__init__()
        self.number, self._open = number, open
        self.acknowledged: dict[tuple[str, str], int] = {}
        self.troubles: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        try:
            self._write()
        except BaseException as error:
            self.failure = error
            raise

    def _write(self) -> None:
        log, batch = self._open(), 0
        while not self.done.is_set():
            of = BATCHES[batch % len(BATCHES)]
            events = [thing(self.number, batch, n, of) for n in range(of)]
            try:
                receipts = log.append(events)
            except (BusyError, UnknownOutcomeError) as error:
                self.troubles[type(error).__name__] += 1
                self.done.wait(0.01)
                continue
            for event, receipt in zip(events, receipts, strict=True):
                assert event.id is not None
                self.acknowledged[event.source, event.id] = receipt.seq
            batch += 1
        log.close()


def check(log: Ledger, writers: list[Writer]) -> None:
    """Nothing acknowledged is lost or doubled, no batch is half, order is kept, and everything is whole."""
    found = {(record.source, record.id): record.seq for record in log.read(2, bodies=False)}
    assert len(found) == log.size - 2
    for writer in writers:
        assert writer.failure is None
        assert {key: found.get(key) for key in writer.acknowledged} == writer.acknowledged
        assert len(writer.acknowledged) > 100
    whole = Counter((source, id.split("/")[0], id.split("/")[2]) for source, id in found)
    assert [batch for batch, count in whole.items() if int(batch[2]) != count] == []
    assert fsck(log.store, keyring=log.keyring, projections=[StreamIndex()]).findings == ()


def opener(url: str, home: Path) -> Callable[[], Ledger]:
    return lambda: ledger.open(url, home=home, passphrase=lambda: b"x")


def enough(writers: list[Writer], more: int, *, seconds: float = 60) -> None:
    """Wait until every writer has `more` acknowledgements than now."""
    before = [len(writer.acknowledged) for writer in writers]
    deadline = time.monotonic() + seconds
    while any(len(writer.acknowledged) < count + more for writer, count in zip(writers, before, strict=True)):
        assert time.monotonic() < deadline, [(writer.failure, dict(writer.troubles)) for writer in writers]
        time.sleep(0.005)


def test_I5_a_server_killed_under_load_loses_nothing_that_was_acknowledged(
    server: Server, url: str, tmp_path: Path
) -> None:
    ledger.create(url, origin=ORIGIN, home=tmp_path, passphrase=lambda: b"x").close()
    writers = [Writer(number, opener(url, tmp_path)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for _ in range(4):
        enough(writers, 30)
        server.kill()
        time.sleep(0.05)
        server.start()
    enough(writers, 30)  # on the handles that they had
    for writer in writers:
        writer.done.set()
    for writer in writers:
        writer.join()

    with opener(url, tmp_path)() as log:
        check(log, writers)
        log.checkpoint()
    assert all(writer.troubles["BusyError"] + writer.troubles["UnknownOutcomeError"] >= 4 for writer in writers)


def test_I5_failover_to_a_standby_loses_nothing_that_was_acknowledged(
    server: Server, url: str, pgserver: ModuleType, tmp_path: Path
) -> None:
    database = url.split("/")[3].partition("?")[0]
    standby = pgserver.Server()
    try:
        standby.done(
            "pg_basebackup", "-h", str(server.folder), "-U", "postgres", "-D", str(standby.data), "-R", "-c", "fast"
        )
        standby.settings["primary_conninfo"] = f"host={server.folder} user=postgres application_name=standby"
        standby.start()
        with server.connect("postgres") as conn:
            conn.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            conn.execute("SELECT pg_reload_conf()")
        # Both are named: whichever may be written to is taken.
        both = (
            f"postgresql://postgres@/{database}?host={server.folder},{standby.folder}&target_session_attrs=read-write"
        )
        ledger.create(both, origin=ORIGIN, home=tmp_path, passphrase=lambda: b"x").close()
        writers = [Writer(number, opener(both, tmp_path)) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        enough(writers, 120)
        reader = ledger.open(standby.url(database), home=tmp_path, read_only=True)  # a standby answers readers
        assert reader.size > 100
        reader.close()

        server.kill()
        with standby.connect("postgres") as conn:
            assert conn.execute("SELECT pg_promote()").fetchone() == (True,)
        enough(writers, 60)
        for writer in writers:
            writer.done.set()
        for writer in writers:
            writer.join()

        with opener(standby.url(database), tmp_path)() as log:
            check(log, writers)
            log.checkpoint()
    finally:
        standby.remove()


def test_a_handle_says_that_the_server_is_away_and_goes_on_when_it_is_back(
    server: Server, url: str, tmp_path: Path
) -> None:
    with ledger.create(url, origin=ORIGIN, home=tmp_path, passphrase=lambda: b"x") as log:
        log.append(thing(0, 0, 0, 1))
        reader = log.store.reader()
        server.kill()

        with pytest.raises(BusyError) as caught:
            log.append(thing(0, 1, 0, 1))
        assert str(caught.value) == "PostgreSQL cannot be reached"  # a server may hand it on: no host, no user
        for read in (lambda: log.size, lambda: log.entry(0), lambda: list(log.read()), reader.size):
            with pytest.raises(BusyError, match="cannot be reached"):
                read()
        with pytest.raises(BusyError), log.store.reading():
            pass
        assert log.store.meta() == {"format": "1", "origin": ORIGIN}

        server.start()
        assert log.append(thing(0, 1, 0, 1)).seq == 3
        assert (log.size, reader.size()) == (4, 4)
        assert [record.seq for record in log.stream("source:urn:writer-0")] == [2, 3]
        reader.close()


def terminate(postgres: Server, store: PostgresStore) -> None:
    """End a store's session, as an administrator does, and wait until it is gone."""
    pid = store._link._conn.info.backend_pid
    with postgres.connect("postgres") as conn:
        conn.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_connection_that_is_lost_before_the_commit_wrote_nothing(postgres: Server, store: PostgresStore) -> None:
    def write_over_a_lost_connection() -> None:
        with store.writing():
            store.write(Batch(entries=[(0, b"entry 0")]))
            terminate(postgres, store)
            store.write(Batch(entries=[(1, b"entry 1")]))

    with pytest.raises(BusyError, match="the connection to PostgreSQL was lost"):
        write_over_a_lost_connection()

    assert store.size() == 0
    with store.writing():
        store.write(Batch(entries=[(0, b"entry 0")]))
    assert store.size() == 1


def test_a_connection_that_is_lost_while_reading_loses_the_snapshot(postgres: Server, store: PostgresStore) -> None:
    with store.reading():
        assert store.size() == 0
        terminate(postgres, store)
        with pytest.raises(BusyError, match="the connection to PostgreSQL was lost"):
            store.size()

    assert store.size() == 0


def test_fsck_takes_a_server_that_went_away_for_no_damage(postgres: Server, postgres_ledgers: Ledgers) -> None:
    log = postgres_ledgers.create()
    log.append([thing(0, 0, n, 9) for n in range(9)])

    def end_all(done: int, total: int) -> None:
        with postgres.connect("postgres") as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tallystick'"
            )

    with pytest.raises(BusyError, match="the connection to PostgreSQL was lost"):
        fsck(log.store, keyring=log.keyring, progress=end_all)

    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_connection_that_was_lost_between_two_calls_is_made_again(postgres: Server, store: PostgresStore) -> None:
    for call in (store.size, lambda: store.headers(0, 9), lambda: write_one(store)):
        terminate(postgres, store)
        call()

    assert store.size() == 1


def write_one(store: Store) -> None:
    with store.writing():
        store.write(Batch(entries=[(store.size(), b"entry")]))


def commit_in_a_thread(store: PostgresStore) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def commit() -> None:
        try:
            write_one(store)
        except TallyError as error:
            raised.append(error)

    thread = threading.Thread(target=commit)
    thread.start()
    return thread, raised


@pytest.fixture
def lonely(postgres: Server) -> Iterator[None]:
    """The server waits with every commit for a standby that is not there."""
    with postgres.connect("postgres") as conn:
        conn.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        conn.execute("SELECT pg_reload_conf()")
        while conn.execute("SHOW synchronous_standby_names").fetchone() != ("nobody",):
            time.sleep(0.005)
        yield
        conn.execute("ALTER SYSTEM RESET synchronous_standby_names")
        conn.execute("SELECT pg_reload_conf()")
        while conn.execute("SHOW synchronous_standby_names").fetchone() == ("nobody",):
            time.sleep(0.005)


def test_a_commit_that_no_standby_confirms_has_an_unknown_outcome(store: PostgresStore, lonely: None) -> None:
    with pytest.raises(
        UnknownOutcomeError, match="no standby confirmed it: canceling wait for synchronous replication"
    ):
        write_one(store)

    assert store.size() == 1  # here it is; only nobody may count on it


def test_a_commit_whose_connection_is_lost_has_an_unknown_outcome(
    postgres: Server, postgres_url: str, store: PostgresStore, lonely: None
) -> None:
    store.close()
    store = PostgresStore(postgres_url, busy_seconds=30)
    thread, raised = commit_in_a_thread(store)
    pid = store._link._conn.info.backend_pid
    with postgres.connect("postgres") as conn:
        waiting = "SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = %s"
        while conn.execute(waiting, (pid,)).fetchone() != (True,):
            time.sleep(0.005)
        conn.execute("SELECT pg_terminate_backend(%s)", (pid,))
    thread.join()

    assert [type(error) for error in raised] == [UnknownOutcomeError]
    assert store.size() == 1
    store.close()


def test_a_transaction_that_failed_inside_is_never_taken_for_a_commit(store: PostgresStore) -> None:
    def swallow() -> None:
        with store.writing():
            store.write(Batch(bodies=[(0, b"s", b"b")]))
            with pytest.raises(ConflictError):
                store.write(Batch(bodies=[(0, b"s", b"b")]))

    with pytest.raises(RefusedError, match="had failed before its commit"):
        swallow()

    assert store.bodies([0]) == {}


def test_a_session_that_somebody_spoilt_is_not_used_again(store: PostgresStore) -> None:
    store._link._conn.execute("BEGIN")
    with pytest.raises(psycopg.errors.UndefinedTable):
        store._link._conn.execute("SELECT * FROM nothing")
    store._link._conn.close()

    write_one(store)
    assert store.size() == 1


def test_a_database_that_went_away_under_an_open_handle_is_told_without_its_place(
    postgres: Server, pgserver: ModuleType
) -> None:
    name = postgres.database(template=pgserver.TEMPLATE)
    store = PostgresStore.create(postgres.url(name), origin=ORIGIN)
    postgres.drop(name)

    with pytest.raises(MissingError) as caught:
        store.size()

    assert str(caught.value) == "the ledger's database is not what it was when it was opened"
    store.close()


def test_a_new_session_is_held_to_what_the_first_one_was(postgres: Server, store: PostgresStore) -> None:
    name = store._link._conn.info.dbname
    with postgres.connect("postgres") as conn:
        conn.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    terminate(postgres, store)

    for _ in range(2):
        with pytest.raises(RefusedError, match="is not what it was when it was opened"):
            write_one(store)

    with postgres.connect("postgres") as conn:
        conn.execute(f"ALTER DATABASE {name} RESET synchronous_commit".encode())
    write_one(store)
    assert store.size() == 1


class TestRestored:
    """A database that was put back from a backup."""

    @pytest.fixture
    def house(self, postgres: Server, postgres_ledgers: Ledgers) -> Iterator[tuple[Ledgers, Callable[[], None]]]:
        """Ledgers whose database can be put back to three entries."""
        name = postgres_ledgers.database.split("/")[3].partition("?")[0]
        log = postgres_ledgers.create()
        log.append(thing(0, 0, 0, 1))
        assert [row[1] for row in log.positions("source:urn:writer-0")] == [2]
        log.close()
        backup = postgres.database(template=name)

        def restore() -> None:
            postgres.drop(name)
            with postgres.connect("postgres") as conn:
                conn.execute(f"CREATE DATABASE {name} TEMPLATE {backup}".encode())

        yield postgres_ledgers, restore
        postgres.drop(backup)

    def test_I14_a_process_that_knows_better_does_not_go_on(self, house: Any) -> None:
        ledgers, restore = house
        log = ledgers.open()
        log.append([thing(0, 1, n, 5) for n in range(5)])
        restore()

        with pytest.raises(ForkError, match="3 entries does not begin with the 8 that this process knows"):
            log.append(thing(0, 2, 0, 1))

    def test_I14_what_was_signed_is_not_forgotten(self, house: Any) -> None:
        ledgers, restore = house
        log = ledgers.open()
        log.append([thing(0, 1, n, 5) for n in range(5)])
        log.checkpoint()
        log.close()
        restore()

        with pytest.raises(ForkError, match="holds 3 entries, but a checkpoint of 8 was signed"):
            ledgers.open()

    def test_I19_views_of_the_history_that_is_gone_are_made_again(self, house: Any) -> None:
        ledgers, restore = house
        log = ledgers.open()
        log.append([thing(0, 1, n, 5) for n in range(5)])
        assert len(log.positions("source:urn:writer-0")) == 6
        log.close()
        restore()
        with pytest.raises(RestoredError, match="the ledger holds 3 entries, but 8 were acknowledged"):
            ledgers.open()

        log = ledgers.accept_restored()
        reader = log.store.reader()
        with reader.viewing() as db:
            assert db.execute("SELECT * FROM projection").fetchall() == []
        reader.close()
        assert [row[1] for row in log.positions("source:urn:writer-0")] == [2]
        log.append([thing(1, 1, n, 5) for n in range(5)])
        assert [row[1] for row in log.positions("source:urn:writer-0")] == [2]
        assert [row[1] for row in log.positions("source:urn:writer-1")] == [4, 5, 6, 7, 8]
        assert fsck(log.store, keyring=log.keyring, projections=[StreamIndex()]).findings == ()

    def test_I19_views_of_a_history_that_is_gone_under_an_open_handle_are_made_again(self, house: Any) -> None:
        ledgers, restore = house
        log, other = ledgers.open(), ledgers.open()
        log.append([thing(0, 1, n, 5) for n in range(5)])
        assert len(log.positions("source:urn:writer-0")) == 6
        restore()
        with pytest.raises(RestoredError):  # it never knew of the five that are gone; the tip beside the key does
            other.append([thing(1, 1, n, 5) for n in range(5)])
        ledgers.accept_restored()
        other.append([thing(1, 1, n, 5) for n in range(5)])

        assert [row[1] for row in other.positions("source:urn:writer-0")] == [2]
        assert [row[1] for row in other.positions("source:urn:writer-1")] == [4, 5, 6, 7, 8]
