"""Appending inside a caller's own transaction: rows and entries together, or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from proofs.errors import BusyError, ConflictError, RefusedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.pgserver import Server


class StopError(Exception):
    """Raised by a test to leave a transaction."""


@pytest.fixture
def log(postgres_ledgers: Ledgers) -> Ledger:
    return postgres_ledgers.create()


@pytest.fixture
def business(postgres_url: str) -> Any:
    """A caller's own connection, with a table of its own."""
    with psycopg.connect(postgres_url) as conn:
        conn.execute("CREATE TABLE orders (id integer PRIMARY KEY)")
        conn.commit()
        yield conn


def paid(n: int, body: str = "paid") -> Event:
    return Event.of("com.example.order.v1", "urn:shop", {"order": n, "is": body}, id=f"o{n}")


def orders(conn: psycopg.Connection[Any]) -> list[int]:
    found = [row[0] for row in conn.execute("SELECT id FROM orders ORDER BY id")]
    conn.commit()
    return found


def test_rows_and_entries_are_there_together_after_the_callers_commit(
    log: Ledger, business: psycopg.Connection[Any]
) -> None:
    with business.transaction():
        business.execute("INSERT INTO orders VALUES (1)")
        with log.joined(business) as joined:
            receipt = joined.append(paid(1))
            more = joined.append([paid(2), paid(3)])
        assert log.size == 2  # nobody else sees it yet

    assert [receipt.seq, *(each.seq for each in more)] == [2, 3, 4]
    assert [log.entry(seq).header for seq in (2, 3, 4)] == [receipt.entry, more[0].entry, more[1].entry]
    assert orders(business) == [1]
    assert log.append(paid(1)).is_replay
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_what_the_caller_rolls_back_never_was(log: Ledger, business: psycopg.Connection[Any]) -> None:
    def write_and_stop() -> None:
        with business.transaction():
            business.execute("INSERT INTO orders VALUES (1)")
            with log.joined(business) as joined:
                joined.append(paid(1))
            raise StopError

    with pytest.raises(StopError):
        write_and_stop()

    assert (log.size, orders(business)) == (2, [])
    assert log.append(paid(2)).seq == 2
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_part_that_the_caller_takes_back_is_linked_over(log: Ledger, business: psycopg.Connection[Any]) -> None:
    with business.transaction(), log.joined(business) as joined:
        joined.append(paid(1))
        with business.transaction(force_rollback=True):
            joined.append([paid(2), paid(3)])
        assert joined.append(paid(4)).seq == 3

    assert [record.id for record in log.read(2)] == ["o1", "o4"]
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_connection_that_begins_by_itself_is_joined_too(log: Ledger, business: psycopg.Connection[Any]) -> None:
    with log.joined(business) as joined:
        joined.append(paid(1))
    assert log.size == 2
    business.commit()

    assert log.size == 3


def test_I4_a_conflict_leaves_the_callers_transaction_as_it_was(log: Ledger, business: psycopg.Connection[Any]) -> None:
    log.append(paid(1))
    with business.transaction():
        business.execute("INSERT INTO orders VALUES (1)")
        with log.joined(business) as joined:
            with pytest.raises(ConflictError) as caught:
                joined.append(paid(1, "refunded"))
            again = joined.append(paid(1))

    assert len(vars(caught.value)["salt"]) == 32
    assert (again.seq, again.is_replay) == (2, True)
    assert orders(business) == [1]
    assert [record.type for record in log.read(3)] == ["tallystick.intake.conflicted.v1"]


def test_an_event_that_is_refused_leaves_the_callers_transaction_as_it_was(
    log: Ledger, business: psycopg.Connection[Any]
) -> None:
    with business.transaction():
        business.execute("INSERT INTO orders VALUES (1)")
        with log.joined(business) as joined, pytest.raises(RefusedError, match="written by the ledger alone"):
            joined.append(Event.of("tallystick.ledger.closed.v1", "urn:shop", {}))

    assert (log.size, orders(business)) == (2, [1])


def test_other_writers_wait_until_the_caller_commits(
    postgres_ledgers: Ledgers, business: psycopg.Connection[Any], postgres_url: str
) -> None:
    from ledger.stores.postgres import PostgresStore

    log = postgres_ledgers.create()
    other = PostgresStore(postgres_url, busy_seconds=0.05)
    with business.transaction():
        with log.joined(business) as joined:
            joined.append(paid(1))
        with pytest.raises(BusyError, match="somebody else held the lock"), other.writing():
            pass
    with other.writing():
        assert other.size() == 3
    other.close()


def test_a_joined_writer_waits_no_longer_than_its_ledger(
    postgres_ledgers: Ledgers, business: psycopg.Connection[Any], postgres_url: str
) -> None:
    from ledger.stores.postgres import PostgresStore

    postgres_ledgers.create()
    store = PostgresStore(postgres_url, busy_seconds=0.05)
    other = PostgresStore(postgres_url)
    business.execute("SET lock_timeout = '7s'")
    with business.transaction():
        business.execute("INSERT INTO orders VALUES (1)")
        joined = store.joined(business)
        with other.writing(), pytest.raises(BusyError, match="somebody else held the lock"), joined.writing():
            pass
        with joined.writing():
            assert joined.size() == 2
        assert business.execute("SHOW lock_timeout").fetchone() == ("7s",)
    assert orders(business) == [1]
    store.close()
    other.close()


def test_outside_of_the_block_nothing_is_appended(log: Ledger, business: psycopg.Connection[Any]) -> None:
    with log.joined(business) as joined:
        pass

    with pytest.raises(RuntimeError, match="inside"):
        joined.append(paid(1))


def test_a_connection_in_no_transaction_is_refused(log: Ledger, postgres_url: str) -> None:
    with (
        psycopg.connect(postgres_url, autocommit=True) as conn,
        pytest.raises(RefusedError, match="in no transaction"),
    ):
        log.joined(conn)


def test_a_transaction_that_has_failed_is_refused(log: Ledger, business: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        business.execute("SELECT * FROM nothing")

    with pytest.raises(RefusedError, match="has failed or is gone"):
        log.joined(business)

    business.close()
    with pytest.raises(RefusedError, match="has failed or is gone"):
        log.joined(business)


def test_a_connection_to_another_database_is_refused(log: Ledger, postgres: Server) -> None:
    name = postgres.database()
    with psycopg.connect(postgres.url(name)) as conn, pytest.raises(RefusedError, match="another database"):
        log.joined(conn)
    postgres.drop(name)


def test_a_transaction_that_acknowledges_what_it_can_lose_is_refused(
    log: Ledger, business: psycopg.Connection[Any]
) -> None:
    business.execute("SET LOCAL synchronous_commit = off")

    with pytest.raises(RefusedError, match="synchronous_commit is 'off' here"):
        log.joined(business)


def test_a_connection_with_rows_of_another_shape_is_joined_too(log: Ledger, postgres_url: str) -> None:
    from psycopg.rows import dict_row

    with psycopg.connect(postgres_url, row_factory=dict_row, cursor_factory=psycopg.RawCursor) as conn:
        with log.joined(conn) as joined:
            assert joined.append(paid(1)).seq == 2
        conn.commit()

    assert log.size == 3


def test_a_connection_in_another_encoding_is_refused(log: Ledger, postgres_url: str) -> None:
    with (
        psycopg.connect(postgres_url, client_encoding="LATIN1") as conn,
        pytest.raises(RefusedError, match="speaks iso8859-1, expected utf-8"),
    ):
        log.joined(conn)


def test_what_is_no_connection_of_psycopg_is_refused(log: Ledger) -> None:
    with pytest.raises(RefusedError, match=r"joins a psycopg.Connection, not a builtins.str"):
        log.joined("postgresql:///mine")


def test_only_a_ledger_in_postgresql_can_be_joined(ledgers: Ledgers, business: psycopg.Connection[Any]) -> None:
    with pytest.raises(RefusedError, match="a SQLite file cannot be written inside another transaction"):
        ledgers.create("a", origin="ledger.example/a").joined(business)
    with pytest.raises(RefusedError, match="in memory cannot be written inside another transaction"):
        ledgers.create("b", origin="ledger.example/b", memory=True).joined(business)


def test_a_ledger_that_is_read_only_is_not_joined(
    log: Ledger, postgres_ledgers: Ledgers, business: psycopg.Connection[Any]
) -> None:
    with pytest.raises(RefusedError, match="open for reading only"):
        postgres_ledgers.open(read_only=True).joined(business)
