"""Schemas for the console: subjects with their newest version, and one subject with every version and what each changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from contracts.registry.facts import SchemaPublished, SchemaRejected
from contracts.registry.semver import Version
from contracts.registry.store import SchemaRegistry
from evidence.console.page import Row, Sees, filed
from ledger.log import Ledger
from proofs.errors import MissingError

MOST_VERSIONS: Final = 200
MOST_CHANGES: Final = 100
_SUBJECTS: Final = """SELECT subject, count(*) AS versions, max(seq) AS seq FROM registry_schema
WHERE subject > ? GROUP BY subject ORDER BY subject"""
_ONE: Final = "SELECT version, sha256, bump, seq, at FROM registry_schema WHERE seq = ?"
_TEXT: Final = "SELECT definition FROM registry_schema WHERE seq = ?"
_VERSIONS: Final = (
    "SELECT version, sha256, previous, bump, seq, at FROM registry_schema WHERE subject = ? ORDER BY seq DESC"
)
_REJECTED: Final = """SELECT version, sha256, previous, reason, seq, at FROM registry_rejection WHERE subject = ?
ORDER BY seq DESC LIMIT ?"""


@dataclass(frozen=True, slots=True)
class Subjects:
    """A page by name; `next` is the name behind which the next one begins, None at the end."""

    rows: tuple[Row, ...]
    next: str | None


def subjects(log: Ledger, text: str | None, sees: Sees, *, after: str | None = None, limit: int) -> Subjects:
    """Return a page of subjects in whose name a text stands, each with its highest version."""
    wanted = (text or "").casefold()
    with log.viewing(SchemaRegistry()) as db:
        found = [
            row
            for row in db.query(_SUBJECTS, ["" if after is None else after])
            if wanted in row["subject"].casefold() and sees(filed(schema=row["subject"]))
        ]
        rows = tuple({**row, **next(iter(db.query(_ONE, [row["seq"]])))} for row in found[:limit])
    return Subjects(rows, rows[-1]["subject"] if len(found) > limit else None)


def schema(log: Ledger, subject: str, *, version: str | None = None) -> dict[str, Any]:
    """Return one subject: its versions, the highest first, what was refused, and the text of one version.

    Args:
        version: Whose text; the highest unless stated.

    Raises:
        MissingError: There is no such subject, or no such version of it.
    """
    with log.viewing(SchemaRegistry()) as db:
        every = list(db.query(_VERSIONS, [subject]))
        rejected = list(db.query(_REJECTED, [subject, MOST_VERSIONS]))
        if not every and not rejected:
            raise MissingError(f"there is no schema {subject[:200]!r}", hint="`tally schema list`")
        shown = _shown(every, subject, version)
        text = None if shown is None else db.execute(_TEXT, [shown["seq"]]).fetchone()[0]
    return {
        "subject": subject,
        "versions": [{**row, **_published(log, row["seq"])} for row in every[:MOST_VERSIONS]],
        "rejected": [{**row, **_refused(log, row["seq"])} for row in rejected],
        "text": None if shown is None else {"version": shown["version"], "definition": text},
        "truncated": len(every) > MOST_VERSIONS,
    }


def _shown(every: list[dict[str, Any]], subject: str, version: str | None) -> Row | None:
    """The version whose text is shown; None where nothing was ever in force."""
    if version is None:
        return max(every, key=lambda row: Version.parse(row["version"]), default=None)
    for row in every:
        if row["version"] == version:
            return row
    raise MissingError(f"schema {subject[:200]} has no version {version[:64]!r}")


def _published(log: Ledger, seq: int) -> dict[str, Any]:
    body = log.entry(seq).body
    return {"open_content": None, "changed": 0, "changes": []} if body is None else _told(SchemaPublished.parse(body))


def _refused(log: Ledger, seq: int) -> dict[str, Any]:
    body = log.entry(seq).body
    if body is None:
        return {"needs": None, "open_content": None, "changed": 0, "changes": []}
    fact = SchemaRejected.parse(body)
    return {"needs": fact.bump, **_told(fact)}


def _told(fact: SchemaPublished | SchemaRejected) -> dict[str, Any]:
    changes = [change.model_dump(mode="json") for change in fact.changes[:MOST_CHANGES]]
    return {"open_content": fact.open_content, "changed": fact.changed, "changes": changes}
