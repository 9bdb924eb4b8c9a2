"""Quarantines as the log has them and as files: opened after a decision, looked at, replayed, deleted, expired.

    <folder>/<id>/bad.parquet       the rows that were kept apart
    <folder>/<id>/good.parquet      those that were not
    <folder>/<id>/released-<n>.parquet   those that keep a contract in the n-th replay
    <folder>/<id>/.ledger           whose it is: the name of the log, before there is any row

The files stand before the event that tells of them, and are deleted before the event that says so: a crash in between leaves
files that no event names (`contracts.quarantine.orphans`), or an event that is repeated. They are for their owner alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlite_utils
from pydantic import ValidationError

from contracts.document import Document
from contracts.facts import Decided
from contracts.history import ProjectingLog, ReadableLog
from contracts.measure import measure
from contracts.model import Contract, ExtraColumns
from contracts.quarantine.apart import Apart
from contracts.quarantine.facts import (
    DELETED,
    EXPIRED,
    OPENED,
    REPLAYED,
    REVIEWED,
    Deleted,
    Expired,
    File,
    OfQuarantine,
    Opened,
    Replayed,
    Reviewed,
    RuleRows,
)
from contracts.quarantine.split import Split, split
from contracts.record import Context, Evaluated, Receipt, contract_name, dataset_name, event_of
from contracts.source import Source, fingerprint
from contracts.terms import Severity
from ledger.clock import parse_at, print_at
from ledger.event import Event
from ledger.projection import BodyFold
from ledger.record import Record
from proofs.errors import ConflictError, MissingError, RefusedError, TamperedError

DEFAULT_DAYS: Final = 30
OWNER: Final = ".ledger"
_FACTS: Final[dict[str, type[OfQuarantine]]] = {
    REVIEWED: Reviewed,
    REPLAYED: Replayed,
    DELETED: Deleted,
    EXPIRED: Expired,
}
_STATES: Final = {REVIEWED: "reviewed", REPLAYED: "replayed", DELETED: "deleted", EXPIRED: "expired"}
_TABLES: Final = (
    """CREATE TABLE quarantine_batch (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, leaf TEXT NOT NULL, at TEXT NOT NULL,
    contract TEXT NOT NULL, dataset TEXT NOT NULL, until TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL, verdict TEXT,
    replays INTEGER NOT NULL) STRICT""",
)
_Word = TypeVar("_Word", bound=OfQuarantine)


class QuarantineFold(BodyFold):
    """Folds quarantines into `quarantine_batch`, each in its last state."""

    name = "quarantine"
    version = 1
    types: frozenset[str] = frozenset((OPENED, *_FACTS))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write what the record says; return why not, where it cannot be folded."""
        if record.type == OPENED:
            fact = Opened.parse(body)
            row = [fact.id, record.seq, record.leaf.hex(), record.at, fact.contract.name, _name(fact.dataset)]
            written = db.execute(
                "INSERT INTO quarantine_batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open', NULL, 0) ON CONFLICT DO NOTHING",
                [*row, fact.until, body.decode()],
            )
            return None if written.rowcount else "repeated"
        said = _FACTS[record.type].parse(body)
        written = db.execute(
            "UPDATE quarantine_batch SET state = CASE WHEN state IN ('deleted', 'expired') THEN state ELSE ? END, "
            "verdict = coalesce(?, verdict), replays = replays + ? "
            "WHERE id = ? AND seq = ? AND leaf = ? AND contract = ? AND dataset = ?",
            [
                _STATES[record.type],
                said.verdict if isinstance(said, Reviewed) else None,
                int(record.type == REPLAYED),
                *(said.id, said.opened.seq, said.opened.leaf, said.contract.name, _name(said.dataset)),
            ],
        )
        return None if written.rowcount else "unmatched"


@dataclass(frozen=True, slots=True)
class Kept:
    """A quarantine as the log has it."""

    id: str
    entry: Decided
    at: str
    opened: Opened
    state: str
    verdict: str | None
    replays: int

    @property
    def is_gone(self) -> bool:
        """True when its rows were deleted."""
        return self.state in ("deleted", "expired")


def quarantines(log: ProjectingLog) -> tuple[Kept, ...]:
    """Return every quarantine, the newest first."""
    select = "SELECT id, seq, leaf, at, body, state, verdict, replays FROM quarantine_batch ORDER BY seq DESC"
    with log.viewing(QuarantineFold()) as db:
        rows = db.execute(select).fetchall()
    return tuple(
        Kept(id, Decided(seq=seq, leaf=leaf), at, Opened.parse(body.encode()), state, verdict, replays)
        for id, seq, leaf, at, body, state, verdict, replays in rows
    )


def waiting(log: ProjectingLog) -> tuple[int, str | None]:
    """Return how many quarantines still have their rows, and when the time of the first of them is over."""
    select = "SELECT count(*), min(until) FROM quarantine_batch WHERE state NOT IN ('deleted', 'expired')"
    with log.viewing(QuarantineFold()) as db:
        count, first = db.execute(select).fetchone()
    return int(count), first


def find(log: ProjectingLog, id: str) -> Kept:
    """Return a quarantine.

    Raises:
        MissingError: There is none of this id.
    """
    for kept in quarantines(log):
        if kept.id == id:
            return kept
    raise MissingError(f"there is no quarantine {id[:64]!r}", hint="`tally quarantine list`")


def keep_apart(
    evaluated: Evaluated, source: Source, folder: Path, *, id: str | None = None, origin: str = ""
) -> tuple[str, Split]:
    """Part the rows of an evaluated batch into files below `folder`, and return the quarantine's id and what became of them.

    Args:
        origin: The log that will tell of it; without, nobody finds the rows again should it never.

    Raises:
        RefusedError: The folder cannot be made, or a file is there already.
        MalformedError: The batch is not that which was measured.
    """
    id = id or str(uuid.uuid4())
    place = _place(folder, id)
    try:
        place.mkdir(mode=0o700, parents=True)
        if origin:
            (place / OWNER).touch(mode=0o600)
            (place / OWNER).write_text(origin, encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"the quarantine cannot be made: {error.strerror}", where=str(place)) from error
    contract = evaluated.document.contract
    return id, split(contract, source, evaluated.measurement, place / "bad.parquet", place / "good.parquet")


def record_opened(
    log: ReadableLog, evaluated: Evaluated, decided: Receipt, made: tuple[str, Split], context: Context
) -> Receipt:
    """Record that rows were kept apart, after the decision at `decided`, until the contract's retention is over."""
    (id, parted), contract = made, evaluated.document.contract
    days = contract.quarantine.retention_days if contract.quarantine else DEFAULT_DAYS
    fact = Opened(
        id=id,
        contract=contract_name(evaluated.document),
        dataset=dataset_name(contract.dataset),
        decided=Decided(seq=decided.seq, leaf=decided.leaf.hex()),
        rows=parted.bad_rows,
        good_rows=parted.good_rows,
        rules=tuple(RuleRows(rule=rule, rows=rows) for rule, rows in parted.by_rule.items()),
        whole=parted.is_whole,
        bad=File(rows=parted.bad_rows, sha256=parted.bad.sha256, size_bytes=parted.bad.size_bytes),
        until=print_at(log.clock() + timedelta(days=days)),
    )
    return log.append(event_of(OPENED, fact, context, subject=contract.name))


def bad_rows(kept: Kept, folder: Path) -> Path:
    """Return the file of the rows that were kept apart.

    Raises:
        MissingError: It is not there.
        TamperedError: It holds something else than was kept apart.
    """
    if kept.is_gone:
        raise MissingError(f"the rows of quarantine {kept.id} were {kept.state}")
    path = _place(folder, kept.id) / "bad.parquet"
    if fingerprint(path).sha256 != kept.opened.bad.sha256:
        raise TamperedError(f"the file is not what was kept apart in quarantine {kept.id}", where=str(path))
    return path


def review(log: ReadableLog, kept: Kept, *, by: str, verdict: str, reason: str) -> Receipt:
    """Record what somebody makes of the rows.

    Raises:
        RefusedError: A word is none that an entry may hold.
        ConflictError: The rows are gone.
    """
    _check_there(kept)
    return _append(log, kept, REVIEWED, Reviewed, by=by, verdict=verdict, reason=reason)


def replay(log: ReadableLog, kept: Kept, folder: Path, document: Document) -> tuple[Receipt, int, Path | None]:
    """Hold the rows to a contract again; return the entry, how many keep it now, and the file of those.

    The rows stay as they are, and so does the rule list that they were kept apart with.

    Raises:
        RefusedError: The contract is of another dataset.
        TallyError: The file is not there, or is another (`bad_rows`).
    """
    _check_there(kept)
    contract = document.contract
    if dataset_name(contract.dataset) != kept.opened.dataset:
        raise RefusedError(
            f"the contract is of {contract.dataset.namespace}|{contract.dataset.name}, and the rows are not"
        )
    source = Apart(bad_rows(kept, folder), contract)
    parted, good = _parted(contract, source, _place(folder, kept.id), kept.replays + 1)
    released = parted.good_rows
    file = None
    if released and parted.good is not None:
        file = File(rows=released, sha256=parted.good.sha256, size_bytes=parted.good.size_bytes)
    else:
        good.unlink()
    said = {"by_contract": contract_name(document), "rows": kept.opened.rows, "released": released, "good": file}
    return _append(log, kept, REPLAYED, Replayed, **said), released, good if released else None


def _parted(contract: Contract, source: Apart, place: Path, number: int) -> tuple[Split, Path]:
    # The list of rules is a column that no contract promised, and how many rows there are says nothing of these.
    loose = contract.model_copy(
        update={
            "extra_columns": ExtraColumns(severity=Severity.INFO),
            "row_count": contract.row_count.model_copy(update={"min": 0}),
        }
    )
    good, bad = place / f"released-{number}.parquet", place / f"left-{number}.parquet"
    for left in (good, bad):  # of a replay that died before its event: nothing tells of them
        left.unlink(missing_ok=True)
    parted = split(loose, source, measure(loose, source), bad, good)
    bad.unlink()
    return parted, good


def delete(log: ReadableLog, kept: Kept, folder: Path, *, by: str, reason: str) -> Receipt:
    """Delete the rows, then record who did it and why.

    Raises:
        RefusedError: A word is none that an entry may hold; nothing was deleted.
        ConflictError: The rows are gone already.
    """
    _check_there(kept)
    event = _event(log, kept, DELETED, Deleted, by=by, reason=reason)
    _remove(folder, kept)
    return log.append(event)


def expire(log: ReadableLog, folder: Path, now: datetime) -> Iterator[Kept]:
    """Delete the rows of every quarantine whose time is over, record it, and yield them."""
    for kept in quarantines(log):
        if not kept.is_gone and parse_at(kept.opened.until) <= now:
            _remove(folder, kept)
            _append(log, kept, EXPIRED, Expired)
            yield replace(kept, state="expired")


def _check_there(kept: Kept) -> None:
    if kept.is_gone:
        raise ConflictError(f"the rows of quarantine {kept.id} were {kept.state} already")


def _append(log: ReadableLog, kept: Kept, type: str, word: type[_Word], **said: Any) -> Receipt:
    return log.append(_event(log, kept, type, word, **said))


def _event(log: ReadableLog, kept: Kept, type: str, word: type[_Word], **said: Any) -> Event:
    opened = kept.opened
    try:
        fact = word(id=kept.id, contract=opened.contract, dataset=opened.dataset, opened=kept.entry, **said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RefusedError(f"{'.'.join(map(str, first['loc']))} is not acceptable: {first['msg']}") from error
    return event_of(type, fact, Context(source=f"{log.origin}/quarantine"), subject=opened.contract.name)


def _remove(folder: Path, kept: Kept) -> None:
    place = _place(folder, kept.id)
    try:
        for path in sorted(place.glob("*.parquet")):
            if not path.is_symlink():
                path.unlink()
        if place.is_dir() and {path.name for path in place.iterdir()} <= {OWNER}:
            (place / OWNER).unlink(missing_ok=True)
            place.rmdir()
    except OSError as error:
        raise RefusedError(f"the rows cannot be deleted: {error.strerror}", where=str(place)) from error


def _place(folder: Path, id: str) -> Path:
    """The folder of a quarantine: an id is a UUID of ours, and leads nowhere else whatever an event says."""
    try:
        return folder / str(uuid.UUID(id))
    except ValueError as error:
        raise RefusedError(f"{id[:64]!r} is no id of a quarantine") from error


def _name(dataset: Any) -> str:
    return f"{dataset.namespace}|{dataset.name}"
