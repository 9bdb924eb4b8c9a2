"""What an attacker tried at the end of step one, each once more: it must stay refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ledger.clock import ClockError
from ledger.event import Event
from lineage.deletion.facts import Place
from lineage.deletion.targets.duckdb import DuckDBExecutor
from proofs.errors import RefusedError

PLACE = Place(store="shop", table=("main", "people"), column="id", identity="id")


@pytest.mark.parametrize("type", ["tallystick.subject.erased.v1", "tallystick.intake.conflicted.v1"])
def test_I9_nobody_but_the_ledger_says_that_a_person_was_erased_or_an_event_conflicted(ledgers: Any, type: str) -> None:
    log = ledgers.create()

    with pytest.raises(RefusedError, match="written by the ledger alone"):
        log.append(Event.of(type, "urn:forger", {"erasure": "x", "parts": 1, "request": "R"}, id="f"))

    assert log.size == 2


def test_I4_a_retry_is_answered_although_the_clock_jumped_and_a_new_event_is_not(ledgers: Any) -> None:
    log = ledgers.create()
    event = Event.of("com.acme.order.v1", "urn:shop", {"n": 1}, id="1")
    first = log.append(event)
    ledgers.now -= timedelta(days=2)

    again = log.append(event)

    assert (again.seq, again.is_replay) == (first.seq, True)
    with pytest.raises(ClockError):
        log.append(Event.of("com.acme.order.v1", "urn:shop", {"n": 2}, id="2"))


@pytest.mark.parametrize(
    ("column", "stored", "asked"),
    [("VARCHAR COLLATE NOCASE", "'ABC'", "abc"), ("VARCHAR COLLATE NOACCENT", "'jose'", "josé")],
)
def test_a_collation_deletes_nobody_else(tmp_path: Path, column: str, stored: str, asked: str) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE people (id {column})")
        connection.execute(f"INSERT INTO people VALUES ({stored})")

    assert DuckDBExecutor(path).delete(PLACE, [asked]).rows == 0


@pytest.mark.parametrize(("column", "asked"), [("FLOAT", "16777217"), ("DOUBLE", "9007199254740993")])
def test_a_number_that_its_column_cannot_tell_from_another_is_refused(tmp_path: Path, column: str, asked: str) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE people (id {column})")
        connection.execute("INSERT INTO people VALUES (?)", [int(asked) - 1])

    with pytest.raises(RefusedError, match="cannot stand in its column"):
        DuckDBExecutor(path).delete(PLACE, [asked])
