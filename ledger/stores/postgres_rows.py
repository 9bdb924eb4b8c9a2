"""Rows of a log in PostgreSQL beside entries and bodies: counters, census, tiles, identities, parts, checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ledger.store import PartRow, StreamRow
from ledger.stores.postgres_link import Link
from proofs.errors import ConflictError

_STREAMS_FROM: Final = (
    "SELECT name, count, counted FROM tallystick.stream WHERE log = %s AND name >= %s ORDER BY name LIMIT 1000"
)
_STREAMS_AFTER: Final = (
    "SELECT name, count, counted FROM tallystick.stream WHERE log = %s AND name > %s ORDER BY name LIMIT 1000"
)


def storable(names: Iterable[str]) -> list[str]:
    """Return those of `names` that a database can hold: a NUL stands in none of its texts, so nothing is called so."""
    return [name for name in names if "\0" not in name]


class StreamRows:
    """Counters of the streams."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def counts(self, names: Iterable[str]) -> dict[str, int]:
        return dict(
            self._link.rows(
                "SELECT name, count FROM tallystick.stream WHERE log = %s AND name = ANY(%s::text[])",
                self._link.log,
                storable(names),
            )
        )

    def walk(self, *, prefix: str = "") -> Iterator[StreamRow]:
        if "\0" in prefix:
            return
        page = self._link.rows(_STREAMS_FROM, self._link.log, prefix)  # by pages, so that a long walk holds no lock
        while page:
            for row in page:
                if not row[0].startswith(prefix):
                    return
                yield StreamRow(*row)
            page = self._link.rows(_STREAMS_AFTER, self._link.log, page[-1][0])

    def total(self) -> int:
        return int(self._link.one("SELECT count(*) FROM tallystick.stream WHERE log = %s", self._link.log)[0])


class CensusRows:
    """What the last census left."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def dirty(self) -> list[StreamRow]:
        rows = self._link.rows(
            "SELECT name, count, counted FROM tallystick.uncounted JOIN tallystick.stream USING (log, name) "
            "WHERE log = %s AND count <> counted",
            self._link.log,
        )
        return [StreamRow(*row) for row in rows]

    def mark_counted(self) -> None:
        self._link.execute("SELECT tallystick.mark_counted(%s)", self._link.log)

    def bucket(self, index: int) -> list[tuple[bytes, int]]:
        start = index.to_bytes(2, "big")
        return self._link.rows(
            "SELECT hash, counted FROM tallystick.stream "
            "WHERE log = %s AND hash >= %s AND hash <= %s AND counted > 0 ORDER BY hash",
            self._link.log,
            start,
            start + b"\xff" * 30,
        )

    def tile(self, level: int, index: int) -> bytes | None:
        row = self._link.one(
            "SELECT hashes FROM tallystick.census_tile WHERE log = %s AND level = %s AND idx = %s",
            self._link.log,
            level,
            index,
        )
        return None if row is None else row[0]

    def put(self, tiles: Iterable[tuple[int, int, bytes]]) -> None:
        rows = list(tiles)
        self._link.execute(
            "SELECT tallystick.put_census_tiles(%s, %s::int4[], %s::int8[], %s::bytea[])",
            self._link.log,
            [level for level, _, _ in rows],
            [index for _, index, _ in rows],
            [hashes for _, _, hashes in rows],
        )


class TileRows:
    """Full tiles of the tree."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def full(self, level: int, index: int) -> bytes | None:
        row = self._link.one(
            "SELECT hashes FROM tallystick.tile WHERE log = %s AND level = %s AND idx = %s",
            self._link.log,
            level,
            index,
        )
        return None if row is None else row[0]

    def roots(self, level: int, start: int, stop: int) -> list[bytes]:
        rows = self._link.rows(
            "SELECT root FROM tallystick.tile WHERE log = %s AND level = %s AND idx >= %s AND idx < %s ORDER BY idx",
            self._link.log,
            level,
            start,
            stop,
        )
        return [row[0] for row in rows]


class IdentityRows:
    """By what an event is known again."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def find(self, id: str, source: str) -> tuple[int, bytes | None] | None:
        if len(storable((id, source))) < len((id, source)):
            return None
        row = self._link.one(
            "SELECT seq, content FROM tallystick.identity WHERE log = %s AND id = %s AND source = %s",
            self._link.log,
            id,
            source,
        )
        return None if row is None else (row[0], row[1])

    def find_retry(self, content: bytes) -> int | None:
        row = self._link.one(
            "SELECT seq FROM tallystick.retry WHERE log = %s AND content = %s", self._link.log, content
        )
        return None if row is None else row[0]

    def walk(self) -> Iterator[tuple[str, str, int, bytes | None]]:
        return self._link.each(
            "SELECT id, source, seq, content FROM tallystick.identity WHERE log = %s", self._link.log
        )

    def walk_retries(self) -> Iterator[tuple[bytes, int]]:
        return self._link.each("SELECT content, seq FROM tallystick.retry WHERE log = %s", self._link.log)


class PartRows:
    """Sealed parts."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def among(self, seqs: Iterable[int]) -> list[PartRow]:
        select = "SELECT seq, pointer, commitment, sealed FROM tallystick.part WHERE log = %s AND "
        if isinstance(seqs, range) and seqs.step == 1:
            rows = self._link.rows(f"{select} seq >= %s AND seq < %s", self._link.log, seqs.start, seqs.stop)
        else:
            rows = self._link.rows(f"{select} seq = ANY(%s::int8[])", self._link.log, list(seqs))
        return sorted(PartRow(*row) for row in rows)

    def find(self, commitments: Iterable[bytes]) -> list[tuple[bytes, int]]:
        return self._link.rows(
            "SELECT commitment, seq FROM tallystick.part WHERE log = %s AND commitment = ANY(%s::bytea[])",
            self._link.log,
            list(commitments),
        )


class CheckpointRows:
    """Signed checkpoints."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def all(self) -> list[tuple[int, bytes]]:
        return self._link.rows(
            "SELECT size, note FROM tallystick.checkpoint WHERE log = %s ORDER BY size", self._link.log
        )

    def newest(self, below: int, count: int) -> list[tuple[int, bytes]]:
        return self._link.rows(
            "SELECT size, note FROM tallystick.checkpoint WHERE log = %s AND size < %s ORDER BY size DESC LIMIT %s",
            *(self._link.log, below, count),
        )

    def find(self, size: int) -> bytes | None:
        row = self._link.one(
            "SELECT note FROM tallystick.checkpoint WHERE log = %s AND size = %s", self._link.log, size
        )
        return None if row is None else row[0]

    def add(self, size: int, note: bytes) -> None:
        known = self.find(size)
        if known is None:
            self._link.execute(
                "INSERT INTO tallystick.checkpoint (log, size, note) VALUES (%s, %s, %s)", self._link.log, size, note
            )
        elif known != note:
            raise ConflictError(f"another checkpoint of size {size} is stored already")
