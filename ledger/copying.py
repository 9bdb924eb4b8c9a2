"""One log from one store to another, byte for byte: entries, bodies, parts, counters, tree, census, checkpoints, identities.

    1  the source is read in one snapshot
    2  everything is written to an empty target in one transaction, and its root compared
    ═ commit point ═                before it the target is empty, after it whole

Nothing is computed anew: what was stored is stored again, so that every proof, checkpoint and bundle stays what it was. The
keyring stays where it is, for the log is the same log. Two stores of one log must never both be written to; the tip and the
head beside the key refuse the one that falls behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from ledger.checkpoint import check_head, read_checkpoint
from ledger.connect import create_store, discard_store, open_store
from ledger.keyring import Keyring
from ledger.store import Batch, Store, TileRow
from ledger.tree import Tree
from proofs.errors import ConflictError, MissingError, TamperedError

PAGE: Final = 2_000
Progress = Callable[[int, int], None]
"""Called with (entries done, entries in all)."""

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy brought over.

    Attributes:
        entries: The log's size.
        root: Of its tree, the same in both stores.
    """

    origin: str
    entries: int
    bodies: int
    parts: int
    streams: int
    checkpoints: int
    root: bytes


def copy_ledger(from_url: str, to_url: str, *, home: Path | None = None, progress: Progress | None = None) -> Copied:
    """Copy the log at `from_url` to `to_url`, which is created, or was left empty by a copy that died.

    Raises:
        MissingError: There is no ledger at `from_url`.
        ConflictError: There is a log at `to_url` already; it is left as it was.
        ForkError: The source is an older copy, or another history, than what was last signed with the keyring in `home`.
        RefusedError, BusyError, UnknownOutcomeError: As `open_ledger`, `create_ledger` and `Store.writing`.
    """
    source = open_store(from_url, read_only=True, home=home)
    try:
        keyring = Keyring(source.meta()["origin"], home)
        head = keyring.head()
        if head is not None:
            check_head(source, read_checkpoint(head, origin=keyring.origin).checkpoint)
        target, is_new = _target(to_url, keyring, home)
        try:
            copied = copy_log(source, target, progress=progress)
        except BaseException:
            target.close()
            if is_new:
                discard_store(target)
            raise
        target.close()
    finally:
        source.close()
    return copied


def _target(url: str, keyring: Keyring, home: Path | None) -> tuple[Store, bool]:
    """The store at `url`, and whether it was made now."""
    try:
        return open_store(url, read_only=False, home=home, origin=keyring.origin), False
    except MissingError:
        return create_store(url, keyring), True


def copy_log(source: Store, target: Store, *, progress: Progress | None = None) -> Copied:
    """Copy all rows of `source` into `target`, an empty store of the same origin.

    Raises:
        ConflictError: The target is of another origin or not empty; it is left as it was.
        TamperedError: The source contradicts itself, or the target gives other bytes back; the target is left empty.
        BusyError, UnknownOutcomeError: As `Store.writing`.
    """
    ours, theirs = source.meta()["origin"], target.meta()["origin"]
    if ours != theirs:
        raise ConflictError(f"the log {ours} is copied, and the target is {theirs}")
    with source.reading():
        size = source.size()
        with target.writing():
            if held := target.size():
                raise ConflictError(f"the target holds {held} entries already", hint="copy into an empty one")
            bodies, parts = _copy_entries(source, target, size, progress)
            _copy_identities(source, target)
            _copy_tiles(source, target)
            streams = _copy_counters(source, target)
            checkpoints = source.checkpoints.all()
            for at, note in checkpoints:
                target.checkpoints.add(at, note)
            root = _same_root(source, target, size)
    return Copied(ours, size, bodies, parts, streams, len(checkpoints), root)


def _copy_entries(source: Store, target: Store, size: int, progress: Progress | None) -> tuple[int, int]:
    """Copy what belongs to entries; returns how many bodies and parts there were."""
    bodies = parts = 0
    for start in range(0, size, PAGE):
        stop = min(start + PAGE, size)
        headers = source.headers(start, stop)
        if len(headers) != stop - start:
            raise TamperedError(f"the source holds {len(headers)} of the entries {start} to {stop - 1}")
        batch = Batch(entries=list(enumerate(headers, start)))
        batch.bodies = [(seq, body.salt, body.data) for seq, body in source.bodies(range(start, stop)).items()]
        batch.parts = source.parts.among(range(start, stop))
        target.write(batch)
        bodies, parts = bodies + len(batch.bodies), parts + len(batch.parts)
        if progress is not None:
            progress(stop, size)
    return bodies, parts


def _copy_identities(source: Store, target: Store) -> None:
    for rows in _pages(source.identities.walk()):
        target.write(Batch(identities=rows))
    for retries in _pages(source.identities.walk_retries()):
        target.write(Batch(retries=retries))


def _copy_tiles(source: Store, target: Store) -> None:
    for page in _pages(source.audit.tiles(), size=256):
        target.write(Batch(tiles=[_tile(source, level, index) for level, index in page]))
    for page in _pages(source.audit.census_tiles(), size=256):
        target.census.put([(level, index, source.census.tile(level, index) or b"") for level, index in page])


def _tile(source: Store, level: int, index: int) -> TileRow:
    return TileRow(level, index, source.tiles.roots(level, index, index + 1)[0], source.tiles.full(level, index) or b"")


def _copy_counters(source: Store, target: Store) -> int:
    """Copy the counters as the last census left them, mark them counted, and then what changed since."""
    streams = 0
    for page in _pages(source.streams.walk()):
        target.write(Batch(counters={row.name: row.counted for row in page if row.counted}))
        streams += len(page)
    target.census.mark_counted()
    for page in _pages(source.streams.walk()):
        target.write(Batch(counters={row.name: row.total for row in page if row.total != row.counted}))
    return streams


def _same_root(source: Store, target: Store, size: int) -> bytes:
    root = Tree(source).root(size)
    if Tree(target).root(size) != root or target.size() != size:
        raise TamperedError("the target gives back another tree than the source")
    return root


def _pages(rows: Iterable[_Row], *, size: int = PAGE) -> Iterator[list[_Row]]:
    walk = iter(rows)
    while page := list(islice(walk, size)):
        yield page
