"""What a proof may be wrong in besides its hashes: types, ranges, shapes; and the sentence that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proofs import merkle
from proofs.errors import ProofError

LEAVES = [merkle.leaf_hash(bytes([value])) for value in range(7)]
ROOT = merkle.root_of_leaves(LEAVES)
PATH = merkle.inclusion_path(4, LEAVES)
GROWTH = merkle.consistency_path(3, LEAVES)
ROOT_3 = merkle.root_of_leaves(LEAVES[:3])
HASH = b"\x07" * 32

NO_SIZES = [-1, -(2**64), 2**64, 2**5000, True, False, None, 4.0, "4", b"4", [4]]
NO_HASHES = [None, b"", HASH[:31], HASH + b"\0", HASH.hex(), bytearray(HASH), memoryview(HASH), 7, [7] * 32]
NO_PATHS: list[Any] = [None, {}, set(), iter(PATH), (node for node in PATH), b"".join(PATH), "path", 3, {0: PATH[0]}]


@pytest.mark.parametrize("value", NO_SIZES, ids=repr)
def test_what_is_no_size_proves_nothing(value: Any) -> None:
    for prove in (
        lambda: merkle.verify_inclusion(value, 7, LEAVES[4], PATH, ROOT),
        lambda: merkle.verify_inclusion(4, value, LEAVES[4], PATH, ROOT),
        lambda: merkle.root_from_inclusion_proof(value, 7, LEAVES[4], PATH),
        lambda: merkle.verify_consistency(value, 7, ROOT_3, ROOT, GROWTH),
        lambda: merkle.verify_consistency(3, value, ROOT_3, ROOT, GROWTH),
        lambda: merkle.verify_consistency(value, value, ROOT, ROOT, []),
        lambda: merkle.cover(value, []),
        lambda: merkle.cover(7, [value]),
        lambda: merkle.root_from_cover(value, {}, []),
        lambda: merkle.root_from_cover(1, [(value, HASH)], []),
    ):
        with pytest.raises(ProofError, match=r" is of type .*, not an integer$| is not within 0 and 2\^64 - 1$"):
            prove()


@pytest.mark.parametrize("value", NO_HASHES, ids=repr)
def test_what_is_no_hash_proves_nothing(value: Any) -> None:
    for prove in (
        lambda: merkle.verify_inclusion(4, 7, value, PATH, ROOT),
        lambda: merkle.verify_inclusion(4, 7, LEAVES[4], [value, *PATH[1:]], ROOT),
        lambda: merkle.verify_inclusion(4, 7, LEAVES[4], PATH, value),
        lambda: merkle.verify_consistency(3, 7, value, ROOT, GROWTH),
        lambda: merkle.verify_consistency(3, 7, ROOT_3, value, GROWTH),
        lambda: merkle.verify_consistency(3, 7, ROOT_3, ROOT, [*GROWTH[:-1], value]),
        lambda: merkle.verify_consistency(0, 7, merkle.EMPTY_ROOT, value, []),
        lambda: merkle.root_from_cover(1, {0: value}, []),
        lambda: merkle.root_from_cover(1, {}, [(0, 0, value)]),
    ):
        with pytest.raises(ProofError, match=r" is of type .*, not bytes$| has \d+ bytes, expected 32$"):
            prove()


@pytest.mark.parametrize("value", NO_PATHS, ids=repr)
def test_what_is_no_path_proves_nothing(value: Any) -> None:
    provers: tuple[Callable[[], None], ...] = (
        lambda: merkle.verify_inclusion(4, 7, LEAVES[4], value, ROOT),
        lambda: merkle.verify_consistency(3, 7, ROOT_3, ROOT, value),
        lambda: merkle.verify_consistency(7, 7, ROOT, ROOT, value),
    )
    for prove in provers:
        with pytest.raises(ProofError, match=r"^(inclusion|consistency) path is of type .*, not a list of hashes$"):
            prove()


def test_a_path_may_be_a_tuple() -> None:
    merkle.verify_inclusion(4, 7, LEAVES[4], tuple(PATH), ROOT)
    merkle.verify_consistency(3, 7, ROOT_3, ROOT, tuple(GROWTH))


@pytest.mark.parametrize("root", [None, "root", 7, bytearray(ROOT)], ids=repr)
def test_equal_things_that_are_no_roots_prove_nothing(root: Any) -> None:
    with pytest.raises(ProofError, match=r"^two different roots of one size 7$"):
        merkle.verify_consistency(7, 7, root, root, [])


@pytest.mark.parametrize(
    ("index", "size", "path", "sentence"),
    [
        (7, 7, PATH, "leaf 7 is outside a tree of 7"),
        (0, 0, [], "leaf 0 is outside a tree of 0"),
        (2**64 - 1, 7, PATH, "leaf 18446744073709551615 is outside a tree of 7"),
        (4, 7, PATH[:-1], "inclusion path has 2 hashes, expected 3"),
        (4, 7, [*PATH, HASH], "inclusion path has 4 hashes, expected 3"),
        (2**64 - 2, 2**64 - 1, [HASH] * 64, "inclusion path has 64 hashes, expected 63"),
        (4, 7, [HASH[:3], *PATH[1:]], "inclusion path's hash 0 has 3 bytes, expected 32"),
        (4, 7, [*PATH[:-1], None], "inclusion path's hash 2 is of type NoneType, not bytes"),
    ],
)
def test_a_refused_inclusion_says_both_values(index: int, size: int, path: list[bytes], sentence: str) -> None:
    with pytest.raises(ProofError) as caught:
        merkle.verify_inclusion(index, size, LEAVES[4], path, ROOT)

    assert str(caught.value) == sentence


def test_a_wrong_root_is_named_beside_the_right_one() -> None:
    with pytest.raises(ProofError) as caught:
        merkle.verify_inclusion(4, 7, LEAVES[4], PATH, HASH)

    assert str(caught.value) == f"inclusion path of leaf 4 leads to root {ROOT.hex()}, not to {HASH.hex()}"


@pytest.mark.parametrize(
    ("sizes", "roots", "path", "sentence"),
    [
        ((7, 3), (ROOT, ROOT_3), GROWTH, "first size 7 is larger than second size 3"),
        ((7, 7), (ROOT, ROOT), [HASH], "consistency path from 7 to 7 has 1 hashes, expected 0"),
        ((0, 7), (merkle.EMPTY_ROOT, ROOT), [HASH], "consistency path from 0 to 7 has 1 hashes, expected 0"),
        ((0, 7), (ROOT, ROOT), [], "first root is not the root of the empty tree"),
        ((0, 0), (None, None), [], "first root is not the root of the empty tree"),
        ((7, 7), (ROOT, ROOT_3), [], "two different roots of one size 7"),
        ((3, 7), (ROOT_3, ROOT), GROWTH[:-1], "consistency path from 3 to 7 has 3 hashes, expected 4"),
        ((4, 7), (ROOT_3, ROOT), GROWTH, "consistency path from 4 to 7 has 4 hashes, expected 1"),
        ((3, 7), (HASH, ROOT), GROWTH, f"consistency path leads to first root {ROOT_3.hex()}, not to {HASH.hex()}"),
        ((3, 7), (ROOT_3, HASH), GROWTH, f"consistency path leads to second root {ROOT.hex()}, not to {HASH.hex()}"),
        ((3, 7), (HASH[1:], ROOT), GROWTH, "first root has 31 bytes, expected 32"),
        ((3, 7), (ROOT_3, None), GROWTH, "second root is of type NoneType, not bytes"),
    ],
)
def test_a_refused_growth_says_both_values(
    sizes: tuple[int, int], roots: tuple[Any, Any], path: list[bytes], sentence: str
) -> None:
    with pytest.raises(ProofError) as caught:
        merkle.verify_consistency(*sizes, *roots, path)

    assert str(caught.value) == sentence


def test_the_largest_tree_that_64_bits_count_is_verified() -> None:
    path = [bytes([level]) * 32 for level in range(64)]
    left = HASH
    for node in path:
        left = merkle.node_hash(node, left)

    merkle.verify_inclusion(
        2**64 - 2, 2**64 - 1, HASH, path[:63], merkle.root_from_inclusion_proof(2**64 - 2, 2**64 - 1, HASH, path[:63])
    )
    assert merkle.root_from_inclusion_proof(2**63 - 1, 2**64 - 1, HASH, path) != left
    merkle.verify_consistency(2**63, 2**64 - 1, HASH, merkle.node_hash(HASH, path[0]), path[:1])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_path_is_built_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=rf"^leaf {index} is outside a tree of {size}$"):
        merkle.inclusion_path(index, LEAVES[:size])


@pytest.mark.parametrize("size1", [-1, 8])
def test_no_path_is_built_from_a_size_that_is_not_there(size1: int) -> None:
    with pytest.raises(ValueError, match=rf"^no proof from size {size1} to size 7$"):
        merkle.consistency_path(size1, LEAVES)


@pytest.mark.parametrize(
    ("listed", "sentence"),
    [
        ([7], "leaf 7 is outside a tree of 7"),
        ([3, 3], "listed leaf 3 does not come after leaf 3"),
        ([3, 5, 4], "listed leaf 4 does not come after leaf 5"),
        ([0, 0], "listed leaf 0 does not come after leaf 0"),
    ],
)
def test_listed_leaves_ascend_within_the_tree(listed: list[int], sentence: str) -> None:
    with pytest.raises(ProofError) as caught:
        merkle.cover(7, listed)

    assert str(caught.value) == sentence


COVER = [
    (1, 0, merkle.root_of_leaves(LEAVES[:2])),
    (0, 3, LEAVES[3]),
    (1, 2, merkle.root_of_leaves(LEAVES[4:6])),
    (0, 6, LEAVES[6]),
]


def test_listed_leaves_and_their_cover_give_the_root() -> None:
    assert merkle.root_from_cover(7, {2: LEAVES[2]}, COVER) == ROOT
    assert merkle.root_from_cover(7, [(2, LEAVES[2])], tuple(COVER)) == ROOT
    as_json_has_them: Any = [[2, LEAVES[2]]], [list(subtree) for subtree in COVER]
    assert merkle.root_from_cover(7, *as_json_has_them) == ROOT


@pytest.mark.parametrize(
    ("subtrees", "sentence"),
    [
        (COVER[:-1], "cover ends before subtree (level 0, index 6)"),
        ([], "cover ends before subtree (level 1, index 0)"),
        ([*COVER, COVER[-1]], "subtree 4 of the cover is one too many"),
        ([*COVER, None], "subtree 4 of the cover is one too many"),
        ([COVER[0], COVER[0], *COVER[1:]], "subtree 1 of the cover is not (level 0, index 3)"),
        ([COVER[1], COVER[0], *COVER[2:]], "subtree 0 of the cover is not (level 1, index 0)"),
        ([(True, False, COVER[0][2]), *COVER[1:]], "subtree 0 of the cover is not (level 1, index 0)"),
        ([(1.0, 0, COVER[0][2]), *COVER[1:]], "subtree 0 of the cover is not (level 1, index 0)"),
        ([(1, None, COVER[0][2]), *COVER[1:]], "subtree 0 of the cover is not (level 1, index 0)"),
        ([(1, 0), *COVER[1:]], "subtree 0 of the cover is not a level, an index and a hash"),
        ([*COVER[:3], "cut"], "subtree 3 of the cover is not a level, an index and a hash"),
        ([*COVER[:3], (0, 6, HASH[:31])], "subtree 3 of the cover has 31 bytes, expected 32"),
        ([(0, 0, LEAVES[0]), (0, 1, LEAVES[1]), *COVER[1:]], "subtree 0 of the cover is not (level 1, index 0)"),
    ],
)
def test_a_cover_is_exactly_the_largest_subtrees_in_order(subtrees: list[Any], sentence: str) -> None:
    with pytest.raises(ProofError) as caught:
        merkle.root_from_cover(7, {2: LEAVES[2]}, subtrees)

    assert str(caught.value) == sentence


@pytest.mark.parametrize("leaves", [None, 7, [2], [(2,)], [(2, HASH, HASH)], "ab", {2}, [None], iter([])], ids=repr)
def test_listed_leaves_are_pairs(leaves: Any) -> None:
    with pytest.raises(ProofError, match=r"^listed leaves are not pairs of an index and a hash$"):
        merkle.root_from_cover(7, leaves, COVER)


def test_pairs_of_leaves_out_of_order_are_refused() -> None:
    pairs = list(enumerate(LEAVES))

    with pytest.raises(ProofError, match=r"^listed leaf 0 does not come after leaf 1$"):
        merkle.root_from_cover(7, [pairs[1], pairs[0], *pairs[2:]], [(0, 0, LEAVES[0])])


@pytest.mark.parametrize("leaves", [{None: HASH, 1: HASH}, {"1": HASH, 0: HASH}, {1.0: HASH, None: HASH}], ids=repr)
def test_what_is_no_index_is_not_sorted_either(leaves: Any) -> None:
    with pytest.raises(ProofError, match=r"^leaf index is of type \w+, not an integer$"):
        merkle.root_from_cover(7, leaves, [])


def test_a_mapping_of_leaves_need_not_be_sorted() -> None:
    pairs = list(enumerate(LEAVES))

    assert merkle.root_from_cover(7, dict(reversed(pairs)), []) == ROOT


def test_the_cover_of_a_huge_log_is_bounded_by_what_is_listed() -> None:
    listed = list(range(5, 2**53 - 1, 2**43 + 977))

    nodes = merkle.cover(2**53 - 1, listed)

    assert len(listed) == 1024
    assert len(nodes) < 1024 * 2 * 53
    assert sum(1 << level for level, _ in nodes) == 2**53 - 1 - 1024


def test_deep_trees_do_not_recurse() -> None:
    path = [bytes([level]) * 32 for level in range(53)]
    subtrees = [(level, 1, path[level]) for level in range(53)]

    assert merkle.root_from_cover(2**53, {0: HASH}, subtrees) == merkle.root_from_inclusion_proof(0, 2**53, HASH, path)
