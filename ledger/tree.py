"""The Merkle tree of the log, kept as tiles of 256 hashes (C2SP tlog-tiles), and the proofs cut from it.

A tile (level, index) holds the roots of 256 neighbouring perfect subtrees of 256^level leaves. Only full tiles are stored,
each once, with the root over its 256 hashes; what is beyond the last full tile is found again from the entries (level 0)
and from the tiles' roots (above). So an append writes one row per 256 entries, and a proof reads at most two tiles a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.store import Store, TileRow
from proofs.digest import EMPTY_ROOT, HASH_BYTES, leaf_hash, node_hash
from proofs.merkle import root_of_leaves

WIDTH: Final = 256
_LEVEL_BITS: Final = 8


class Frontier:
    """The right edge of the tree: for each tile level the hashes of its last, not yet full tile."""

    __slots__ = ("edges", "size")

    def __init__(self, size: int, edges: list[list[bytes]]) -> None:
        self.size = size
        self.edges = edges

    def extend(self, leaves: Sequence[bytes]) -> list[TileRow]:
        """Add leaf hashes and return the tiles that became full."""
        tiles: list[TileRow] = []
        self._extend(0, leaves, self.size, tiles)
        self.size += len(leaves)
        return tiles

    def _extend(self, level: int, hashes: Sequence[bytes], known: int, tiles: list[TileRow]) -> None:
        """Add `hashes` to `level`, which holds `known` hashes in all its tiles."""
        while len(self.edges) <= level:
            self.edges.append([])
        edge = self.edges[level]
        edge += hashes
        full: list[bytes] = []
        while len(edge) >= WIDTH:
            tile = edge[:WIDTH]
            del edge[:WIDTH]
            root = root_of_leaves(tile)
            tiles.append(TileRow(level, known // WIDTH + len(full), root, b"".join(tile)))
            full.append(root)
        if full:
            self._extend(level + 1, full, known // WIDTH, tiles)

    def copy(self) -> Frontier:
        """Return a frontier that can be extended without changing this one."""
        return Frontier(self.size, [list(edge) for edge in self.edges])

    def root(self) -> bytes:
        """Return the root of the tree."""
        root: bytes | None = None
        for edge in self.edges:
            if not edge:
                continue
            # Everything below this level is the last, imperfect leaf of it.
            root = root_of_leaves(edge if root is None else [*edge, root])
        return EMPTY_ROOT if root is None else root


class Tree:
    """Reads roots and proofs of any size up to the store's own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def frontier(self, size: int) -> Frontier:
        """Return the right edge of the tree of `size` leaves, in reads that do not grow with it."""
        edges, level = [], 0
        while size >> (_LEVEL_BITS * level):
            count = size >> (_LEVEL_BITS * level)
            edges.append(self._hashes(level, count // WIDTH, count % WIDTH))
            level += 1
        return Frontier(size, edges)

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` entries."""
        return self.frontier(size).root()

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash of entry `index`, from the entry itself."""
        return leaf_hash(self._store.headers(index, index + 1)[0])

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the inclusion path of entry `index` in the tree of `size`, leaf's sibling first.

        Source: RFC 9162 section 2.1.3.1.
        """
        if not 0 <= index < size:
            raise ValueError(f"entry {index} is outside a tree of {size}")
        return self._inclusion(index, 0, size)

    def _inclusion(self, index: int, start: int, stop: int) -> list[bytes]:
        path: list[bytes] = []
        while stop - start > 1:
            split = start + _largest_power_below(stop - start)
            if index < split:
                path.append(self.range_root(split, stop))
                stop = split
            else:
                path.append(self.range_root(start, split))
                start = split
        path.reverse()
        return path

    def consistency(self, size1: int, size2: int) -> list[bytes]:
        """Return the consistency path from the tree of `size1` to that of `size2`.

        Source: RFC 9162 section 2.1.4.1.
        """
        if not 0 <= size1 <= size2:
            raise ValueError(f"no consistency from {size1} to {size2} entries")
        if size1 in (0, size2):
            return []
        path: list[bytes] = []
        start, stop, known = 0, size2, True
        while size1 != stop:
            split = start + _largest_power_below(stop - start)
            if size1 <= split:
                path.append(self.range_root(split, stop))
                stop = split
            else:
                path.append(self.range_root(start, split))
                start, known = split, False
        if not known:
            path.append(self.range_root(start, stop))
        path.reverse()
        return path

    def subtree(self, level: int, index: int) -> bytes:
        """Return the root of the perfect subtree of 2^level leaves that is `index`-th of its kind."""
        return self.range_root(index << level, (index + 1) << level)

    def tile(self, level: int, index: int, width: int) -> bytes:
        """Return the first `width` hashes, 1 to 256, of tile (level, index), which the tree must hold.

        Source: C2SP tlog-tiles, "Merkle Tree".
        """
        return b"".join(self._hashes(level, index, width))

    def range_root(self, start: int, stop: int) -> bytes:
        """Return the root over the leaves start ≤ index < stop, a node of some tree: perfect, or its right edge."""
        count = stop - start
        power = 1 << (count.bit_length() - 1)
        if power != count:
            return node_hash(self.range_root(start, start + power), self.range_root(start + power, stop))
        bits = count.bit_length() - 1
        level, within = divmod(bits, _LEVEL_BITS)
        if within == 0 and level and (roots := self._store.tiles.roots(level - 1, start >> bits, (start >> bits) + 1)):
            return roots[0]
        first = start >> (_LEVEL_BITS * level)
        hashes = self._hashes(level, first // WIDTH, first % WIDTH + (1 << within))
        return root_of_leaves(hashes[first % WIDTH :])

    def _hashes(self, level: int, tile: int, width: int) -> list[bytes]:
        """The first `width` hashes of a tile that is full or on the right edge."""
        if width == 0:
            return []
        stored = self._store.tiles.full(level, tile)
        if stored is not None:
            return [stored[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES)]
        start = tile * WIDTH
        if level:
            return self._store.tiles.roots(level - 1, start, start + width)
        return [leaf_hash(header) for header in self._store.headers(start, start + width)]


def _largest_power_below(count: int) -> int:
    """The largest power of two that is smaller than `count` ≥ 2."""
    return 1 << ((count - 1).bit_length() - 1)
