"""Sources as the log has them: declared, tested, retired, and who may use each; replayed from the log alone (I19)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import sqlite_utils
from pydantic import ValidationError

from contracts.catalog.access import Access, Demand, Step, after, standing
from contracts.catalog.declaration import SourceDocument, parse_source
from contracts.catalog.facts import (
    ACCESS_AGREED,
    ACCESS_EXPIRED,
    ACCESS_GRANTED,
    ACCESS_REQUESTED,
    ACCESS_REVOKED,
    REGISTERED,
    RETIRED,
    TESTED,
    AccessAgreed,
    AccessExpired,
    AccessGranted,
    AccessRequested,
    AccessRevoked,
    OfAccess,
    OfSource,
    Registered,
    Retired,
    Tested,
)
from contracts.facts import Decided
from contracts.history import ProjectingLog, ReadableLog
from contracts.record import Context, Receipt, dataset_name, event_of
from ledger.event import Event
from ledger.fact import Fact
from ledger.projection import BodyFold
from ledger.record import Record
from proofs.errors import ConflictError, MissingError, RefusedError, StaleError

STEPS: Final[dict[str, type[OfAccess]]] = {
    ACCESS_REQUESTED: AccessRequested,
    ACCESS_AGREED: AccessAgreed,
    ACCESS_GRANTED: AccessGranted,
    ACCESS_REVOKED: AccessRevoked,
    ACCESS_EXPIRED: AccessExpired,
}
_TABLES: Final = (
    """CREATE TABLE source_declared (seq INTEGER PRIMARY KEY, leaf TEXT NOT NULL, at TEXT NOT NULL, name TEXT NOT NULL,
    namespace TEXT NOT NULL, dataset TEXT NOT NULL, kind TEXT NOT NULL, sha256 TEXT NOT NULL, definition TEXT NOT NULL,
    terms_sha256 TEXT, four_eyes INTEGER NOT NULL, days INTEGER NOT NULL) STRICT""",
    "CREATE INDEX source_declared_by_name ON source_declared (name, seq)",
    """CREATE TABLE source_retired (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, at TEXT NOT NULL, by TEXT NOT NULL,
    reason TEXT NOT NULL) STRICT""",
    "CREATE TABLE source_tested (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL) STRICT",
    """CREATE TABLE source_access (seq INTEGER PRIMARY KEY, leaf TEXT NOT NULL, at TEXT NOT NULL, name TEXT NOT NULL,
    who TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL, terms_sha256 TEXT, four_eyes INTEGER NOT NULL,
    days INTEGER NOT NULL) STRICT""",
    "CREATE INDEX source_access_by_name ON source_access (name, who, seq)",
)
_KNOWN: Final = """SELECT d.name, d.seq, d.leaf, d.at, d.definition, (SELECT at FROM source_retired r WHERE r.name = d.name)
FROM source_declared d WHERE d.seq = (SELECT max(seq) FROM source_declared l WHERE l.name = d.name)"""
_Word = TypeVar("_Word", bound=OfSource)


class SourceCatalog(BodyFold):
    """Folds sources into tables.

    `source_unread` names what could not be folded, with a reason: "withheld", "malformed", "contradictory" (a declaration that
    says otherwise than its text, or names another dataset than before), "repeated" (a second end), "unmatched" (of no source that
    is declared so), or "refused" (a step that does not follow, as `contracts.catalog.access` has it).
    """

    name = "source"
    version = 1
    types: frozenset[str] = frozenset((REGISTERED, RETIRED, TESTED, *STEPS))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write what the record says; return why not, where it cannot be folded."""
        if record.type == REGISTERED:
            return _registered(db, record, body)
        if record.type == RETIRED:
            return _retired(db, record, Retired.parse(body))
        if record.type == TESTED:
            return _tested(db, record, body)
        return _stepped(db, record, STEPS[record.type].parse(body), body)


def _registered(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = Registered.parse(body)
    document = parse_source(fact.definition.encode())
    if registered_fact(document, previous=fact.previous) != fact:
        return "contradictory"
    known = _last(db, fact.source)
    if known is not None and (known["namespace"], known["dataset"]) != (fact.dataset.namespace, fact.dataset.name):
        return "contradictory"
    if _ended(db, fact.source):
        return "repeated"
    terms = document.declaration.access
    demand = [terms.sha256, int(terms.four_eyes), terms.days] if terms else [None, 0, 0]
    row = [record.seq, record.leaf.hex(), record.at, fact.source, fact.dataset.namespace, fact.dataset.name]
    db.execute(
        "INSERT INTO source_declared VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*row, fact.kind, fact.sha256, fact.definition, *demand],
    )
    return None


def _retired(db: sqlite_utils.Database, record: Record, fact: Retired) -> str | None:
    if not _is_of(db, fact):
        return "unmatched"
    written = db.execute(
        "INSERT INTO source_retired VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [fact.source, record.seq, record.at, fact.by, fact.reason],
    )
    return None if written.rowcount else "repeated"


def _tested(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = Tested.parse(body)
    if not _is_of(db, fact):
        return "unmatched"
    db.execute("INSERT INTO source_tested VALUES (?, ?, ?, ?)", [record.seq, record.at, fact.source, body.decode()])
    return None


def _stepped(db: sqlite_utils.Database, record: Record, fact: OfAccess, body: bytes) -> str | None:
    if not _is_of(db, fact):
        return "unmatched"
    demand = None if _ended(db, fact.source) else _demand(_last(db, fact.source) or {})
    step = Step(fact, Decided(seq=record.seq, leaf=record.leaf.hex()), record.at, demand)
    try:
        after(standing(_steps(db, fact.source, fact.who)), step)
    except (RefusedError, MissingError, StaleError):
        return "refused"
    row = [record.seq, record.leaf.hex(), record.at, fact.source, fact.who, record.type, body.decode()]
    asked = [demand.terms_sha256, int(demand.four_eyes), demand.days] if demand else [None, 0, 0]
    db.execute("INSERT INTO source_access VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [*row, *asked])
    return None


def _demand(row: dict[str, Any]) -> Demand | None:
    if row.get("terms_sha256") is None:
        return None
    return Demand(row["terms_sha256"], bool(row["four_eyes"]), row["days"])


def _last(db: sqlite_utils.Database, name: str) -> dict[str, Any] | None:
    rows = db.query("SELECT * FROM source_declared WHERE name = ? ORDER BY seq DESC LIMIT 1", [name])
    return next(iter(rows), None)


def _ended(db: sqlite_utils.Database, name: str) -> bool:
    return db.execute("SELECT 1 FROM source_retired WHERE name = ?", [name]).fetchone() is not None


def _is_of(db: sqlite_utils.Database, fact: OfSource) -> bool:
    """True when a declaration stands at the entry that a fact refers to, of the source and dataset that it names."""
    found = db.execute(
        "SELECT 1 FROM source_declared WHERE seq = ? AND leaf = ? AND name = ? AND namespace = ? AND dataset = ?",
        [fact.registered.seq, fact.registered.leaf, fact.source, fact.dataset.namespace, fact.dataset.name],
    ).fetchone()
    return found is not None


def _steps(db: sqlite_utils.Database, name: str, who: str, until: str = "9999") -> list[Step]:
    rows = db.query(
        "SELECT * FROM source_access WHERE name = ? AND who = ? AND at <= ? ORDER BY seq", [name, who, until]
    )
    return [
        Step(
            STEPS[row["type"]].parse(row["body"].encode()),
            Decided(seq=row["seq"], leaf=row["leaf"]),
            row["at"],
            _demand(row),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Known:
    """A source by its last declaration; `retired`: when it was, where it was."""

    name: str
    entry: Decided
    at: str
    document: SourceDocument
    retired: str | None


def sources(log: ProjectingLog) -> tuple[Known, ...]:
    """Return every source, by name."""
    with log.viewing(SourceCatalog()) as db:
        rows = db.execute(f"{_KNOWN} ORDER BY d.name").fetchall()
    return tuple(_known(row) for row in rows)


def find(log: ProjectingLog, name: str) -> Known:
    """Return a source.

    Raises:
        MissingError: There is none of this name.
    """
    with log.viewing(SourceCatalog()) as db:
        row = db.execute(f"{_KNOWN} AND d.name = ?", [name]).fetchone()
    if row is None:
        raise MissingError(f"there is no source {name[:128]!r}", hint="`tally sources list`")
    return _known(row)


def open_source(log: ProjectingLog, name: str) -> Known:
    """Return a source that is in use.

    Raises:
        MissingError: There is none of this name.
        ConflictError: It is retired.
    """
    known = find(log, name)
    if known.retired is not None:
        raise ConflictError(f"source {name} was retired {known.retired[:10]}")
    return known


def _known(row: Sequence[Any]) -> Known:
    name, seq, leaf, at, definition, retired = row
    document = parse_source(definition.encode(), name=f"entry {seq}")
    return Known(name, Decided(seq=seq, leaf=leaf), at, document, retired)


def tests_of(log: ProjectingLog, name: str) -> list[tuple[int, Tested]]:
    """Return what every test of a source found, the newest first, each with its entry."""
    select = "SELECT seq, body FROM source_tested WHERE name = ? ORDER BY seq DESC"
    with log.viewing(SourceCatalog()) as db:
        rows = db.execute(select, [name]).fetchall()
    return [(seq, Tested.parse(body.encode())) for seq, body in rows]


def accesses(log: ProjectingLog, *, source: str | None = None, as_of: str = "9999") -> list[tuple[Access, bool]]:
    """Return where every access stood at a moment (an entry's `at`), and whether its source was retired by then."""
    select = "SELECT DISTINCT name, who FROM source_access WHERE (? IS NULL OR name = ?) AND at <= ? ORDER BY name, who"
    found: list[tuple[Access, bool]] = []
    with log.viewing(SourceCatalog()) as db:
        for name, who in db.execute(select, [source, source, as_of]).fetchall():
            access = standing(_steps(db, name, who, as_of))
            ended = db.execute("SELECT 1 FROM source_retired WHERE name = ? AND at <= ?", [name, as_of]).fetchone()
            if access is not None:
                found.append((access, ended is not None))
    return found


def access_of(log: ProjectingLog, source: str, who: str) -> Access | None:
    """Return where one access stands now; None where nobody asked for it."""
    with log.viewing(SourceCatalog()) as db:
        return standing(_steps(db, source, who))


def registered_fact(document: SourceDocument, *, previous: str | None) -> Registered:
    """Return the body that declares a source: what it says beside the text is what the text says."""
    declaration = document.declaration
    return Registered(
        source=declaration.name,
        dataset=dataset_name(declaration.dataset),
        kind=declaration.connection.kind,
        owner=declaration.owner,
        sha256=document.sha256,
        previous=previous,
        definition=document.text,
    )


def register(log: ReadableLog, document: SourceDocument) -> tuple[Known, bool]:
    """Record a declaration, and return the source with whether anything was recorded: the same text is not recorded again.

    Raises:
        ConflictError: The source is retired, or feeds another dataset.
    """
    declaration = document.declaration
    try:
        known: Known | None = open_source(log, declaration.name)
    except MissingError:
        known = None
    if known is not None and known.document.sha256 == document.sha256:
        return known, False
    if known is not None and known.document.declaration.dataset != declaration.dataset:
        was = known.document.declaration.dataset
        raise ConflictError(
            f"source {declaration.name} feeds {was.namespace}|{was.name}", hint="another dataset is another source"
        )
    fact = registered_fact(document, previous=known.document.sha256 if known else None)
    receipt = _append(log, REGISTERED, fact, declaration.name)
    found = find(log, declaration.name)
    if found.entry.seq < receipt.seq:  # another was first: it feeds another dataset, or ended it
        raise ConflictError(f"source {declaration.name} was declared otherwise, or retired, at the same time")
    return found, True


def retire(log: ReadableLog, name: str, *, by: str, reason: str) -> Receipt:
    """Record that a source is used no more, and return where; whoever might use it may not any more.

    Raises:
        MissingError: There is none of this name.
        ConflictError: It is retired already.
        RefusedError: A word is none that an entry may hold.
    """
    known = open_source(log, name)
    return _append(log, RETIRED, of_source(known, Retired, by=by, reason=reason), name)


def of_source(known: Known, word: type[_Word], **said: Any) -> _Word:
    """Return a fact about a source.

    Raises:
        RefusedError: What it says is not what an entry may hold.
    """
    dataset = dataset_name(known.document.declaration.dataset)
    try:
        return word(source=known.name, dataset=dataset, registered=known.entry, **said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RefusedError(f"{'.'.join(map(str, first['loc']))} is not acceptable: {first['msg']}") from error


def event_about(log: ReadableLog, type: str, fact: Fact, name: str, *, id: str | None = None) -> Event:
    """Return the event of a source whose body is `fact`; with an `id` the log writes it once however often it comes."""
    context = Context(source=f"{log.origin}/source")
    if id is not None:
        context = Context(source=context.source, new_id=lambda: id)
    return event_of(type, fact, context, subject=name)


def _append(log: ReadableLog, type: str, fact: Fact, name: str) -> Receipt:
    return log.append(event_about(log, type, fact, name))
