"""Contracts in force and what was decided by them, folded from a real log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import ledger
from contracts.document import Document, parse
from contracts.enforce import check
from contracts.facts import ACTION_TAKEN, CONTRACT_PUBLISHED, VALIDATION_DECIDED
from contracts.history import ContractHistory, versions
from contracts.publish import publish
from contracts.record import Action
from contracts.source import Table
from ledger.event import Event
from ledger.log import Ledger
from proofs.errors import ConflictError, RefusedError

TEXT = """\
name: spend
version: 1.0.0
dataset: {namespace: demo, name: spend}
schema: [{name: id, type: integer, required: true}]
"""


class Lever:
    on_release: Action | None = "promoted"
    on_withhold: Action | None = "rolled-back"

    def release(self) -> None: ...
    def withhold(self) -> None: ...


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Ledger]:
    with ledger.create("memory://", origin="test/history", home=tmp_path, passphrase=lambda: b"secret") as created:
        yield created


def document(version: str = "1.0.0", extra: str = "") -> Document:
    return parse((TEXT.replace("1.0.0", version) + extra).encode())


def rows(log: Ledger, query: str) -> list[Any]:
    with log.viewing(ContractHistory()) as db:
        return db.execute(query).fetchall()


def dump(log: Ledger) -> list[str]:
    with log.viewing(ContractHistory()) as db:
        return list(db.conn.iterdump())


def table(values: str) -> Table:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE batch AS SELECT unnest([{values}]) AS id")
    return Table(connection, "batch")


def test_a_contract_comes_into_force_once(log: Ledger) -> None:
    first = publish(log, document())

    assert publish(log, document()) == first
    assert versions(log, "spend") == (first,)
    assert log.size == 3


def test_versions_only_go_up_and_name_the_one_before(log: Ledger) -> None:
    publish(log, document("1.0.0"))
    publish(log, document("1.10.0"))

    with pytest.raises(RefusedError, match=r"version 1\.9\.0 of contract spend does not come after 1\.10\.0"):
        publish(log, document("1.9.0"))

    assert rows(log, "SELECT version, previous FROM contracts_version ORDER BY seq") == [
        ("1.0.0", None),
        ("1.10.0", "1.0.0"),
    ]


def test_a_version_never_changes(log: Ledger) -> None:
    publish(log, document())

    with pytest.raises(ConflictError, match=r"entry 2: version 1\.0\.0 of contract spend is in force with the text"):
        publish(log, document(extra="# more\n"))

    assert log.size == 3


def test_of_two_publishers_at_once_the_first_in_the_log_is_in_force(log: Ledger) -> None:
    class SlowLog:
        viewing = staticmethod(log.viewing)

        def append(self, event: Event) -> Any:
            publish(log, document(extra="# theirs\n"))
            return log.append(event)

    with pytest.raises(ConflictError, match="is in force with the text"):
        publish(SlowLog(), document(extra="# ours\n"))

    assert [found.sha256 for found in versions(log, "spend")] == [document(extra="# theirs\n").sha256]
    assert rows(log, "SELECT seq, reason FROM contracts_unread") == [(3, "repeated")]


def test_a_decision_and_its_action_are_one_row(log: Ledger) -> None:
    check(log, document(), table("1, 2"), enforcement=Lever())
    check(log, document(), table("1, NULL"), enforcement=Lever())
    check(log, document(), table("1"))

    columns = "seq, contract, version, dataset_name, decision, risk_basis_points, run, action, result, action_seq"
    assert rows(log, f"SELECT {columns} FROM contracts_decision ORDER BY seq") == [
        (2, "spend", "1.0.0", "spend", "ALLOW", 0, None, "promoted", "done", 3),
        (4, "spend", "1.0.0", "spend", "BLOCK_AND_ROLLBACK", 5_000, None, "rolled-back", "done", 5),
        (6, "spend", "1.0.0", "spend", "ALLOW", 0, None, None, None, None),
    ]


@pytest.mark.parametrize("type", [CONTRACT_PUBLISHED, VALIDATION_DECIDED, ACTION_TAKEN])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"contract":{"name":"spend"}}', b'{"risk":1.5}'])
def test_a_strangers_event_of_our_type_is_named_and_not_folded(log: Ledger, type: str, body: bytes) -> None:
    log.append(Event(type=type, source="stranger", data=body))

    assert rows(log, "SELECT type, reason FROM contracts_unread") == [(type, "malformed")]
    assert rows(log, "SELECT count(*) FROM contracts_decision") == [(0,)]


@pytest.mark.parametrize(("name", "value"), [("seq", 7), ("leaf", "0" * 64)])
def test_an_action_after_no_decision_changes_nothing(log: Ledger, name: str, value: Any) -> None:
    check(log, document(), table("1"), enforcement=Lever())
    body = json.loads(log.entry(3).body or b"")
    body["decided"][name] = value
    log.append(Event(type=ACTION_TAKEN, source="stranger", data=json.dumps({**body, "action": "rolled-back"}).encode()))

    assert rows(log, "SELECT seq, reason FROM contracts_unread") == [(4, "unmatched")]
    assert rows(log, "SELECT action FROM contracts_decision") == [("promoted",)]


def test_I19_replaying_the_log_gives_the_same_history(log: Ledger) -> None:
    publish(log, document())
    check(log, document(), table("1, NULL"), enforcement=Lever())
    log.append(Event(type=VALIDATION_DECIDED, source="stranger", data=b"{}"))
    publish(log, document("2.0.0"))
    before = dump(log)

    log.views.drop("contracts")

    assert dump(log) == before
    assert sum("INSERT" in line and "contracts_" in line for line in before) == 4
