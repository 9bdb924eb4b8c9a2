"""The hashes that everything else is made of: SHA-256, told apart by what stands before the data.

    leaf       = SHA-256(0x00 || entry)                                                RFC 6962 section 2.1
    node       = SHA-256(0x01 || left || right)
    empty root = SHA-256("")
    commitment = SHA-256("tallystick/" kind "/v1" || 0x00 || salt[32] || bytes)        docs/formats/bodies.md

The prefixes keep the kinds apart: no entry can be passed off as a node, no body as a part.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from proofs.errors import MalformedError

HASH_BYTES: Final = 32
SALT_BYTES: Final = 32
LEAF_PREFIX: Final = b"\x00"
NODE_PREFIX: Final = b"\x01"
EMPTY_ROOT: Final = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def sha256(data: bytes) -> bytes:
    """Return the 32 bytes of SHA-256."""
    return hashlib.sha256(data).digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash under which an entry stands in the chain and in the tree (I2), 32 bytes."""
    return hashlib.sha256(LEAF_PREFIX + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node over two nodes, 32 bytes."""
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


def commitment(kind: Literal["body", "part"], salt: bytes, data: bytes) -> bytes:
    """Return what an entry says of a body or a part, 32 bytes; without the salt it tells nothing about `data`.

    Raises:
        MalformedError: `salt` has not 32 bytes. A salt of any length would let bytes wander between salt and data.
        ValueError: `kind` is neither.
    """
    if kind not in ("body", "part"):
        raise ValueError(f"there is no commitment to a {kind!r}")
    if len(salt) != SALT_BYTES:
        raise MalformedError(f"salt has {len(salt)} bytes, expected {SALT_BYTES}")
    # Fed in turn, not joined: a body may be 16 MiB.
    digest = hashlib.sha256(f"tallystick/{kind}/v1\0".encode() + salt)
    digest.update(data)
    return digest.digest()
