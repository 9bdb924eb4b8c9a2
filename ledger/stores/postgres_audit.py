"""Rows of a log in PostgreSQL as `ledger.fsck` walks them, and what can be wrong with tables, guards and functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ledger.stores.postgres_link import Link
from ledger.stores.postgres_schema import expected_objects
from proofs.census import stream_hash

_STRAYS: Final = (
    ("entry", "SELECT seq FROM tallystick.entry WHERE log = %s AND (seq < 0 OR seq >= %s) ORDER BY seq"),
    ("body", "SELECT seq FROM tallystick.body WHERE log = %s AND (seq < 0 OR seq >= %s) ORDER BY seq"),
    ("part", "SELECT seq FROM tallystick.part WHERE log = %s AND (seq < 0 OR seq >= %s) ORDER BY seq"),
)
_HEAD: Final = (
    "SELECT size, (SELECT coalesce(max(seq) + 1, 0) FROM tallystick.entry WHERE log = %s) "
    "FROM tallystick.head WHERE log = %s"
)
_UNCOUNTED: Final = (
    "SELECT coalesce(stream.name, uncounted.name) FROM (SELECT name FROM tallystick.stream "
    "WHERE log = %s AND count <> counted) AS stream "
    "FULL JOIN (SELECT name FROM tallystick.uncounted WHERE log = %s) AS uncounted USING (name) "
    "WHERE stream.name IS NULL OR uncounted.name IS NULL"
)


class AuditRows:
    """Every row, and the schema."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def damage(self) -> Iterator[tuple[str, str]]:
        yield from self._changed_schema()
        link = self._link
        if link.one("SELECT 1 FROM tallystick.forgetting"):
            yield "table forgetting", "the guards against deletion are held open"
        head = link.one(_HEAD, link.log, link.log)
        if head is None:
            yield "table head", "the log has no head row, so nothing can be written to it"
        elif head[0] != head[1]:
            yield "table head", f"the head row says {head[0]} entries, and {head[1]} are stored"
        # The census finds buckets by this column, and what changed by that table: both are checked like an index.
        for name, found in link.each("SELECT name, hash FROM tallystick.stream WHERE log = %s", link.log):
            if stream_hash(name) != found:
                yield f"stream {name}", f"it is indexed under {bytes(found).hex()}, not under the hash of its name"
        for (name,) in link.each(_UNCOUNTED, link.log, link.log):
            yield f"stream {name}", "it is noted as changed since the last census and is not, or is and is not noted"

    def _changed_schema(self) -> Iterator[tuple[str, str]]:
        """What of the tables, indexes, guards and functions is not as the migrations made it."""
        expected, found = expected_objects(), self._link.objects()
        there, known = ({(kind, name) for kind, name, _ in objects} for objects in (found, expected))
        for kind, name, _ in sorted(set(expected) - set(found)):
            is_there = (kind, name) in there
            yield f"{kind} {name}", f"the {kind} is {'not as this program makes it' if is_there else 'missing'}"
        for kind, name, what in sorted(set(found) - set(expected)):
            # A changed one was named above; a second one of the same name, on other arguments or another table, was not.
            if (kind, name) not in known or sum(each[:2] == (kind, name) for each in found) > 1:
                yield f"{kind} {name}", f"there is no such {kind} in a ledger: {what[:80]}"

    def strays(self, size: int) -> Iterator[tuple[str, int]]:
        for kind, select in _STRAYS:
            for (seq,) in self._link.each(select, self._link.log, size):
                if kind != "entry" or seq < 0:  # beyond its size a log has no entry
                    yield kind, seq

    def tiles(self) -> Iterator[tuple[int, int]]:
        return self._link.each(
            "SELECT level, idx FROM tallystick.tile WHERE log = %s ORDER BY level, idx", self._link.log
        )

    def census_tiles(self) -> Iterator[tuple[int, int]]:
        return self._link.each(
            "SELECT level, idx FROM tallystick.census_tile WHERE log = %s ORDER BY level, idx", self._link.log
        )
