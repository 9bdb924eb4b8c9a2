"""Published trees and proofs, each with the ways in which it can be wrong: tests/vectors/merkle.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofs import merkle
from proofs.errors import ProofError

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "merkle.json").read_text())


def described(section: str, expected: str | None = None) -> pytest.MarkDecorator:
    vectors = [vector for vector in VECTORS[section] if expected in (None, vector.get("expected"))]
    return pytest.mark.parametrize("vector", vectors, ids=[vector["description"] for vector in vectors])


def path_of(vector: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(node) for node in vector["path"]]


def verify_inclusion(vector: dict[str, Any]) -> None:
    leaf, root = bytes.fromhex(vector["leaf_hash"]), bytes.fromhex(vector["root"])
    merkle.verify_inclusion(vector["index"], vector["size"], leaf, path_of(vector), root)


def verify_consistency(vector: dict[str, Any]) -> None:
    roots = bytes.fromhex(vector["root1"]), bytes.fromhex(vector["root2"])
    merkle.verify_consistency(vector["size1"], vector["size2"], *roots, path_of(vector))


@described("leaves")
def test_I2_a_leaf_hash_is_as_published(vector: dict[str, Any]) -> None:
    assert merkle.leaf_hash(bytes.fromhex(vector["entry"])).hex() == vector["hash"]


@described("nodes")
def test_I2_a_node_hash_is_as_published(vector: dict[str, Any]) -> None:
    left, right = bytes.fromhex(vector["left"]), bytes.fromhex(vector["right"])

    assert merkle.node_hash(left, right).hex() == vector["hash"]


@described("roots")
def test_I2_the_roots_of_a_published_log_come_out_at_every_size(vector: dict[str, Any]) -> None:
    leaves = [merkle.leaf_hash(bytes.fromhex(entry)) for entry in vector["entries"]]

    found = [
        {"size": root["size"], "root": merkle.root_of_leaves(leaves[: root["size"]]).hex()} for root in vector["roots"]
    ]

    assert found == vector["roots"]


@described("inclusion", "accept")
def test_an_inclusion_proof_is_accepted(vector: dict[str, Any]) -> None:
    verify_inclusion(vector)


@described("inclusion", "reject")
def test_an_inclusion_proof_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ProofError):
        verify_inclusion(vector)


@described("consistency", "accept")
def test_a_consistency_proof_is_accepted(vector: dict[str, Any]) -> None:
    verify_consistency(vector)


@described("consistency", "reject")
def test_a_consistency_proof_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ProofError):
        verify_consistency(vector)


@described("cover")
def test_a_cover_names_the_subtrees_without_a_listed_leaf(vector: dict[str, Any]) -> None:
    expected = [tuple(node) for node in vector["subtrees"]]

    assert merkle.cover(vector["size"], vector["listed"]) == expected
