"""I10 in PostgreSQL: what can be promised is kept. No row, no view, no key of an erased person; the rest cannot be opened."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import ledger.fsck
from ledger.closing import close_log
from ledger.erasure import erase_person
from ledger.event import Event
from ledger.fsck import fsck
from ledger.keyring import Keyring
from ledger.log import Ledger
from ledger.projection import StreamIndex
from ledger.stores.postgres import PostgresStore
from proofs.errors import MissingError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

NAMES = (b"Ada Lovelace", b"Countess of Lovelace")
TABLES = (
    "entry",
    "body",
    "part",
    "identity",
    "retry",
    "stream",
    "tile",
    "census_tile",
    "checkpoint",
    "uncounted",
    "head",
)


class StopError(Exception):
    """Raised by a test in the middle of an erasure."""


def household(id: str | None, name: str, person: str) -> Event:
    return Event.of(
        "com.example.household.v1", "urn:crm", {"name": name, "n": 1}, id=id, parts=("/name",), person=person
    )


@pytest.fixture
def log(postgres_ledgers: Ledgers) -> Ledger:
    log = postgres_ledgers.create()
    log.append([household("a", "Ada Lovelace", "ada"), household("b", "Grace Hopper", "grace")])
    log.append(household(None, "Countess of Lovelace", "ada"))
    log.take_census()
    log.checkpoint()
    log.keys()  # fills a view
    return log


def secrets_of(log: Ledger) -> dict[str, bytes]:
    assert log.vault is not None
    secrets = {f"value {n}": value for n, value in enumerate(NAMES)}
    secrets |= {f"sealed {row.seq}": row.sealed for row in log.store.parts.among([2, 4])}
    wrapped = "SELECT data_key.wrapped FROM person JOIN data_key ON id = key WHERE lookup = ?"
    secrets["wrapped key"] = log.vault._file.rows(wrapped, log.vault.lookup("ada"))[0][0]
    secrets["content 2"] = next(row[3] or b"" for row in log.store.identities.walk() if row[2] == 2)
    secrets["retry 4"] = next(row[0] for row in log.store.identities.walk_retries() if row[1] == 4)
    assert len(secrets) == 7
    return secrets


def traces(url: str, home: Path, secrets: dict[str, bytes]) -> set[tuple[str, str]]:
    """(where, secret) of every secret that a table gives out, or that stands in a file beside the keys."""
    places: list[tuple[str, bytes]] = [(path.name, path.read_bytes()) for path in home.rglob("*") if path.is_file()]
    with psycopg.connect(url) as conn:
        for table in TABLES:
            with conn.cursor().copy(f"COPY tallystick.{table} TO STDOUT (FORMAT BINARY)".encode()) as rows:
                places.append((table, b"".join(bytes(chunk) for chunk in rows)))
    return {(place, name) for place, data in places for name, secret in secrets.items() if secret in data}


def test_before_an_erasure_the_search_finds_what_it_looks_for(log: Ledger, postgres_ledgers: Ledgers) -> None:
    """The positive control: values never were there, everything else is."""
    secrets = secrets_of(log)

    found = traces(postgres_ledgers.database, postgres_ledgers.home, secrets)

    assert {name for _, name in found} == set(secrets) - {"value 0", "value 1"}
    assert {place for place, _ in found} >= {"part", "identity", "retry"}


def test_I10_after_an_erasure_no_row_and_no_file_beside_the_keys_holds_a_trace(
    log: Ledger, postgres_ledgers: Ledgers
) -> None:
    secrets = secrets_of(log)
    before = [record.header for record in log.read()]

    assert erase_person(log, "ada").parts == 2

    assert traces(postgres_ledgers.database, postgres_ledgers.home, secrets) == set()
    assert [record.header for record in log.read(0, len(before))] == before
    assert [row.seq for row in log.store.parts.among(range(99))] == [3]  # Grace stays
    log.checkpoint()
    assert fsck(log.store, keyring=log.keyring, projections=[StreamIndex()]).findings == ()


def test_I10_what_the_server_still_keeps_of_a_part_cannot_be_opened(log: Ledger) -> None:
    assert log.vault is not None
    kept = log.store.parts.among([2, 4])  # as a dead row, the write-ahead log, a replica or a backup would

    erase_person(log, "ada")

    for row in kept:
        with pytest.raises(MissingError, match="was destroyed"):
            log.vault.open(row.commitment, row.sealed)


def test_I10_an_erasure_that_died_behind_the_keys_is_finished_when_the_ledger_is_opened(
    log: Ledger, postgres_ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = secrets_of(log)
    with monkeypatch.context() as patched:
        patched.setattr(type(log.store), "forget", lambda *_, **__: (_ for _ in ()).throw(StopError))
        with pytest.raises(StopError):
            erase_person(log, "ada")
    assert {name for _, name in traces(postgres_ledgers.database, postgres_ledgers.home, secrets)} >= {"sealed 2"}
    assert fsck(log.store, keyring=log.keyring).findings == ()
    log.close()

    again = postgres_ledgers.open()

    assert traces(postgres_ledgers.database, postgres_ledgers.home, secrets) == set()
    assert [record.type for record in again.read(again.size - 1)] == ["tallystick.subject.erased.v1"]


def test_I10_an_erasure_waits_for_a_caller_whose_transaction_brings_a_part_more(
    log: Ledger, postgres_ledgers: Ledgers
) -> None:
    other = postgres_ledgers.open()
    assert other.vault is not None
    erased: list[int] = []
    eraser = threading.Thread(target=lambda: erased.append(erase_person(other, "ada").parts))
    with psycopg.connect(postgres_ledgers.database) as business, business.transaction():
        with log.joined(business) as joined:
            late = joined.append(household("late", "Ada Lovelace", "ada"))
        eraser.start()
        while not other.vault.docket.unfinished():
            time.sleep(0.005)
        assert erased == []
    eraser.join()

    assert erased == [2]  # as they stood there when it began
    assert other.store.parts.among([2, 4, late.seq]) == []
    assert fsck(other.store, keyring=other.keyring).findings == ()


@pytest.mark.parametrize("is_closed", [False, True])
def test_I10_an_erasure_that_ends_while_the_ledger_is_verified_is_no_finding(
    log: Ledger, postgres_ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch, *, is_closed: bool
) -> None:
    """In the snapshot the parts are there, and the vault says behind it that they were destroyed."""
    elsewhere = PostgresStore(postgres_ledgers.database, origin=log.origin, read_only=True, views=lambda _: None)
    erase_person(log, "grace")
    if is_closed:
        close_log(log, reason="ended")
    looks: list[bytes | None] = []
    head = ledger.fsck._head

    def erasing(keyring: Keyring | None) -> bytes | None:
        looks.append(head(keyring))
        if len(looks) == 2:  # the look behind the snapshot
            assert erase_person(log, "ada").parts == 2
        return looks[-1]

    monkeypatch.setattr(ledger.fsck, "_head", erasing)

    with closing(elsewhere) as store:
        report = fsck(store, keyring=log.keyring)

    assert (report.parts, report.findings) == (2, ())
    assert log.store.parts.among([2, 4]) == []
