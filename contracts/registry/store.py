"""The projection of published schemas: which version of which subject is in force, replayed from the log alone (I19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlite_utils

from contracts.history import ProjectingLog
from contracts.registry.facts import SCHEMA_PUBLISHED, SCHEMA_REJECTED, SchemaPublished, SchemaRejected
from contracts.registry.semver import Version
from ledger.projection import BodyFold
from ledger.record import Record
from proofs.errors import MissingError

_TABLES: Final = (
    """CREATE TABLE registry_schema (subject TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
    previous TEXT, bump TEXT NOT NULL, definition TEXT NOT NULL, seq INTEGER NOT NULL UNIQUE, at TEXT NOT NULL,
    PRIMARY KEY (subject, version)) STRICT""",
    """CREATE TABLE registry_rejection (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, subject TEXT NOT NULL,
    version TEXT NOT NULL, sha256 TEXT NOT NULL, previous TEXT NOT NULL, reason TEXT NOT NULL) STRICT""",
)


class SchemaRegistry(BodyFold):
    """Folds publications and rejections.

    Of two publishers who compared with the same version at the same time the log takes both; the fold takes the first.
    A publish whose `previous` is not the highest version in force when its turn comes, or whose version does not come after
    that, is not in force: it stands in `registry_unread` as "overtaken". There, too, is what was "withheld" or "malformed".
    """

    name = "registry"
    version = 1
    types: frozenset[str] = frozenset((SCHEMA_PUBLISHED, SCHEMA_REJECTED))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write what the record says; return why not, where it cannot be folded."""
        if record.type == SCHEMA_PUBLISHED:
            return _published(db, record, SchemaPublished.parse(body))
        return _rejected(db, record, SchemaRejected.parse(body))


def _published(db: sqlite_utils.Database, record: Record, fact: SchemaPublished) -> str | None:
    schema = fact.schema_
    version = Version.parse(schema.version)
    known = db.execute("SELECT version FROM registry_schema WHERE subject = ?", [schema.subject]).fetchall()
    highest = max((Version.parse(row[0]) for row in known), default=None)
    if fact.previous != (str(highest) if highest else None) or (highest and version <= highest):
        return "overtaken"
    row = [schema.subject, schema.version, schema.sha256, fact.previous, fact.bump, fact.definition]
    db.execute("INSERT INTO registry_schema VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [*row, record.seq, record.at])
    return None


def _rejected(db: sqlite_utils.Database, record: Record, fact: SchemaRejected) -> str | None:
    schema = fact.schema_
    row = [schema.subject, schema.version, schema.sha256, fact.previous, fact.reason]
    db.execute("INSERT INTO registry_rejection VALUES (?, ?, ?, ?, ?, ?, ?)", [record.seq, record.at, *row])
    return None


@dataclass(frozen=True, slots=True)
class Published:
    """One version of a schema, and the entry that put it in force."""

    subject: str
    version: str
    sha256: str
    definition: str
    seq: int

    @property
    def number(self) -> Version:
        """The version as something that can be compared."""
        return Version.parse(self.version)


def versions(log: ProjectingLog, subject: str) -> tuple[Published, ...]:
    """Return the versions of a subject in force, the lowest first, which is also the order of the log."""
    select = "SELECT subject, version, sha256, definition, seq FROM registry_schema WHERE subject = ? ORDER BY seq"
    with log.viewing(SchemaRegistry()) as db:
        return tuple(Published(*row) for row in db.execute(select, [subject]).fetchall())


def version(log: ProjectingLog, subject: str, number: str) -> Published:
    """Return one version of a subject.

    Raises:
        MissingError: It is not in force.
    """
    for published in versions(log, subject):
        if published.version == number:
            return published
    raise MissingError(f"schema {subject!r} has no version {number!r}")


def subjects(log: ProjectingLog) -> tuple[str, ...]:
    """Return every subject that has a version in force, sorted."""
    with log.viewing(SchemaRegistry()) as db:
        rows = db.execute("SELECT DISTINCT subject FROM registry_schema ORDER BY subject").fetchall()
    return tuple(row[0] for row in rows)
