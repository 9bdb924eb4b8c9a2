"""Trees of every shape against the recursive definition of RFC 6962, and covers against what they are meant to be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import merkle
from proofs.errors import ProofError

SMALL = 9


def leaves_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(index.to_bytes(4, "big")) for index in range(size)]


def reference_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(reference_root(leaves[:split]), reference_root(leaves[split:]))


def reference_cover(size: int, listed: set[int]) -> list[tuple[int, int]]:
    """Every aligned perfect subtree that is free of listed leaves and whose parent is not, in leaf order."""

    def is_free(level: int, index: int) -> bool:
        start, stop = index << level, index + 1 << level
        return stop <= size and listed.isdisjoint(range(start, stop))

    nodes = [(level, index) for level in range(size.bit_length()) for index in range(size >> level)]
    largest = [(level, index) for level, index in nodes if is_free(level, index) and not is_free(level + 1, index >> 1)]
    return sorted(largest, key=lambda node: node[1] << node[0])


def covered(leaves: Sequence[bytes], listed: Sequence[int]) -> list[tuple[int, int, bytes]]:
    return [
        (level, index, merkle.root_of_leaves(leaves[index << level : index + 1 << level]))
        for level, index in merkle.cover(len(leaves), listed)
    ]


def test_I2_the_root_is_the_recursive_definition_at_every_size() -> None:
    leaves = leaves_of(300)

    for size in range(301):
        assert merkle.root_of_leaves(leaves[:size]) == reference_root(leaves[:size])


def test_every_subset_of_every_small_tree_is_covered_and_gives_the_root() -> None:
    for size in range(SMALL + 1):
        leaves = leaves_of(size)
        root = reference_root(leaves)
        for count in range(size + 1):
            for listed in itertools.combinations(range(size), count):
                assert merkle.cover(size, listed) == reference_cover(size, set(listed))
                known = {index: leaves[index] for index in listed}
                assert merkle.root_from_cover(size, known, covered(leaves, listed)) == root


def test_every_way_to_spoil_the_cover_of_a_small_tree_is_seen() -> None:
    for size in range(1, SMALL + 1):
        leaves = leaves_of(size)
        root = reference_root(leaves)
        for listed in itertools.chain(
            [()], itertools.combinations(range(size), 1), itertools.combinations(range(size), 3)
        ):
            known = {index: leaves[index] for index in listed}
            subtrees = covered(leaves, listed)
            for place, (level, index, digest) in enumerate(subtrees):
                before, after = subtrees[:place], subtrees[place + 1 :]
                spoiled = [before + after, [*before, (level, index, digest), *subtrees[place:]]]
                spoiled += [
                    [*before, (level + 1, index, digest), *after],
                    [*before, (level, index + 1, digest), *after],
                ]
                spoiled += [[*before, *after[:1], (level, index, digest), *after[1:]]] if after else []
                for wrong in spoiled:
                    with pytest.raises(ProofError):
                        merkle.root_from_cover(size, known, wrong)
                flipped = [*before, (level, index, bytes([digest[0] ^ 1]) + digest[1:]), *after]
                assert merkle.root_from_cover(size, known, flipped) != root
            for index in listed:
                less = {other: leaf for other, leaf in known.items() if other != index}
                with pytest.raises(ProofError):
                    merkle.root_from_cover(size, less, subtrees)
                assert merkle.root_from_cover(size, known | {index: bytes(32)}, subtrees) != root


@given(st.data())
def test_larger_trees_are_covered_too(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 400))
    listed = sorted(data.draw(st.sets(st.integers(0, size - 1), max_size=40)))
    leaves = leaves_of(size)

    assert merkle.cover(size, listed) == reference_cover(size, set(listed))
    pairs = [(index, leaves[index]) for index in listed]
    assert merkle.root_from_cover(size, pairs, covered(leaves, listed)) == reference_root(leaves)


@given(st.data())
def test_a_cover_fills_exactly_the_gaps_of_a_tree_of_any_size(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 2**53))
    listed = sorted(data.draw(st.sets(st.integers(0, max(0, size - 1)), max_size=20))) if size else []

    at = 0
    ranges = [(index, index + 1) for index in listed]
    ranges += [(index << level, index + 1 << level) for level, index in merkle.cover(size, listed)]
    for start, stop in sorted(ranges):
        assert start == at
        at = stop

    assert at == size


@given(st.data())
def test_a_proof_proves_one_leaf_at_one_index(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 200))
    index, other = (data.draw(st.integers(0, size - 1)) for _ in range(2))
    leaves = leaves_of(size)
    root = reference_root(leaves)
    path = merkle.inclusion_path(index, leaves)

    assert merkle.root_from_inclusion_proof(index, size, leaves[index], path) == root
    merkle.verify_inclusion(index, size, leaves[index], path, root)
    if other != index:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(other, size, leaves[index], path, root)
        with pytest.raises(ProofError):
            merkle.verify_inclusion(index, size, leaves[other], path, root)


@given(st.data())
def test_a_flipped_bit_anywhere_in_a_proof_is_seen(data: st.DataObject) -> None:
    size2 = data.draw(st.integers(2, 200))
    size1 = data.draw(st.integers(1, size2 - 1))
    leaves = leaves_of(size2)
    root1, root2 = reference_root(leaves[:size1]), reference_root(leaves)
    path = merkle.consistency_path(size1, leaves)
    merkle.verify_consistency(size1, size2, root1, root2, path)

    hashes = [root1, root2, *path]
    place, bit = data.draw(st.integers(0, len(hashes) - 1)), data.draw(st.integers(0, 255))
    hashes[place] = (int.from_bytes(hashes[place], "big") ^ 1 << bit).to_bytes(32, "big")

    with pytest.raises(ProofError):
        merkle.verify_consistency(size1, size2, hashes[0], hashes[1], hashes[2:])


def test_growth_is_proven_between_all_small_sizes_and_to_no_other_history() -> None:
    leaves, others = leaves_of(40), leaves_of(40)
    others[0] = bytes(32)

    for size2 in range(1, 41):
        for size1 in range(1, size2 + 1):
            path = merkle.consistency_path(size1, leaves[:size2])
            merkle.verify_consistency(
                size1, size2, reference_root(leaves[:size1]), reference_root(leaves[:size2]), path
            )
            with pytest.raises(ProofError):
                merkle.verify_consistency(
                    size1, size2, reference_root(others[:size1]), reference_root(leaves[:size2]), path
                )


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=40),
    st.lists(st.one_of(st.binary(min_size=32, max_size=32), st.integers(), st.none()), max_size=4),
    st.dictionaries(st.integers(), st.binary(), max_size=2),
)


@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_whatever_is_handed_in_a_proof_error_comes_out(a: Any, b: Any, c: Any, d: Any, e: Any) -> None:
    for prove in (merkle.verify_inclusion, merkle.verify_consistency):
        if prove is merkle.verify_consistency and type(a) is int and a == b and c == d and e == []:
            continue  # the one thing that is always true
        with pytest.raises(ProofError):
            prove(a, b, c, d, e)
