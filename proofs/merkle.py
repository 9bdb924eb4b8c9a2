"""Merkle trees: what a few hashes prove about a whole log. RFC 6962 section 2.1, RFC 9162 section 2.1.

Three proofs, each checked against a size and a root that the reader already trusts:

- inclusion: this entry stands at this index;
- consistency: the larger tree begins with all of the smaller one;
- cover: these entries stand at these indices, all at once, by the subtrees that hold none of them.

Whatever does not prove its claim raises ProofError: a wrong type or length just as a wrong hash, for all of them come
from whoever wants to be believed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from proofs.digest import EMPTY_ROOT, HASH_BYTES, NODE_PREFIX, leaf_hash, node_hash
from proofs.errors import ProofError

__all__ = [
    "EMPTY_ROOT",
    "consistency_path",
    "cover",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "root_from_cover",
    "root_from_inclusion_proof",
    "root_of_leaves",
    "verify_consistency",
    "verify_inclusion",
]

_SIZES: Final = 2**64  # the formats that we read count in 64 bits; our own stop at 2^53


def root_from_inclusion_proof(index: int, size: int, leaf_hash: bytes, path: Sequence[bytes]) -> bytes:
    """Return the root that `path` claims for the leaf at `index`.

    Args:
        index: Zero-based position of the leaf, 0 <= index < size.
        size: Leaves in the tree. Take it from a signed checkpoint, never from the proof.
        leaf_hash: `leaf_hash` of the entry, 32 bytes.
        path: Sibling hashes from the leaf upwards, 32 bytes each.

    Raises:
        ProofError: `index` is outside the tree, or `path` has not exactly the hashes that lead to the root.
    """
    _check_size("tree size", size)
    _check_size("leaf index", index)
    if index >= size:
        raise ProofError(f"leaf {index} is outside a tree of {size}")
    _check_hash("leaf hash", leaf_hash)
    _check_path("inclusion path", path)
    inner, border = _shape(index, size)
    if len(path) != inner + border:
        raise ProofError(f"inclusion path has {len(path)} hashes, expected {inner + border}")
    return _climb(leaf_hash, path, index=index, inner=inner)


def verify_inclusion(index: int, size: int, leaf_hash: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Accept when `path` proves that the leaf stands at `index` of the tree of `size` and `root`.

    Raises:
        ProofError: It does not.
    """
    found = root_from_inclusion_proof(index, size, leaf_hash, path)
    _check_hash("tree root", root)
    if found != root:
        raise ProofError(f"inclusion path of leaf {index} leads to root {found.hex()}, not to {root.hex()}")


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, path: Sequence[bytes]) -> None:
    """Accept when `path` proves that the tree of `size2` begins with the tree of `size1`.

    Two equal sizes need an empty path and equal roots, whatever the roots are: nothing is claimed but that they are the
    same. From the empty tree to any other the path is empty too, and `root1` is SHA-256 of nothing.

    Args:
        path: RFC 9162 section 2.1.4 proof, 32 bytes each.

    Raises:
        ProofError: It does not.
    """
    _check_size("first size", size1)
    _check_size("second size", size2)
    if size1 > size2:
        raise ProofError(f"first size {size1} is larger than second size {size2}")
    _check_path("consistency path", path)
    if (size1 == size2 or size1 == 0) and len(path) != 0:
        raise ProofError(f"consistency path from {size1} to {size2} has {len(path)} hashes, expected 0")
    if size1 == 0 and (type(root1) is not bytes or root1 != EMPTY_ROOT):
        raise ProofError("first root is not the root of the empty tree")
    if size1 == size2:
        if type(root1) is not bytes or type(root2) is not bytes or root1 != root2:
            raise ProofError(f"two different roots of one size {size1}")
        return
    _check_hash("first root", root1)
    _check_hash("second root", root2)
    if size1 != 0:
        _verify_growth(size1, size2, root1, root2, path)


def _verify_growth(size1: int, size2: int, root1: bytes, root2: bytes, path: Sequence[bytes]) -> None:
    # The path is the inclusion path of the largest perfect subtree that ends at size1, in the tree of size2. Its left
    # siblings alone give root1. A subtree that is the whole first tree is not repeated in the path.
    level = (size1 & -size1).bit_length() - 1
    index = (size1 - 1) >> level
    inner, border = _shape(index, (size2 - 1 >> level) + 1)
    seeds = 0 if index == 0 else 1
    if len(path) != seeds + inner + border:
        raise ProofError(
            f"consistency path from {size1} to {size2} has {len(path)} hashes, expected {seeds + inner + border}"
        )
    seed = path[0] if seeds else root1
    siblings = path[seeds:]
    lefts = [node for at, node in enumerate(siblings) if at >= inner or index >> at & 1]
    if (found := _climb(seed, lefts, index=0, inner=0)) != root1:
        raise ProofError(f"consistency path leads to first root {found.hex()}, not to {root1.hex()}")
    if (found := _climb(seed, siblings, index=index, inner=inner)) != root2:
        raise ProofError(f"consistency path leads to second root {found.hex()}, not to {root2.hex()}")


def root_of_leaves(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes of 32 bytes, in log order; linear in time, and twice the leaves in memory."""
    if not leaf_hashes:
        return EMPTY_ROOT
    sha256 = hashlib.sha256
    level = list(leaf_hashes)
    while len(level) > 1:
        odd = level[-1:] if len(level) & 1 else []
        pairs = iter(level)
        level = [sha256(NODE_PREFIX + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
        level += odd  # a node without a sibling is its own parent
    return level[0]


def inclusion_path(index: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Return the proof of the leaf at `index`, word for word as RFC 9162 section 2.1.3 says; linear in time.

    Raises:
        ValueError: `index` is outside the tree.
    """
    if not 0 <= index < len(leaf_hashes):
        raise ValueError(f"leaf {index} is outside a tree of {len(leaf_hashes)}")
    if len(leaf_hashes) == 1:
        return []
    split = _split(len(leaf_hashes))
    left, right = leaf_hashes[:split], leaf_hashes[split:]
    if index < split:
        return [*inclusion_path(index, left), root_of_leaves(right)]
    return [*inclusion_path(index - split, right), root_of_leaves(left)]


def consistency_path(size1: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Return the proof from the first `size1` leaves to all, as RFC 9162 section 2.1.4 says; linear in time.

    Raises:
        ValueError: There are fewer leaves than `size1`.
    """
    if not 0 <= size1 <= len(leaf_hashes):
        raise ValueError(f"no proof from size {size1} to size {len(leaf_hashes)}")
    return [] if size1 == 0 else _subproof(size1, leaf_hashes, is_known=True)


def _subproof(size1: int, leaf_hashes: Sequence[bytes], *, is_known: bool) -> list[bytes]:
    if size1 == len(leaf_hashes):
        return [] if is_known else [root_of_leaves(leaf_hashes)]
    split = _split(len(leaf_hashes))
    left, right = leaf_hashes[:split], leaf_hashes[split:]
    if size1 <= split:
        return [*_subproof(size1, left, is_known=is_known), root_of_leaves(right)]
    return [*_subproof(size1 - split, right, is_known=False), root_of_leaves(left)]


def cover(size: int, listed: Sequence[int]) -> list[tuple[int, int]]:
    """Return (level, index) of each largest aligned perfect subtree of [0, size) that holds no listed leaf.

    In leaf order; (level, index) covers the leaves index·2^level to (index+1)·2^level. Time and length are bounded by
    the number of listed leaves times the height of the tree, never by `size`.

    Args:
        listed: Indices of the listed leaves, strictly ascending.

    Raises:
        ProofError: An index is outside the tree, or they do not ascend.

    Source: docs/formats/bundle.md, proofs.json.
    """
    _check_size("tree size", size)
    return [node for gap in _gaps(size, listed) for node in _dyadic(*gap)]


def root_from_cover(
    size: int,
    leaves: Mapping[int, bytes] | Sequence[tuple[int, bytes]],
    subtrees: Sequence[tuple[int, int, bytes]],
) -> bytes:
    """Return the root that listed leaves and the subtrees between them give.

    Args:
        size: Leaves in the tree. Take it from a signed checkpoint, never from the proof.
        leaves: Index → leaf hash of the listed leaves; as pairs, in ascending order.
        subtrees: (level, index, hash) of exactly the subtrees that `cover` names, in its order.

    Raises:
        ProofError: A subtree is missing, superfluous or out of place; an index or a hash is not one.
    """
    _check_size("tree size", size)
    listed = _listed(leaves)
    given = iter(enumerate(subtrees))
    peaks: list[bytes] = []  # roots of the largest perfect subtrees of what was read so far
    hashes = iter([digest for _, digest in listed])
    for start, stop in _gaps(size, [index for index, _ in listed]):
        for node in _dyadic(start, stop):
            _push(peaks, node[1], _take(given, node))
        if stop < size:
            _push(peaks, stop, next(hashes))
    for place, _ in given:
        raise ProofError(f"subtree {place} of the cover is one too many")
    return _climb(peaks[-1], peaks[-2::-1], index=0, inner=0) if peaks else EMPTY_ROOT


def _take(given: Iterator[tuple[int, object]], expected: tuple[int, int]) -> bytes:
    level, index = expected
    place, subtree = next(given, (0, None))
    if subtree is None:
        raise ProofError(f"cover ends before subtree (level {level}, index {index})")
    if not isinstance(subtree, tuple | list) or len(subtree) != 3:
        raise ProofError(f"subtree {place} of the cover is not a level, an index and a hash")
    if any(type(number) is not int for number in subtree[:2]) or tuple(subtree[:2]) != expected:
        raise ProofError(f"subtree {place} of the cover is not (level {level}, index {index})")
    _check_hash(f"subtree {place} of the cover", subtree[2])
    digest: bytes = subtree[2]
    return digest


def _listed(leaves: object) -> list[tuple[int, bytes]]:
    pairs = list(leaves.items()) if isinstance(leaves, Mapping) else leaves
    if not isinstance(pairs, list | tuple) or any(
        not isinstance(pair, list | tuple) or len(pair) != 2 for pair in pairs
    ):
        raise ProofError("listed leaves are not pairs of an index and a hash")
    for index, digest in pairs:
        _check_size("leaf index", index)
        _check_hash(f"leaf {index}", digest)
    return sorted(pairs) if isinstance(leaves, Mapping) else list(pairs)


def _gaps(size: int, listed: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield [start, stop) before each listed leaf, empty ones too, and the one that ends the tree."""
    start = 0
    for index in listed:
        _check_size("leaf index", index)
        if index >= size:
            raise ProofError(f"leaf {index} is outside a tree of {size}")
        if index < start:
            raise ProofError(f"listed leaf {index} does not come after leaf {start - 1}")
        yield start, index
        start = index + 1
    yield start, size


def _dyadic(start: int, stop: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        fits = (stop - start).bit_length() - 1
        level = min(fits, (start & -start).bit_length() - 1) if start else fits
        yield level, start >> level
        start += 1 << level


def _push(peaks: list[bytes], index: int, digest: bytes) -> None:
    # Nodes come without a gap, so one with an odd index on its level finds its left sibling on top.
    while index & 1:
        digest = node_hash(peaks.pop(), digest)
        index >>= 1
    peaks.append(digest)


def _shape(index: int, size: int) -> tuple[int, int]:
    """Return how many hashes lie below the point where the paths to `index` and to the last leaf part, and above it.

    Above, the node stands on the tree's right edge: levels without a left sibling are skipped.
    """
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _climb(node: bytes, path: Sequence[bytes], *, index: int, inner: int) -> bytes:
    for level, sibling in enumerate(path):
        is_right_child = level >= inner or index >> level & 1
        node = node_hash(sibling, node) if is_right_child else node_hash(node, sibling)
    return node


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _check_size(name: str, value: object) -> None:
    if type(value) is not int:
        raise ProofError(f"{name} is of type {type(value).__name__}, not an integer")
    if not 0 <= value < _SIZES:
        raise ProofError(f"{name} is not within 0 and 2^64 - 1")


def _check_hash(name: str, value: object) -> None:
    if type(value) is not bytes:
        raise ProofError(f"{name} is of type {type(value).__name__}, not bytes")
    if len(value) != HASH_BYTES:
        raise ProofError(f"{name} has {len(value)} bytes, expected {HASH_BYTES}")


def _check_path(name: str, path: object) -> None:
    if not isinstance(path, list | tuple):
        raise ProofError(f"{name} is of type {type(path).__name__}, not a list of hashes")
    for place, node in enumerate(path):
        _check_hash(f"{name}'s hash {place}", node)
