"""The contract that every driver keeps: rows of one append-only log, written by one writer at a time.

Drivers differ in speed, never in meaning: tests/conformance/ is the specification, and each driver passes it
unchanged. A store knows rows; what the rows must say is decided in `ledger.append` and checked in `ledger.fsck`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import sqlite_utils

from proofs.errors import ForkError

FILE: Final = "file"  # the place of what is wrong with a store as a whole


class ReplacedError(ForkError):
    """The store was replaced under this process: a copy was put back while it was open. Nothing was written."""

    code = "replaced"


class BodyRow(NamedTuple):
    """A body with the salt of its commitment."""

    salt: bytes
    data: bytes


class PartRow(NamedTuple):
    """A sealed part: nonce || AES-256-GCM(data key, salt || bytes)."""

    seq: int
    pointer: str
    commitment: bytes
    sealed: bytes


class TileRow(NamedTuple):
    """256 node hashes of one level (8 · `level`), and the root over them."""

    level: int
    idx: int
    root: bytes
    hashes: bytes


class StreamRow(NamedTuple):
    """A stream's counter: entries in it now, and entries that the last census counted."""

    name: str
    total: int
    counted: int


@dataclass(slots=True)
class Batch:
    """Everything that one append writes, or nothing of it (I5).

    Attributes:
        entries: (seq, header bytes), seq from the store's size on without a gap.
        bodies: (seq, salt, bytes) of each entry.
        counters: Stream name → its count after the batch.
        identities: (id, source, seq, keyed hash of the content, or None when nobody can compare).
        retries: (keyed hash of what was received, seq), for events that came without an id.
    """

    entries: list[tuple[int, bytes]] = field(default_factory=list)
    bodies: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    parts: list[PartRow] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    identities: list[tuple[str, str, int, bytes | None]] = field(default_factory=list)
    retries: list[tuple[bytes, int]] = field(default_factory=list)
    tiles: list[TileRow] = field(default_factory=list)


class StreamRows(Protocol):
    """Counters of the streams."""

    def counts(self, names: Iterable[str]) -> dict[str, int]:
        """Return the count of those `names` that have entries."""

    def walk(self, *, prefix: str = "") -> Iterator[StreamRow]:
        """Yield all streams whose name begins with `prefix`, sorted by name."""

    def total(self) -> int:
        """Return the number of streams."""


class CensusRows(Protocol):
    """What the last census left, and what changed since."""

    def dirty(self) -> list[StreamRow]:
        """Return the streams whose count changed since `mark_counted` was last called."""

    def mark_counted(self) -> None:
        """Remember every stream's count as counted. Only inside `writing`."""

    def bucket(self, index: int) -> list[tuple[bytes, int]]:
        """Return (stream hash, counted) of the streams in a bucket whose counted is ≥ 1, sorted."""

    def tile(self, level: int, index: int) -> bytes | None:
        """Return 256 hashes of level 0 (bucket leaves) or 1 (their roots) as the last census left them."""

    def put(self, tiles: Iterable[tuple[int, int, bytes]]) -> None:
        """Replace tiles (level, index, hashes). Only inside `writing`."""


class TileRows(Protocol):
    """Full tiles of the log's tree."""

    def full(self, level: int, index: int) -> bytes | None:
        """Return the 8,192 bytes of a full tile, or None."""

    def roots(self, level: int, start: int, stop: int) -> list[bytes]:
        """Return the roots of the full tiles start ≤ index < stop of `level`, in order; short when there are fewer."""


class IdentityRows(Protocol):
    """By what an event is known again (I4)."""

    def find(self, id: str, source: str) -> tuple[int, bytes | None] | None:
        """Return seq and keyed content hash of the event (source, id)."""

    def find_retry(self, content: bytes) -> int | None:
        """Return the seq of an event without an id whose received content had this keyed hash."""

    def walk(self) -> Iterator[tuple[str, str, int, bytes | None]]:
        """Yield (id, source, seq, keyed content hash) of every identity, in any order. Inside `reading`."""

    def walk_retries(self) -> Iterator[tuple[bytes, int]]:
        """Yield (keyed hash, seq) of every event that came without an id, in any order. Inside `reading`."""


class PartRows(Protocol):
    """Sealed parts."""

    def among(self, seqs: Iterable[int]) -> list[PartRow]:
        """Return the parts that exist among `seqs`, sorted by seq and pointer."""

    def find(self, commitments: Iterable[bytes]) -> list[tuple[bytes, int]]:
        """Return (commitment, seq) of the parts that exist among `commitments`."""


class CheckpointRows(Protocol):
    """Signed checkpoints."""

    def all(self) -> list[tuple[int, bytes]]:
        """Return (size, note) of every one, by size."""

    def newest(self, below: int, count: int) -> list[tuple[int, bytes]]:
        """Return (size, note) of at most `count` whose size is below a number, the largest first."""

    def find(self, size: int) -> bytes | None:
        """Return the note of this size; None when none is stored."""

    def add(self, size: int, note: bytes) -> None:
        """Store one; the same again changes nothing. Only inside `writing`.

        Raises:
            ConflictError: Another note stands at this size.
        """


class AuditRows(Protocol):
    """What `ledger.fsck` alone asks: rows from end to end, and what the driver can say of its own files.

    Everything here is read inside `reading`, in any order unless one is named, and one row after the other.
    """

    def damage(self) -> Iterator[tuple[str, str]]:
        """Yield (place, what is wrong) for all that the driver finds damaged in its files, indexes and guards.

        The place is `FILE`, and nothing else is yielded, when the rows themselves cannot be relied upon.
        """

    def strays(self, size: int) -> Iterator[tuple[str, int]]:
        """Yield (kind, seq) of each "entry", "body" and "part" whose seq is not in [0, size)."""

    def tiles(self) -> Iterator[tuple[int, int]]:
        """Yield (level, index) of every tile, sorted."""

    def census_tiles(self) -> Iterator[tuple[int, int]]:
        """Yield (level, index) of every census tile, sorted."""


class Store(Protocol):
    """One log's rows. Every read sees only what is committed, or, inside `writing`, what this writer wrote.

    Attributes:
        read_only: True when `writing` is refused.
    """

    read_only: bool

    @property
    def lock(self) -> AbstractContextManager[object]:
        """What the threads of this handle take before any other lock of it: held inside `reading`, `viewing`, `projecting`.

        MAY be taken again by the thread that holds it. MUST NOT be taken inside `writing`.
        """

    @property
    def streams(self) -> StreamRows:
        """Counters."""

    @property
    def census(self) -> CensusRows:
        """What the last census left."""

    @property
    def tiles(self) -> TileRows:
        """The tree."""

    @property
    def identities(self) -> IdentityRows:
        """By what an event is known again."""

    @property
    def parts(self) -> PartRows:
        """Sealed parts."""

    @property
    def checkpoints(self) -> CheckpointRows:
        """Signed checkpoints."""

    @property
    def audit(self) -> AuditRows:
        """Every row, for who checks them all."""

    def meta(self) -> Mapping[str, str]:
        """Return what the store was created with: at least `format` and `origin`."""

    def writing(self) -> AbstractContextManager[None]:
        """Hold the writer's lock and one transaction: committed at the end, rolled back on any exception.

        MUST be durable when the context ends well. MUST NOT nest, nor stand inside `reading`. A second handle never waits
        for it.

        Raises:
            RuntimeError: It nests.
            BusyError: Another writer held the lock for longer than the store waits; nothing was written.
            UnknownOutcomeError: The commit did not answer; the caller MUST reopen.
            ReplacedError: The store is another one than was opened; nothing was written.
            RefusedError: The store is read-only.
        """

    def reading(self) -> AbstractContextManager[None]:
        """Hold one snapshot: all reads inside see the same log. MAY nest; MAY stand inside `writing`."""

    def size(self) -> int:
        """Return the number of entries."""

    def headers(self, start: int, stop: int) -> list[bytes]:
        """Return the entries start ≤ seq < stop in order of seq; short when the log is; empty when stop ≤ start."""

    def bodies(self, seqs: Iterable[int]) -> dict[int, BodyRow]:
        """Return the bodies that exist among `seqs`."""

    def write(self, batch: Batch) -> None:
        """Add `batch`. Only inside `writing`.

        Raises:
            ConflictError: An entry, an identity or a tile exists already; the transaction MUST then be left by raising.
        """

    def forget(self, *, parts: Iterable[bytes], seqs: Iterable[int]) -> None:
        """Destroy the sealed parts with these commitments and the retry hashes of `seqs` (I10). Only inside `writing`."""

    def scrub(self) -> None:
        """Make what was destroyed unreadable in the store's own files: truncate logs, overwrite free pages."""

    def reader(self) -> Store:
        """Return a second, read-only handle that shares no cache with this one; the caller closes it."""

    def joined(self, connection: object) -> Store:
        """Return a handle that writes inside the transaction that is open on a caller's own `connection`.

        Its `writing` MAY be entered many times; it takes the writer's lock, which is held until the caller's transaction
        ends, and commits nothing. What an exception leaves is undone to where that `writing` began, and no further.

        Raises:
            RefusedError: The driver cannot, or the connection is to another database, or would acknowledge what it can lose.
        """

    def viewing(self) -> AbstractContextManager[sqlite_utils.Database]:
        """Hold the lock and one state of the stored views, and yield their database, to be read and not kept.

        It MAY be the log's own, or a file of this machine that is replayed from the log. Nothing is seen that is not committed,
        also where another thread writes through this handle. The log MAY be read inside. MAY nest, MAY stand inside `reading`;
        MUST NOT stand inside `writing`.

        Raises:
            RuntimeError: It stands inside `writing`.
        """

    def projecting(self) -> AbstractContextManager[sqlite_utils.Database]:
        """Hold the lock and one transaction of the views' database: position and output are committed together, or neither.

        The log MAY be read inside. MUST NOT nest, nor stand inside `writing`.

        Raises:
            RuntimeError: It does.
            BusyError, RefusedError: As `writing`.
        """

    def close(self) -> None:
        """Give back files and locks; a second call does nothing."""
