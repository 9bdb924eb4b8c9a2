"""The census: how many entries every stream has, under one root of 65,536 buckets.

    bucket = "tallystick/census/v1\n" ( <64 hex SHA-256(name)> " " <count> "\n" )*      sorted by hash, counts ≥ 1

Source: docs/formats/census.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from proofs import limits
from proofs.digest import HASH_BYTES, leaf_hash, node_hash, sha256
from proofs.errors import MalformedError, ProofError
from proofs.merkle import verify_inclusion

CENSUS_TAKEN: Final = "tallystick.ledger.census-taken.v1"
HEADER: Final = b"tallystick/census/v1\n"
EMPTY_LEAF: Final = leaf_hash(HEADER)
_LINE: Final = re.compile(rb"([0-9a-f]{64}) ([1-9][0-9]{0,15})\n")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a census says of the entries before it.

    Attributes:
        root: Over the 65,536 buckets, 32 bytes.
        streams: How many streams have a count of 1 or more.
    """

    root: bytes
    streams: int


def stream_hash(name: str) -> bytes:
    """Return the 32 bytes under which a census knows the stream `name`."""
    return sha256(name.encode())


def bucket_index(name_hash: bytes) -> int:
    """Return the bucket of a stream's hash, 0 to 65,535."""
    return int.from_bytes(name_hash[:2], "big")


def bucket_bytes(counts: Iterable[tuple[bytes, int]]) -> bytes:
    """Return a bucket's bytes.

    Args:
        counts: (stream hash, count ≥ 1) of each stream in it, in any order.
    """
    return HEADER + b"".join(b"%s %d\n" % (name_hash.hex().encode(), count) for name_hash, count in sorted(counts))


def parse_bucket(data: bytes, *, index: int) -> dict[bytes, int]:
    """Return stream hash → count of the bucket `index`.

    Raises:
        MalformedError: `data` is not what `bucket_bytes` writes, or a stream belongs to another bucket.
    """
    if not data.startswith(HEADER):
        raise MalformedError(f"census bucket {index} does not begin with its format line")
    counts: dict[bytes, int] = {}
    at = len(HEADER)
    while at < len(data):
        line = _LINE.match(data, at)
        if line is None:
            raise MalformedError(f"census bucket {index} has a line that is not a hash and a count")
        name_hash, count = bytes.fromhex(line[1].decode()), int(line[2])
        if bucket_index(name_hash) != index:
            raise MalformedError(f"census bucket {index} holds a stream of bucket {bucket_index(name_hash)}")
        if count > limits.MAX_INTEGER or (counts and name_hash <= next(reversed(counts))):
            raise MalformedError(f"census bucket {index} is not sorted, each stream once")
        counts[name_hash] = count
        at = line.end()
    return counts


def proven_count(name: str, bucket: bytes, path: Sequence[bytes], root: bytes) -> int:
    """Return how many entries the stream `name` has according to the census of `root`; 0 proves that there is none.

    Args:
        bucket: The bytes of the stream's bucket.
        path: 16 hashes, leaf's sibling first.
        root: The census's root, 32 bytes.

    Raises:
        MalformedError: The bucket is not a bucket.
        ProofError: The bucket is not in the census.
    """
    name_hash = stream_hash(name)
    index = bucket_index(name_hash)
    counts = parse_bucket(bucket, index=index)
    if len(path) != limits.CENSUS_LEVELS or any(len(node) != HASH_BYTES for node in path):
        raise ProofError(f"census path has {len(path)} hashes, expected {limits.CENSUS_LEVELS} of {HASH_BYTES} bytes")
    verify_inclusion(index, limits.CENSUS_BUCKETS, leaf_hash(bucket), path, root)
    return counts.get(name_hash, 0)


class BucketTree:
    """The tree over the 65,536 buckets, all of them empty at first; an update hashes what changed and nothing else.

    Attributes:
        levels: Hashes from the leaves, level 0, up to the root, level 16.
    """

    __slots__ = ("levels",)

    def __init__(self) -> None:
        self.levels = [[EMPTY_LEAF] * limits.CENSUS_BUCKETS]
        while len(below := self.levels[-1]) > 1:
            self.levels.append([node_hash(below[0], below[0])] * (len(below) // 2))

    def update(self, leaves: Mapping[int, bytes]) -> bytes:
        """Replace some leaves and return the root.

        Args:
            leaves: Bucket → its leaf hash.
        """
        for index, leaf in leaves.items():
            self.levels[0][index] = leaf
        changed = set(leaves)
        for below, level in pairwise(self.levels):
            changed = {index // 2 for index in changed}
            for index in changed:
                level[index] = node_hash(below[2 * index], below[2 * index + 1])
        return self.levels[-1][0]
