"""The projection of contracts and what was decided by them: tables of its own, replayed from the log alone (I19)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import sqlite_utils

from contracts.document import parse
from contracts.facts import (
    ACTION_TAKEN,
    CHANGE_ANNOUNCED,
    CONTRACT_DEPRECATED,
    CONTRACT_PUBLISHED,
    CONTRACT_RETIRED,
    OVERRIDDEN,
    POLICY_PUBLISHED,
    VALIDATION_DECIDED,
    ActionTaken,
    ChangeAnnounced,
    ContractEnded,
    ContractPublished,
    Overridden,
    PolicyPublished,
    ValidationDecided,
)
from contracts.policyfile import parse_policy
from contracts.record import Log, inputs_of, policy_fact, published_fact
from contracts.registry.semver import Version
from ledger.clock import Clock
from ledger.projection import BodyFold, Projection
from ledger.record import Record

_TABLES: Final = (
    """CREATE TABLE contracts_version (name TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
    dataset_namespace TEXT NOT NULL, dataset_name TEXT NOT NULL, previous TEXT, definition TEXT NOT NULL,
    seq INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY (name, version)) STRICT""",
    """CREATE TABLE contracts_ended (name TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL, by TEXT NOT NULL,
    reason TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY (name, version, state)) STRICT""",
    """CREATE TABLE contracts_announced (name TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
    notice_days INTEGER NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY (name, version, sha256)) STRICT""",
    """CREATE TABLE contracts_decision (seq INTEGER PRIMARY KEY, leaf TEXT NOT NULL, at TEXT NOT NULL,
    contract TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL, dataset_namespace TEXT NOT NULL,
    dataset_name TEXT NOT NULL, decision TEXT NOT NULL, risk_basis_points INTEGER NOT NULL, run TEXT, data TEXT, batch TEXT,
    source TEXT NOT NULL, action TEXT, result TEXT, action_seq INTEGER) STRICT""",
    """CREATE TABLE contracts_policy (name TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL, owner TEXT NOT NULL,
    expires TEXT, definition TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY (name, version)) STRICT""",
    """CREATE TABLE contracts_override (seq INTEGER PRIMARY KEY, leaf TEXT NOT NULL, at TEXT NOT NULL,
    decided INTEGER NOT NULL, "to" TEXT NOT NULL, by TEXT NOT NULL, approved_by TEXT, reason TEXT NOT NULL,
    until TEXT NOT NULL) STRICT""",
    "CREATE INDEX contracts_override_by_decision ON contracts_override (decided)",
    "CREATE INDEX contracts_decision_by_data ON contracts_decision (data, sha256)",
    "CREATE INDEX contracts_decision_by_contract ON contracts_decision (contract, seq)",
    "CREATE INDEX contracts_decision_by_dataset ON contracts_decision (dataset_namespace, dataset_name, seq)",
)


_VERSIONS: Final = """SELECT name, version, sha256, seq, coalesce((SELECT max(state) FROM contracts_ended e
WHERE e.name = v.name AND e.version = v.version), 'active'), definition FROM contracts_version v"""  # retired > deprecated


class ContractHistory(BodyFold):
    """Folds contracts, policies, decisions, what overrules them, and actions into tables.

    `contracts_version` has every version that came into force: the first publish of a name and version is the one that
    counts. `contracts_decision` has every decision with the action that followed it, if one did. `contracts_unread` names
    what could not be folded, with a reason: "withheld" (the body is gone), "malformed", "repeated" (another publish of a
    version that is in force) "unmatched" (an action after no decision that is known as it says, or an override of none), or
    "contradictory" (an event that says otherwise than its text).
    """

    name = "contracts"
    version = 6
    types: frozenset[str] = frozenset(
        (
            CONTRACT_PUBLISHED,
            CONTRACT_DEPRECATED,
            CONTRACT_RETIRED,
            CHANGE_ANNOUNCED,
            POLICY_PUBLISHED,
            VALIDATION_DECIDED,
            OVERRIDDEN,
            ACTION_TAKEN,
        )
    )
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write what the record says; return why not, where it cannot be folded."""
        return _FOLDS[record.type](db, record, body)


def _published(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = ContractPublished.parse(body)
    # By what the event says of itself it was filed and let in; by its text it binds.
    if published_fact(parse(fact.definition.encode()), previous=fact.previous) != fact:
        return "contradictory"
    contract, dataset = fact.contract, fact.dataset
    Version.parse(contract.version)
    row = [
        contract.name,
        contract.version,
        contract.sha256,
        dataset.namespace,
        dataset.name,
        fact.previous,
        fact.definition,
    ]
    written = db.execute(
        "INSERT INTO contracts_version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [*row, record.seq, record.at],
    )
    return None if written.rowcount else "repeated"


def _ended(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = ContractEnded.parse(body)
    name = fact.contract
    known = "SELECT 1 FROM contracts_version WHERE name = ? AND version = ? AND sha256 = ?"
    if db.execute(known, [name.name, name.version, name.sha256]).fetchone() is None:
        return "unmatched"
    state = "retired" if record.type == CONTRACT_RETIRED else "deprecated"
    written = db.execute(
        "INSERT INTO contracts_ended VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [name.name, name.version, state, fact.by, fact.reason, record.seq, record.at],
    )
    return None if written.rowcount else "repeated"


def _announced(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = ChangeAnnounced.parse(body)
    row = [fact.contract.name, fact.contract.version, fact.contract.sha256, fact.notice_days]
    written = db.execute(
        "INSERT INTO contracts_announced VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [*row, record.seq, record.at],
    )
    return None if written.rowcount else "repeated"


def _ruled(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = PolicyPublished.parse(body)
    if policy_fact(parse_policy(fact.definition.encode()), previous=fact.previous) != fact:
        return "contradictory"
    row = [fact.policy.name, fact.policy.version, fact.policy.sha256, fact.owner, fact.expires, fact.definition]
    written = db.execute(
        "INSERT INTO contracts_policy VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [*row, record.seq, record.at],
    )
    return None if written.rowcount else "repeated"


def _overruled(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = Overridden.parse(body)
    if _decision_of(db, fact) is None or fact.to.rank >= fact.decision.rank:
        return "unmatched"
    row = [record.seq, record.leaf.hex(), record.at, fact.decided.seq, fact.to.value]
    db.execute(
        "INSERT INTO contracts_override VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*row, fact.by, fact.approved_by, fact.reason, fact.until],
    )
    return None


def _decided(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = ValidationDecided.parse(body)
    contract, dataset = fact.contract, fact.dataset
    place = [record.seq, record.leaf.hex(), record.at]
    names = [contract.name, contract.version, contract.sha256, dataset.namespace, dataset.name]
    db.execute(
        "INSERT INTO contracts_decision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
        [
            *place,
            *names,
            fact.decision.value,
            fact.risk,
            fact.run,
            inputs_of(fact.batch),
            fact.batch.sha256,
            record.source,
        ],
    )
    return None


def _decision_of(db: sqlite_utils.Database, fact: Overridden | ActionTaken) -> int | None:
    """The seq of the decision that a fact refers to, where it is what the fact says that it is."""
    row = db.execute(
        "SELECT seq FROM contracts_decision WHERE seq = ? AND leaf = ? AND contract = ? AND version = ? AND sha256 = ? "
        "AND dataset_namespace = ? AND dataset_name = ? AND decision = ?",
        [
            *(fact.decided.seq, fact.decided.leaf, fact.contract.name, fact.contract.version, fact.contract.sha256),
            *(fact.dataset.namespace, fact.dataset.name, fact.decision.value),
        ],
    ).fetchone()
    return None if row is None else int(row[0])


def _acted(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = ActionTaken.parse(body)
    if _decision_of(db, fact) is None:
        return "unmatched"
    written = db.execute(
        "UPDATE contracts_decision SET action = ?, result = ?, action_seq = ? WHERE seq = ? AND leaf = ?",
        [fact.action, fact.result, record.seq, fact.decided.seq, fact.decided.leaf],
    )
    return None if written.rowcount else "unmatched"


_FOLDS: Final = {
    CONTRACT_PUBLISHED: _published,
    CONTRACT_DEPRECATED: _ended,
    CONTRACT_RETIRED: _ended,
    CHANGE_ANNOUNCED: _announced,
    POLICY_PUBLISHED: _ruled,
    VALIDATION_DECIDED: _decided,
    OVERRIDDEN: _overruled,
    ACTION_TAKEN: _acted,
}


class ProjectingLog(Log, Protocol):
    """A log that also keeps projections."""

    def viewing(self, projection: Projection, /) -> AbstractContextManager[sqlite_utils.Database]:
        """Bring a projection up to the end of the log, and hold the database that holds its tables."""
        ...


class ReadableLog(ProjectingLog, Protocol):
    """A log whose entries can be read one by one."""

    clock: Clock

    @property
    def origin(self) -> str:
        """The log's name."""
        ...

    def entry(self, seq: int, /) -> Record:
        """Return an entry with its body."""
        ...


@dataclass(frozen=True, slots=True)
class InForce:
    """One version of a contract, and the entry that put it in force.

    Attributes:
        state: "active", "deprecated" or "retired".
        definition: Its text.
    """

    name: str
    version: str
    sha256: str
    seq: int
    state: str = "active"
    definition: str = field(default="", repr=False)


def decisions(log: ProjectingLog, contract: str | None, last: int) -> list[dict[str, Any]]:
    """Return the last decisions, the newest first, each with its action and the seq of the last override."""
    select = """SELECT seq, at, contract, version, dataset_namespace || '|' || dataset_name AS dataset, decision,
    risk_basis_points, run, action, result, (SELECT max(o.seq) FROM contracts_override o WHERE o.decided = d.seq) AS overridden_by
    FROM contracts_decision d WHERE ? IS NULL OR contract = ? ORDER BY seq DESC LIMIT ?"""
    with log.viewing(ContractHistory()) as db:
        found = db.execute(select, [contract, contract, last])
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def versions(log: ProjectingLog, name: str) -> tuple[InForce, ...]:
    """Return the versions of a contract in the order in which they came into force."""
    with log.viewing(ContractHistory()) as db:
        return tuple(InForce(*row) for row in db.execute(f"{_VERSIONS} WHERE name = ? ORDER BY seq", [name]).fetchall())


def all_versions(log: ProjectingLog) -> tuple[InForce, ...]:
    """Return the versions of every contract, by name, in the order in which they came into force."""
    with log.viewing(ContractHistory()) as db:
        return tuple(InForce(*row) for row in db.execute(f"{_VERSIONS} ORDER BY name, seq").fetchall())


def announced_at(log: ProjectingLog, name: str, version: str, sha256: str) -> str | None:
    """Return when a version of a contract was announced, as an entry prints it; None where it was not."""
    select = "SELECT at FROM contracts_announced WHERE name = ? AND version = ? AND sha256 = ?"
    with log.viewing(ContractHistory()) as db:
        row = db.execute(select, [name, version, sha256]).fetchone()
    return None if row is None else str(row[0])


def ended_at(log: ProjectingLog, name: str, version: str, state: str) -> str | None:
    """Return when a version was deprecated or retired, as an entry prints it; None where it was not."""
    select = "SELECT at FROM contracts_ended WHERE name = ? AND version = ? AND state = ?"
    with log.viewing(ContractHistory()) as db:
        row = db.execute(select, [name, version, state]).fetchone()
    return None if row is None else str(row[0])
