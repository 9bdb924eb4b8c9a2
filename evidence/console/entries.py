"""Entries for the console: a page of the log or of one stream, the newest first, each told in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from evidence import wording
from evidence.console.page import LOOKED_THROUGH, Page, Row, Sees
from ledger.log import Ledger
from ledger.record import Record, read_record

_AT_ONCE: Final = 500
_TOLD_BYTES: Final = 2 * 1024 * 1024  # of bodies that are read for one page; of what is beyond, only that it is there


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of a stream, whose cursor counts positions in it; and of a type or an area (`tallystick.schema.`)."""

    stream: str | None = None
    type: str | None = None

    def matches(self, type: str) -> bool:
        """True for an entry of this type."""
        wanted = self.type
        return wanted is None or type == wanted or (wanted.endswith(".") and type.startswith(wanted))


def entries(log: Ledger, wanted: Wanted, sees: Sees, *, after: int | None, limit: int) -> Page:
    """Return a page of entries, the newest first; its cursor is a seq, or where one stream alone is asked a position in it."""
    stop = _length(log, wanted.stream)
    stop = stop if after is None else min(after, stop)
    least = max(0, stop - LOOKED_THROUGH)
    kept: list[tuple[int, Record]] = []
    count = limit + 1
    while stop > least and len(kept) <= limit:
        start = max(least, stop - count)
        for place, record in reversed(_read(log, wanted.stream, start, stop)):
            if wanted.matches(record.type) and sees(record.streams):
                kept.append((place, record))
        stop, count = start, _AT_ONCE
    shown = kept[:limit]
    following = shown[-1][0] if len(kept) > limit else least
    return Page(tuple(_told(log, [record for _, record in shown])), following or None)


def _length(log: Ledger, stream: str | None) -> int:
    return log.size if stream is None else log.store.streams.counts([stream]).get(stream, 0)


def _read(log: Ledger, stream: str | None, start: int, stop: int) -> Sequence[tuple[int, Record]]:
    """The entries start ≤ place < stop, without their bodies: of most of them nothing is shown."""
    if stream is None:
        return [(record.seq, record) for record in log.read(start, stop, bodies=False)]
    found = []
    for position, seq, _ in log.positions(stream, start, stop):
        (header,) = log.store.headers(seq, seq + 1)
        found.append((position, read_record(header, None)))
    return found


def _told(log: Ledger, records: Sequence[Record]) -> Iterable[Row]:
    bodies = log.store.bodies([record.seq for record in records])
    room = _TOLD_BYTES
    for record in records:
        body, entry = bodies.get(record.seq), record.entry
        says = ""
        if body is not None and (room := room - len(body.data)) >= 0:
            says = wording.line(record.type, body.data)
        yield {
            "seq": record.seq,
            "at": record.at,
            "type": record.type,
            "source": record.source,
            "subject": entry.subject,
            "id": entry.id,
            "time": entry.time,
            "streams": sorted(record.streams),
            "leaf": record.leaf.hex(),
            "body": "destroyed" if body is None else "stored" if body.data else "empty",
            "parts": len(entry.parts),
            "says": says,
        }
