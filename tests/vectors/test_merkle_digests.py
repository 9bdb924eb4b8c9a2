"""One hash over every output of a function: the accumulated vectors of draft-ietf-plants-merkle-tree-certs, appendix C.1.

The log has 130 entries of one byte each, 0, 1, 2 …; a subtree [start, stop) is one of its nodes, or the left part of one:
start is a multiple of the smallest power of two that holds it. What only the draft needs is written here.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator

from proofs.merkle import (
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_from_inclusion_proof,
    root_of_leaves,
    verify_consistency,
    verify_inclusion,
)

SIZE = 130
LEAVES = tuple(leaf_hash(bytes([value])) for value in range(SIZE))


@functools.cache
def root(start: int, stop: int) -> bytes:
    return root_of_leaves(LEAVES[start:stop])


def is_subtree(start: int, stop: int) -> bool:
    return start == stop or start % (1 << (stop - start - 1).bit_length()) == 0


def subtrees(size: int) -> Iterator[tuple[int, int]]:
    return ((start, stop) for stop in range(size + 1) for start in range(stop + 1) if is_subtree(start, stop))


def digest_of(lines: Iterator[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def spelled(path: list[bytes]) -> str:
    return "".join(f" {node.hex()}" for node in path)


def subtree_proof(start: int, stop: int, left: int, right: int, *, is_known: bool) -> list[bytes]:
    """The draft's SUBTREE_SUBPROOF: [start, stop) within the node [left, right)."""
    if (start, stop) == (left, right):
        return [] if is_known else [root(left, right)]
    middle = left + (1 << (right - left - 1).bit_length() - 1)
    if stop <= middle:
        return [*subtree_proof(start, stop, left, middle, is_known=is_known), root(middle, right)]
    if start >= middle:
        return [*subtree_proof(start, stop, middle, right, is_known=is_known), root(left, middle)]
    return [*subtree_proof(middle, stop, middle, right, is_known=False), root(left, middle)]


def covering_pair(start: int, stop: int) -> tuple[int, int]:
    """Return where the two subtrees begin that end at `stop`, hold [start, stop) and little before it."""
    if stop - start <= 1:
        return start, stop
    bits = (start ^ stop - 1).bit_length() - 1
    middle = (stop - 1) >> bits << bits
    width = (~start & (1 << bits) - 1).bit_length()
    return start >> width << width, middle


def test_every_subtree_has_the_root_of_the_draft() -> None:
    lines = (f"[{start}, {stop}) {root(start, stop).hex()}" for start, stop in subtrees(SIZE))

    assert digest_of(lines) == "b82806ad4265bb151c1119c0f4db437bb4d1a1f887b3a7fba1cd4ebf552e3e81"


def test_every_inclusion_proof_is_that_of_the_draft_and_is_accepted() -> None:
    def lines() -> Iterator[str]:
        for start, stop in subtrees(SIZE):
            for index in range(start, stop):
                path = inclusion_path(index - start, LEAVES[start:stop])
                verify_inclusion(index - start, stop - start, LEAVES[index], path, root(start, stop))
                yield f"{index} [{start}, {stop}){spelled(path)}"

    assert digest_of(lines()) == "ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f"


def test_every_subtree_consistency_proof_is_that_of_the_draft() -> None:
    def lines() -> Iterator[str]:
        for size in range(SIZE + 1):
            for start, stop in subtrees(size):
                path = [] if start == stop else subtree_proof(start, stop, 0, size, is_known=True)
                if start == 0:
                    assert path == consistency_path(stop, LEAVES[:size])
                    verify_consistency(stop, size, root(0, stop), root(0, size), path)
                yield f"[{start}, {stop}) {size}{spelled(path)}"

    assert digest_of(lines()) == "10fa99b37bf9bf9ffa26b412fbd98bd75363256d0b75d61bc4538b9c9c5a0a74"


def test_every_pair_of_covering_subtrees_is_that_of_the_draft() -> None:
    def lines() -> Iterator[str]:
        for stop in range(SIZE + 1):
            for start in range(stop + 1):
                first, middle = covering_pair(start, stop)
                assert is_subtree(first, middle)
                assert is_subtree(middle, stop)
                yield f"[{first}, {middle}) [{middle}, {stop})"

    assert digest_of(lines()) == "7fd9c8b926e9d2b5cf831560e8ce295a5ef97ad5c5ede4ea0dea28a8c8fc8bb0"


def test_no_proof_of_one_leaf_proves_another() -> None:
    for size in range(1, 34):
        for index in range(size):
            path = inclusion_path(index, LEAVES[:size])
            for other in range(size):
                if other == index:
                    continue
                longer = len(inclusion_path(other, LEAVES[:size])) != len(path)
                found = None if longer else root_from_inclusion_proof(other, size, LEAVES[index], path)
                assert found != root(0, size)
