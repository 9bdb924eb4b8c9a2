"""Append-only, held by the database: by guards against everybody, and by rights against the application's role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import ledger
from ledger.erasure import erase_person
from ledger.event import Event
from ledger.fsck import fsck
from ledger.stores import postgres_schema
from proofs.errors import RefusedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.pgserver import Server

FROZEN = ("schema_version", "log", "entry", "body", "part", "identity", "retry", "tile", "checkpoint")
MOVING = ("head", "stream", "census_tile", "uncounted", "forgetting")
COLUMN = {
    "schema_version": "version",
    "log": "origin",
    "stream": "count",
    "census_tile": "level",
    "tile": "level",
    "checkpoint": "size",
    "head": "size",
    "retry": "seq",
}


@dataclass
class House:
    """A ledger with a row in every table, and two roles that own nothing."""

    postgres: Server
    database: str
    ledgers: Ledgers

    def url(self, role: str) -> str:
        return f"postgresql://{role}@/{self.database}?host={self.postgres.folder}"


@pytest.fixture
def house(postgres: Server, postgres_ledgers: Ledgers) -> Iterator[House]:
    database = postgres_ledgers.database.split("/")[3].partition("?")[0]
    house = House(postgres, database, postgres_ledgers)
    with postgres.connect(database) as conn:
        for role in ("house_app", "house_reader"):
            conn.execute(f"CREATE ROLE {role} LOGIN".encode())
        postgres_schema.grant(conn, "house_app")
        postgres_schema.grant(conn, "house_reader", read_only=True)
    yield house
    postgres_ledgers.close()
    postgres.drop(database)
    with postgres.connect("postgres") as conn:
        conn.execute("DROP ROLE house_app, house_reader")


def fill(house: House) -> None:
    """Do everything that a ledger does, as the application's role."""
    house.ledgers.database = house.url("house_app")
    log = house.ledgers.create()
    log.append([Event.of("com.example.thing.v1", "urn:a", {"n": n}, id=f"t{n}") for n in range(300)])
    log.append(Event.of("com.example.thing.v1", "urn:a", {"n": 1}))
    log.append(Event.of("com.example.person.v1", "urn:a", {"who": "Ada"}, id="a", parts=("/who",), person="ada"))
    log.append(Event.of("com.example.person.v1", "urn:a", {"who": "Eve"}, id="e", parts=("/who",), person="eve"))
    log.take_census()
    log.checkpoint()


def refusal(conn: psycopg.Connection[Any], statement: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement.encode())
    return caught.value.sqlstate or ""


def test_the_applications_role_does_all_that_a_ledger_does(house: House) -> None:
    fill(house)
    log = house.ledgers.open()

    assert erase_person(log, "ada").parts == 1
    assert [row.seq for row in log.store.parts.among(range(log.size))] == [304]
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_the_applications_role_may_change_nothing_that_is_written(house: House) -> None:
    fill(house)
    with psycopg.connect(house.url("house_app"), autocommit=True) as conn:
        for table in (*FROZEN, *MOVING):
            column = COLUMN.get(table, "log")
            for statement in (
                f"UPDATE tallystick.{table} SET {column} = {column}",
                f"DELETE FROM tallystick.{table}",
                f"TRUNCATE tallystick.{table}",
                f"DROP TABLE tallystick.{table}",
                f"ALTER TABLE tallystick.{table} DISABLE TRIGGER ALL",
            ):
                assert refusal(conn, statement) == "42501", statement
        for statement in (
            "INSERT INTO tallystick.schema_version VALUES (2)",
            "INSERT INTO tallystick.log (origin, format) VALUES ('x', '1')",
            "INSERT INTO tallystick.head VALUES (2, 0)",
            "INSERT INTO tallystick.stream VALUES (1, 'x', '', 1, 1)",
            "INSERT INTO tallystick.forgetting VALUES (1)",
            "CREATE TABLE tallystick.mine (a int)",
            "CREATE TRIGGER mine BEFORE INSERT ON tallystick.entry EXECUTE FUNCTION tallystick.refuse()",
            "SET session_replication_role = replica",
        ):
            assert refusal(conn, statement) == "42501", statement


def test_the_owner_too_is_stopped_by_the_guards(house: House) -> None:
    fill(house)
    with house.postgres.connect(house.database) as conn:
        for table in FROZEN:
            column = COLUMN.get(table, "log")
            assert refusal(conn, f"UPDATE tallystick.{table} SET {column} = {column}") == "TY002", table
            assert refusal(conn, f"DELETE FROM tallystick.{table}") == "TY002", table
        for table in MOVING:
            assert refusal(conn, f"TRUNCATE tallystick.{table}") == "TY002", table
        for table in ("head", "stream", "census_tile"):
            assert refusal(conn, f"DELETE FROM tallystick.{table}") == "TY002", table
        # An upsert that changes a row is a change.
        row = (
            "SELECT log, seq, 'x' FROM tallystick.entry WHERE seq = 5 ON CONFLICT (log, seq) DO UPDATE SET header = 'x'"
        )
        assert refusal(conn, f"INSERT INTO tallystick.entry {row}") == "TY002"


@pytest.mark.parametrize("seq", [303, 304, 307, 308, -1])
def test_an_entry_that_is_not_the_next_is_refused_by_the_database(house: House, seq: int) -> None:
    fill(house)  # entries 0 to 305
    assert house.ledgers.open().size == 306
    with house.postgres.connect(house.database) as conn:
        expected = "23505" if 0 <= seq < 306 else "TY001"
        assert refusal(conn, f"INSERT INTO tallystick.entry VALUES (1, {seq}, 'x')") == expected
        assert refusal(conn, "INSERT INTO tallystick.entry VALUES (1, 306, 'x'), (1, 308, 'x')") == "TY001"
        assert refusal(conn, "INSERT INTO tallystick.entry VALUES (99, 0, 'x')") == "TY001"


def test_a_reader_reads_and_verifies_and_writes_nothing(house: House) -> None:
    fill(house)
    house.ledgers.database = house.url("house_reader")
    log = house.ledgers.open(read_only=True)

    assert fsck(log.store, keyring=log.keyring).ok
    assert [record.id for record in log.stream("source:urn:a", 0, 2)] == ["t0", "t1"]
    with psycopg.connect(house.url("house_reader"), autocommit=True) as conn:
        for statement in (
            "INSERT INTO tallystick.entry VALUES (1, 306, 'x')",
            "INSERT INTO tallystick.checkpoint VALUES (1, 9, 'x')",
            "SELECT tallystick.lock_log(1, 100)",
            "SELECT tallystick.forget(1, '{}', '{}')",
        ):
            assert refusal(conn, statement) == "42501", statement


def test_a_reader_who_opens_for_writing_is_told_what_it_may_not(house: House) -> None:
    fill(house)
    house.ledgers.database = house.url("house_reader")

    with pytest.raises(RefusedError, match="permission denied"):
        house.ledgers.open().append(Event.of("com.example.thing.v1", "urn:a", {}))


def test_a_role_without_rights_learns_nothing(house: House) -> None:
    fill(house)
    with house.postgres.connect(house.database) as conn:
        conn.execute("CREATE ROLE house_stranger LOGIN")
        try:
            with pytest.raises(RefusedError, match="permission denied for schema tallystick"):
                ledger.open(house.url("house_stranger"), home=house.ledgers.home)
        finally:
            conn.execute("DROP ROLE house_stranger")


def test_a_role_that_may_not_create_is_told_who_may(house: House) -> None:
    name = house.postgres.database()
    url = f"postgresql://house_app@/{name}?host={house.postgres.folder}"
    try:
        with pytest.raises(RefusedError, match="the ledger's tables cannot be made: permission denied"):
            ledger.create(url, origin="ledger.example/x", home=house.ledgers.home, passphrase=lambda: b"x")
    finally:
        house.postgres.drop(name)


@pytest.mark.parametrize("role", ["no_such_role", 'a"; DROP SCHEMA tallystick CASCADE; --', "x" * 100, "", "a\0b"])
def test_rights_are_granted_to_roles_alone(postgres: Server, house: House, role: str) -> None:
    with postgres.connect(house.database) as conn:
        with pytest.raises(RefusedError, match="role"):
            postgres_schema.grant(conn, role)

        assert postgres_schema.version_of(conn) == 1
