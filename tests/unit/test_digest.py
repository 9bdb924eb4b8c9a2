"""The hashes of proofs/digest.py: each kind apart from every other."""

from __future__ import annotations

from typing import Any

import pytest

from proofs import digest
from proofs.errors import MalformedError

SALT = bytes(range(32))


def test_the_empty_root_is_the_hash_of_nothing() -> None:
    assert digest.sha256(b"") == digest.EMPTY_ROOT


def test_I2_leaf_node_and_empty_tree_are_hashed_apart() -> None:
    assert digest.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert digest.node_hash(b"\0" * 32, b"\0" * 32) == digest.sha256(b"\x01" + bytes(64))
    assert digest.leaf_hash(bytes(64)) != digest.node_hash(bytes(32), bytes(32))


# As a shell makes them: { printf 'tallystick/body/v1\0'; salt; data; } | sha256sum
@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("body", b"", "bf85836c8e4e06a42db0b0f5d3ea24c7059c0cb777104854b583acad1ae736ec"),
        ("body", b'{"a":1}', "edb0a5cd11d9c92adf3adad41a0b89cc5c090b2141030eb528774f372d04d068"),
        ("part", b'{"a":1}', "c780758811097013e5c2776ab9fa13767514e29f347b803320833f0dfa3a7f0f"),
    ],
)
def test_a_commitment_is_what_a_shell_computes(kind: Any, data: bytes, expected: str) -> None:
    assert digest.commitment(kind, SALT, data).hex() == expected


@pytest.mark.parametrize(("salt", "size"), [(b"", 0), (SALT[:31], 31), (SALT + b"\0", 33), (SALT * 2, 64)])
def test_I11_no_byte_wanders_between_salt_and_data(salt: bytes, size: int) -> None:
    with pytest.raises(MalformedError, match=rf"^salt has {size} bytes, expected 32$"):
        digest.commitment("body", salt, b"data")


@pytest.mark.parametrize("kind", ["", "entry", "Body", "body/v1", None])
def test_there_is_no_commitment_to_anything_else(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"^there is no commitment to a "):
        digest.commitment(kind, SALT, b"data")


@pytest.mark.parametrize("function", [digest.sha256, digest.leaf_hash])
def test_text_is_not_hashed(function: Any) -> None:
    with pytest.raises(TypeError):
        function("text")
