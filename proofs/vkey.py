"""Verifier keys: the one line of text that a reader trusts, `name+id+base64(type || public key)`.

    sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8

The id is recomputed from name, type and public key: a line whose three fields do not belong together is no key. What
each type signs is said in proofs.cosignature and proofs.note.

Source: C2SP signed-note v1.0.0, "Verifier keys" and "Signature types"; for 0x05 c2sp.org/static-ct-api.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final, Self

from proofs import b64strict
from proofs.errors import MalformedError

KEY_ID_BYTES: Final = 4
MAX_PUBLIC_KEY_BYTES: Final = 2_048  # an RSA key of 8,192 bits in SubjectPublicKeyInfo has 1,062
MAX_NAME_BYTES: Final = 255  # an ML-DSA-44 cosignature gives the name's length one byte

# `\s` is every Unicode space; Python counts U+001C–001F among them, which a note may not hold anyway.
_NAME: Final = re.compile(r"[^\s+\x00-\x1f]+\Z")
_VKEY: Final = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})\Z")


class KeyType(IntEnum):
    """The byte before the public key; it says what is signed and how."""

    ED25519 = 0x01  # the note's text
    ECDSA = 0x02  # known by name only: nothing here checks it
    COSIGNATURE = 0x04  # Ed25519 over a time and a checkpoint
    TREE_HEAD = 0x05  # a certificate transparency log's; known by name only
    MLDSA_COSIGNATURE = 0x06  # ML-DSA-44 over a time and a checkpoint; checked where a library can


_LENGTHS: Final = {KeyType.ED25519: 32, KeyType.COSIGNATURE: 32, KeyType.MLDSA_COSIGNATURE: 1_312}


def key_id(name: str, type_byte: int, public_key: bytes) -> bytes:
    """Return the 4 bytes by which a signature line refers to the key.

    Source: C2SP signed-note, "Signatures" and "Signature types"; static-ct-api for 0x05.
    """
    if type_byte == KeyType.ECDSA:
        return sha256(public_key).digest()[:KEY_ID_BYTES]  # older than the rule, and without the name
    if type_byte == KeyType.TREE_HEAD:
        public_key = sha256(public_key).digest()  # the log id of RFC 6962
    return sha256(name.encode() + b"\n" + bytes([type_byte]) + public_key).digest()[:KEY_ID_BYTES]


def check_name(name: str) -> None:
    """Accept a key name: not empty, valid UTF-8, without spaces, "+" and control characters.

    Raises:
        MalformedError: It is something else.
    """
    if not _NAME.match(name):
        raise MalformedError(f"key name {name[:80]!r} is empty or holds a space, a plus or a control character")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise MalformedError(f"key name {name[:80]!r} is not UTF-8") from error


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name it signs under.

    Attributes:
        name: The key's name; a log's key bears its origin.
        key_id: 4 bytes, as `key_id` computes them.
        type: What it signs.
        public_key: 32 bytes (Ed25519), 1,312 bytes (ML-DSA-44), else DER SubjectPublicKeyInfo.

    Raises:
        MalformedError: The attributes do not belong together.
    """

    name: str
    key_id: bytes
    type: KeyType
    public_key: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        length = len(self.public_key)
        expected = _LENGTHS.get(self.type)
        if expected is not None and length != expected:
            raise MalformedError(f"key {self.name!r} of type 0x{self.type:02x} has {length} bytes, expected {expected}")
        if not 0 < length <= MAX_PUBLIC_KEY_BYTES:
            raise MalformedError(f"key {self.name!r} has {length} bytes, expected 1 to {MAX_PUBLIC_KEY_BYTES}")
        if self.type is KeyType.MLDSA_COSIGNATURE and len(self.name.encode()) > MAX_NAME_BYTES:
            raise MalformedError(
                f"name of an ML-DSA-44 key has {len(self.name.encode())} bytes, at most {MAX_NAME_BYTES}"
            )
        computed = key_id(self.name, self.type, self.public_key)
        if self.key_id != computed:
            raise MalformedError(f"key {self.name!r} has the id {self.key_id.hex()}, computed {computed.hex()}")

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Accept exactly the texts that `to_text` writes.

        Raises:
            MalformedError: The text is anything else, or names a type that nobody has defined.
        """
        matched = _VKEY.match(vkey)
        if not matched:
            raise MalformedError(
                f"verifier key {vkey[:80]!r} is not name, id in hex and base64 with a plus between them"
            )
        name, identity, encoded = matched.groups()
        material = b64strict.decode(encoded, f"verifier key {name[:80]!r}")
        try:
            kind = KeyType(material[0])
        except ValueError as error:
            raise MalformedError(f"verifier key {name[:80]!r} has the unknown type 0x{material[0]:02x}") from error
        return cls(name, bytes.fromhex(identity), kind, material[1:])

    def to_text(self) -> str:
        """Return the key as one line without a newline."""
        return f"{self.name}+{self.key_id.hex()}+{b64strict.encode(bytes([self.type]) + self.public_key)}"

    @property
    def label(self) -> str:
        """Name and id, as messages call the key: "sum.golang.org+033de0ae"."""
        return f"{self.name}+{self.key_id.hex()}"


def vkey_for(name: str, public_key: bytes, kind: KeyType) -> VerifierKey:
    """Return the verifier key of a public key; `to_text` prints what stands in a trust file.

    Raises:
        MalformedError: The name or the length of the key is not what the type demands.
    """
    check_name(name)
    return VerifierKey(name, key_id(name, kind, public_key), kind, public_key)
