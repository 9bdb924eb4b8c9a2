"""The projection of those who rely on contracts, of what changes for them and what they were told (I19), and its questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlite_utils

from contracts.consumers.facts import (
    CHANGES,
    CONSUMER_REGISTERED,
    CONSUMER_REMOVED,
    CONSUMER_TOLD,
    ConsumerRegistered,
    ConsumerRemoved,
    ConsumerTold,
    OfConsumer,
)
from contracts.facts import CHANGE_ANNOUNCED, ChangeAnnounced, ContractEnded, ContractName, DatasetName, Decided
from contracts.history import ProjectingLog, versions
from ledger.projection import BodyFold
from ledger.record import Record

_TABLES: Final = (
    """CREATE TABLE consumers_registered (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, contract TEXT NOT NULL,
    version TEXT NOT NULL, sha256 TEXT NOT NULL, namespace TEXT NOT NULL, dataset TEXT NOT NULL, consumer TEXT NOT NULL,
    channel TEXT NOT NULL,
    until INTEGER) STRICT""",  # until: the entry that removed or replaced it
    "CREATE INDEX consumers_registered_by_contract ON consumers_registered (contract, consumer)",
    """CREATE TABLE consumers_change (seq INTEGER PRIMARY KEY, leaf TEXT NOT NULL, at TEXT NOT NULL, type TEXT NOT NULL,
    contract TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL, namespace TEXT NOT NULL,
    dataset TEXT NOT NULL) STRICT""",
    """CREATE TABLE consumers_told (change INTEGER NOT NULL, consumer TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (change, consumer)) STRICT""",
)
# Whoever is registered on the dataset, or on the contract should that move to another dataset.
_CONCERNED: Final = """SELECT * FROM consumers_registered WHERE (contract = ? OR (namespace = ? AND dataset = ?))
AND seq < ? AND (until IS NULL OR until >= ?) ORDER BY consumer, seq"""


class ConsumerRegister(BodyFold):
    """Folds consumers, what changes for them, and what they were told into tables.

    `consumers_unread` names what could not be folded: "withheld", "malformed", "unmatched" (an end of no registration, or word of
    an entry that is no such change), or "repeated" (told a second time of one entry).
    """

    name = "consumers"
    version = 1
    types: frozenset[str] = frozenset((CONSUMER_REGISTERED, CONSUMER_REMOVED, CONSUMER_TOLD, *CHANGES))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write what the record says; return why not, where it cannot be folded."""
        if record.type == CONSUMER_REGISTERED:
            return _registered(db, record, ConsumerRegistered.parse(body))
        if record.type == CONSUMER_REMOVED:
            return None if _ended(db, record, ConsumerRemoved.parse(body)) else "unmatched"
        if record.type == CONSUMER_TOLD:
            return _told(db, record, ConsumerTold.parse(body))
        return _changed(db, record, CHANGES[record.type].parse(body))


def _registered(db: sqlite_utils.Database, record: Record, fact: ConsumerRegistered) -> str | None:
    _ended(db, record, fact)
    names = [fact.contract.name, fact.contract.version, fact.contract.sha256, fact.dataset.namespace, fact.dataset.name]
    db.execute(
        "INSERT INTO consumers_registered VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        [record.seq, record.at, *names, fact.consumer, fact.channel],
    )
    return None


def _ended(db: sqlite_utils.Database, record: Record, fact: OfConsumer) -> bool:
    written = db.execute(
        "UPDATE consumers_registered SET until = ? WHERE contract = ? AND consumer = ? AND until IS NULL",
        [record.seq, fact.contract.name, fact.consumer],
    )
    return bool(written.rowcount)


def _told(db: sqlite_utils.Database, record: Record, fact: ConsumerTold) -> str | None:
    known = db.execute(
        "SELECT 1 FROM consumers_change WHERE seq = ? AND leaf = ? AND contract = ? AND sha256 = ?",
        [fact.of.seq, fact.of.leaf, fact.contract.name, fact.contract.sha256],
    ).fetchone()
    if known is None:
        return "unmatched"
    written = db.execute(
        "INSERT INTO consumers_told VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [fact.of.seq, fact.consumer, record.seq, record.at],
    )
    return None if written.rowcount else "repeated"


def _changed(db: sqlite_utils.Database, record: Record, fact: ChangeAnnounced | ContractEnded) -> str | None:
    names = [fact.contract.name, fact.contract.version, fact.contract.sha256, fact.dataset.namespace, fact.dataset.name]
    db.execute(
        "INSERT INTO consumers_change VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [record.seq, record.leaf.hex(), record.at, record.type, *names],
    )
    return None


@dataclass(frozen=True, slots=True)
class Consumer:
    """Somebody who relies on a contract: `version` is that which they registered with, `channel` by which they are told."""

    name: str
    contract: str
    version: str
    dataset: str
    channel: str
    seq: int


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of which consumers are told."""

    entry: Decided
    type: str
    contract: ContractName
    dataset: DatasetName


def consumers(log: ProjectingLog, contract: str | None = None) -> list[Consumer]:
    """Return who relies on a contract, or on any, by name."""
    select = "SELECT * FROM consumers_registered WHERE until IS NULL AND (? IS NULL OR contract = ?) ORDER BY contract, consumer"
    with log.viewing(ConsumerRegister()) as db:
        return [_consumer(row) for row in db.query(select, [contract, contract])]


def concerned(log: ProjectingLog, contract: str, dataset: DatasetName, *, at: int | None = None) -> list[Consumer]:
    """Return whom a change of a contract, or of its dataset, concerns, each once: as it was at an entry, or is now."""
    moment = 2**53 if at is None else at
    with log.viewing(ConsumerRegister()) as db:
        rows = list(db.query(_CONCERNED, [contract, dataset.namespace, dataset.name, moment, moment]))
    return list({row["consumer"]: _consumer(row) for row in rows}.values())


def pending(log: ProjectingLog, found: Consumer) -> list[Change]:
    """Return the versions still to come that were announced before a consumer registered, and of which they were not told."""
    select = """SELECT * FROM consumers_change c WHERE type = ? AND seq < ? AND (contract = ? OR namespace || '|' || dataset = ?)
    AND NOT EXISTS (SELECT 1 FROM consumers_told t WHERE t.change = c.seq AND t.consumer = ?) ORDER BY seq"""
    with log.viewing(ConsumerRegister()) as db:
        rows = list(db.query(select, [CHANGE_ANNOUNCED, found.seq, found.contract, found.dataset, found.name]))
    known = {(row["contract"], each.version) for row in rows for each in versions(log, row["contract"])}
    return [_change(row) for row in rows if (row["contract"], row["version"]) not in known]


def untold(log: ProjectingLog, contract: str, dataset: DatasetName, *, version: str, sha256: str) -> list[str]:
    """Return who relies on a contract and was not told that a version is to come, by name; nobody was of one never announced."""
    select = """SELECT t.consumer FROM consumers_told t JOIN consumers_change c ON c.seq = t.change
    WHERE c.type = ? AND c.contract = ? AND c.version = ? AND c.sha256 = ?"""
    with log.viewing(ConsumerRegister()) as db:
        rows = db.execute(select, [CHANGE_ANNOUNCED, contract, version, sha256]).fetchall()
    told = {row[0] for row in rows}
    return [found.name for found in concerned(log, contract, dataset) if found.name not in told]


def told_of(log: ProjectingLog, name: str) -> list[tuple[int, str]]:
    """Return of which entries a consumer was told, and when, the newest first."""
    select = "SELECT change, at FROM consumers_told WHERE consumer = ? ORDER BY change DESC"
    with log.viewing(ConsumerRegister()) as db:
        return [(int(seq), str(at)) for seq, at in db.execute(select, [name]).fetchall()]


def _consumer(row: dict[str, Any]) -> Consumer:
    dataset = f"{row['namespace']}|{row['dataset']}"
    return Consumer(row["consumer"], row["contract"], row["version"], dataset, row["channel"], row["seq"])


def _change(row: dict[str, Any]) -> Change:
    return Change(
        Decided(seq=row["seq"], leaf=row["leaf"]),
        row["type"],
        ContractName(name=row["contract"], version=row["version"], sha256=row["sha256"]),
        DatasetName(namespace=row["namespace"], name=row["dataset"]),
    )
