r"""A cosignature: a witness says "at this time this was the largest tree of this log that I have seen".

After the key id a signature line carries

    timestamp   uint64, big-endian, POSIX seconds, at most 2^63−1
    signature   64 bytes Ed25519 (key type 0x04) or 2,420 bytes ML-DSA-44 (0x06)

and what is signed differs by type: Ed25519 signs text, ML-DSA-44 a structure that also commits to the witness's name.

    cosignature/v1\ntime 1679315147\n<text of the checkpoint, extension lines included>

    "subtree/v1\n\0" || len8 cosigner || timestamp || len8 origin || start || end || root[32]

Lengths are one byte, the other integers uint64, big-endian.

Source: C2SP tlog-cosignature v1.1.0.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Self

from proofs import ed25519
from proofs.checkpoint import Checkpoint
from proofs.errors import MalformedError, TamperedError, UnverifiableError
from proofs.vkey import KeyType, VerifierKey

MAX_TIMESTAMP: Final = 2**63 - 1
_LENGTHS: Final = {KeyType.COSIGNATURE: 64, KeyType.MLDSA_COSIGNATURE: 2_420}
_UINT64: Final = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Cosignature:
    """What stands behind the key id in a cosignature line.

    Attributes:
        timestamp: POSIX seconds by the witness's clock; 0 claims no freshness (ML-DSA-44 only says so).
        signature: 64 bytes (Ed25519) or 2,420 bytes (ML-DSA-44).

    Raises:
        MalformedError: The timestamp is outside 0 to 2^63−1.
    """

    timestamp: int
    signature: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.timestamp <= MAX_TIMESTAMP:
            raise MalformedError(f"cosignature time {self.timestamp} is outside 0 to {MAX_TIMESTAMP}")

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Return timestamp and signature; how long the signature must be, the key's type decides.

        Raises:
            MalformedError: No room for a timestamp, or one beyond its range.
        """
        if len(raw) < _UINT64.size:
            raise MalformedError(
                f"cosignature has {len(raw)} bytes, expected a timestamp of {_UINT64.size} and a signature"
            )
        return cls(_UINT64.unpack_from(raw)[0], raw[_UINT64.size :])

    def to_bytes(self) -> bytes:
        """Return timestamp and signature as they stand behind the key id."""
        return _UINT64.pack(self.timestamp) + self.signature


def message(text: str, timestamp: int) -> bytes:
    """Return what an Ed25519 cosigner signs.

    Args:
        text: The whole text of the checkpoint note, extension lines and last newline included.
        timestamp: POSIX seconds.
    """
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def subtree_message(cosigner: str, timestamp: int, origin: str, start: int, end: int, root: bytes) -> bytes:
    """Return what an ML-DSA-44 cosigner signs for the entries start ≤ i < end; start is 0 for a checkpoint.

    Raises:
        MalformedError: A name has not 1 to 255 bytes, or a part of the tree claims a time.
    """
    names = []
    for what, name in (("cosigner", cosigner.encode()), ("origin", origin.encode())):
        if not 0 < len(name) <= 255:
            raise MalformedError(f"{what} name has {len(name)} bytes, an ML-DSA-44 cosignature has room for 1 to 255")
        names.append(bytes([len(name)]) + name)
    if start and timestamp:
        raise MalformedError(f"subtree cosignature from {start} claims the time {timestamp}, expected 0")
    tree = _UINT64.pack(start) + _UINT64.pack(end) + root
    return b"subtree/v1\n\0" + names[0] + _UINT64.pack(timestamp) + names[1] + tree


def verify(key: VerifierKey, text: str, raw: bytes) -> Cosignature:
    """Return the cosignature in `raw` after checking that `key` made it over the checkpoint `text`.

    Args:
        key: A cosigner's key, of type 0x04 or 0x06.
        text: The text of the checkpoint note.
        raw: Timestamp and signature, as they stand behind the key id.

    Raises:
        MalformedError: The timestamp is out of range, or `text` is no checkpoint that the type can sign.
        TamperedError: The key did not sign this.
        UnverifiableError: The key is ML-DSA-44 and there is no library here that can check it.
    """
    expected = _LENGTHS.get(key.type)
    if expected is None:
        raise ValueError(f"key {key.label} of type 0x{key.type:02x} makes no cosignatures")
    cosignature = Cosignature.parse(raw)
    if len(cosignature.signature) != expected:
        found = len(cosignature.signature)
        raise TamperedError(f"cosignature of {key.label} has {found} bytes, expected {expected}")
    if key.type is KeyType.COSIGNATURE:
        ed25519.verify(key.public_key, message(text, cosignature.timestamp), cosignature.signature)
    else:
        checkpoint = Checkpoint.parse(text, foreign=True)
        signed = subtree_message(
            key.name, cosignature.timestamp, checkpoint.origin, 0, checkpoint.size, checkpoint.root
        )
        verify_mldsa(key.public_key, signed, cosignature.signature)
    return cosignature


def verify_mldsa(public_key: bytes, signed: bytes, signature: bytes) -> None:
    """Check one ML-DSA-44 signature with the library `cryptography`, 48 or newer, where it is installed.

    Raises:
        TamperedError: The key did not sign this.
        UnverifiableError: There is no library here that can check it.
    """
    try:
        # The standard library has no ML-DSA, and the judge must start without anything else.
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
    except ImportError as error:
        raise UnverifiableError("ML-DSA-44 signature was not checked", hint=_MLDSA_HINT) from error
    try:
        MLDSA44PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except InvalidSignature as error:
        raise TamperedError("ML-DSA-44 signature does not verify") from error
    except UnsupportedAlgorithm as error:
        raise UnverifiableError("ML-DSA-44 signature was not checked", hint=_MLDSA_HINT) from error


_MLDSA_HINT: Final = "install the Python package cryptography, 48 or newer, to check ML-DSA-44"
