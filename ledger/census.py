"""Taking a census: the count of every stream so far, under one root, as an entry of its own.

Only buckets whose streams changed since the last census are hashed again; the 65,536 leaves stand as 256 tiles of 256.
What the last census left can be proven from these tiles at any time; an older one is built again from the entries.

Source: docs/formats/census.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from ledger.event import Event
from ledger.store import Store
from proofs import jsonstrict, limits
from proofs.census import CENSUS_TAKEN, EMPTY_LEAF, bucket_bytes, bucket_index, stream_hash
from proofs.digest import HASH_BYTES, leaf_hash
from proofs.merkle import inclusion_path, root_of_leaves

if TYPE_CHECKING:
    from ledger.log import Ledger

WIDTH: Final = 256
_PAGE: Final = 2_000


@dataclass(frozen=True, slots=True)
class CountProof:
    """Proves how many entries one stream had when a census was taken.

    Attributes:
        count: 0 proves that there was none.
        bucket: The bucket's bytes.
        path: 16 hashes, leaf's sibling first.
    """

    name: str
    count: int
    bucket: bytes
    path: tuple[bytes, ...]


def count_changes(store: Store) -> bytes:
    """Bring the census tiles up to the present counts and return their root. Only inside `writing`."""
    changed = {bucket_index(stream_hash(row.name)) for row in store.census.dirty()}
    store.census.mark_counted()
    by_tile: defaultdict[int, list[int]] = defaultdict(list)
    for bucket in changed:
        by_tile[bucket // WIDTH].append(bucket)
    top = _tile(store, 1, 0)
    fresh = []
    for tile, buckets in by_tile.items():
        hashes = _tile(store, 0, tile)
        for bucket in buckets:
            hashes[bucket % WIDTH] = leaf_hash(bucket_bytes(store.census.bucket(bucket)))
        fresh.append((0, tile, b"".join(hashes)))
        top[tile] = root_of_leaves(hashes)
    store.census.put([*fresh, (1, 0, b"".join(top))])
    return root_of_leaves(top)


def census_event(root: bytes, streams: int, *, origin: str) -> Event:
    """Return the event that records a census."""
    body = jsonstrict.dumps({"root": root.hex(), "streams": streams})
    return Event(type=CENSUS_TAKEN, source=origin, ext={"tallycensus": root.hex()}, data=body)


def prove_latest(store: Store, name: str) -> CountProof:
    """Prove a stream's count from what the last census left in the store."""
    name_hash = stream_hash(name)
    index = bucket_index(name_hash)
    counts = store.census.bucket(index)
    low = inclusion_path(index % WIDTH, _tile(store, 0, index // WIDTH))
    high = inclusion_path(index // WIDTH, _tile(store, 1, 0))
    return CountProof(name, dict(counts).get(name_hash, 0), bucket_bytes(counts), (*low, *high))


def prove_counts(log: Ledger, names: Iterable[str], *, census_seq: int) -> list[CountProof]:
    """Prove how many entries each stream had at the census in entry `census_seq`."""
    counting = f"type:{CENSUS_TAKEN}"
    taken = log.positions(counting)
    with log.store.reading():
        is_latest = bool(taken) and taken[-1][1] == census_seq
        if is_latest and log.store.streams.counts([counting])[counting] == len(taken):
            return [prove_latest(log.store, name) for name in names]
    built = Census(counts_before(log.store, census_seq))
    return [built.prove(name) for name in names]


class Census:
    """A census built from counts alone: slow, obvious, and good for any moment of the past."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.streams = len(counts)
        self._counts = {stream_hash(name): count for name, count in counts.items()}
        buckets: defaultdict[int, list[tuple[bytes, int]]] = defaultdict(list)
        for name_hash, count in self._counts.items():
            buckets[bucket_index(name_hash)].append((name_hash, count))
        self._buckets = buckets
        self._leaves = [EMPTY_LEAF] * limits.CENSUS_BUCKETS
        for index, bucket in buckets.items():
            self._leaves[index] = leaf_hash(bucket_bytes(bucket))
        self.root = root_of_leaves(self._leaves)

    def prove(self, name: str) -> CountProof:
        """Prove a stream's count."""
        name_hash = stream_hash(name)
        index = bucket_index(name_hash)
        bucket = bucket_bytes(self._buckets.get(index, ()))
        return CountProof(name, self._counts.get(name_hash, 0), bucket, tuple(inclusion_path(index, self._leaves)))


def counts_before(store: Store, seq: int) -> dict[str, int]:
    """Return every stream's count over the entries before `seq`, from the entries themselves."""
    counts: dict[str, int] = {}
    for start in range(0, seq, _PAGE):
        for header in store.headers(start, min(start + _PAGE, seq)):
            for name, position in orjson.loads(header)["streams"].items():
                counts[name] = position + 1
    return counts


def _tile(store: Store, level: int, index: int) -> list[bytes]:
    stored = store.census.tile(level, index)
    if stored is None:
        if level == 0:
            return [EMPTY_LEAF] * WIDTH
        return [root_of_leaves([EMPTY_LEAF] * WIDTH)] * WIDTH
    return [stored[at : at + HASH_BYTES] for at in range(0, WIDTH * HASH_BYTES, HASH_BYTES)]
