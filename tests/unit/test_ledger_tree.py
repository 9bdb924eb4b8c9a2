"""The stored tree against the definition: roots, inclusion and consistency at the edges of its tiles."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from functools import cache

import pytest

from ledger.store import Batch, Store, TileRow
from ledger.stores.memory import MemoryStore
from ledger.tree import Frontier, Tree
from proofs.digest import EMPTY_ROOT
from proofs.merkle import (
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_of_leaves,
    verify_consistency,
    verify_inclusion,
)

SIZE = 66_000  # past the first tile of level 1, and into level 2's only leaf
EDGES = (1, 2, 3, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, SIZE)


def entry(seq: int) -> bytes:
    return b"%d" % seq


@cache
def leaves() -> list[bytes]:
    return [leaf_hash(entry(seq)) for seq in range(SIZE)]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = MemoryStore(origin="ledger.example/tree")
    tiles = Frontier(0, []).extend(leaves())
    with made.writing():
        made.write(Batch(entries=[(seq, entry(seq)) for seq in range(SIZE)], tiles=tiles))
    yield made
    made.close()


@pytest.mark.parametrize("size", [0, *EDGES])
def test_I2_the_root_of_every_size_is_that_of_its_leaves(store: Store, size: int) -> None:
    assert Tree(store).root(size) == root_of_leaves(leaves()[:size])


@pytest.mark.parametrize("size", EDGES)
def test_an_inclusion_proof_is_that_of_the_definition(store: Store, size: int) -> None:
    tree, root = Tree(store), root_of_leaves(leaves()[:size])
    for index in {0, size // 3, size // 2, size - 2, size - 1} - {-1}:
        path = tree.inclusion(index, size)

        verify_inclusion(index, size, leaves()[index], path, root)
        assert path == inclusion_path(index, leaves()[:size])


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700])
@pytest.mark.parametrize("before", [0, 1, 2, 128, 255, 256, 257, 700])
def test_a_consistency_proof_is_that_of_the_definition(store: Store, before: int, size: int) -> None:
    tree = Tree(store)
    if before > size:
        with pytest.raises(ValueError, match=f"no consistency from {before} to {size} entries"):
            tree.consistency(before, size)
        return
    path = tree.consistency(before, size)

    verify_consistency(before, size, tree.root(before) if before else EMPTY_ROOT, tree.root(size), path)
    assert path == consistency_path(before, leaves()[:size])


def test_consistency_across_many_tiles(store: Store) -> None:
    tree = Tree(store)
    for one, other in ((255, 65_536), (256, 65_537), (65_535, 65_536), (65_536, SIZE), (40_000, SIZE)):
        verify_consistency(one, other, tree.root(one), tree.root(other), tree.consistency(one, other))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 5), (5, 5)])
def test_a_leaf_outside_the_tree_has_no_proof(store: Store, index: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"entry {index} is outside a tree of {size}"):
        Tree(store).inclusion(index, size)


def test_a_subtree_is_the_root_of_its_leaves(store: Store) -> None:
    tree = Tree(store)
    for level, index in ((0, 7), (1, 3), (7, 1), (8, 0), (8, 200), (9, 5), (15, 1), (16, 0)):
        assert tree.subtree(level, index) == root_of_leaves(leaves()[index << level : (index + 1) << level])


def test_a_frontier_grows_by_any_steps_to_the_same_tiles_and_root() -> None:
    whole, stepped = Frontier(0, []), Frontier(0, [])
    expected = whole.extend(leaves())
    tiles: list[TileRow] = []
    drawn = random.Random(1)
    while stepped.size < SIZE:
        tiles += stepped.extend(leaves()[stepped.size : stepped.size + drawn.choice([0, 1, 2, 255, 256, 257, 3_000])])

    assert sorted(tiles) == sorted(expected)
    assert (stepped.size, stepped.root()) == (SIZE, whole.root())
    assert len(expected) == SIZE // 256 + 1


def test_a_frontier_that_is_read_goes_on_like_one_that_was_kept(store: Store) -> None:
    for size in (255, 256, 300, 65_535, 65_536):
        kept = Frontier(0, [])
        kept.extend(leaves()[:size])
        found = Tree(store).frontier(size)

        assert found.root() == kept.root()
        assert found.extend(leaves()[size : size + 600]) == kept.extend(leaves()[size : size + 600])


def test_a_copied_frontier_leaves_the_first_alone() -> None:
    first = Frontier(0, [])
    first.extend(leaves()[:200])
    root = first.root()

    first.copy().extend(leaves()[200:300])

    assert (first.size, first.root()) == (200, root)


def test_a_proof_from_the_whole_log_reads_few_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a log of any size: a few rows for each level of the tree, each of at most 256 hashes or entries."""
    reads: list[int] = []
    headers, full, roots = store.headers, store.tiles.full, store.tiles.roots

    def count_headers(start: int, stop: int) -> list[bytes]:
        reads.append(stop - start)
        return headers(start, stop)

    def count_tile(level: int, index: int) -> bytes | None:
        reads.append(256)
        return full(level, index)

    def count_roots(level: int, start: int, stop: int) -> list[bytes]:
        reads.append(stop - start)
        return roots(level, start, stop)

    monkeypatch.setattr(store, "headers", count_headers)
    monkeypatch.setattr(store.tiles, "full", count_tile)
    monkeypatch.setattr(store.tiles, "roots", count_roots)

    Tree(store).inclusion(12_345, SIZE)

    assert len(reads) < 30
    assert max(reads) <= 256


def test_tiles_hold_the_hashes_and_the_root_over_them(store: Store) -> None:
    hashes = store.tiles.full(0, 3)
    assert hashes == b"".join(leaves()[768:1024])
    assert store.tiles.roots(0, 3, 4) == [root_of_leaves(leaves()[768:1024])]
    assert (
        hashlib.sha256(store.tiles.full(1, 0) or b"").digest()
        == hashlib.sha256(b"".join(store.tiles.roots(0, 0, 256))).digest()
    )
