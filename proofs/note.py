"""The signed note: text that one or more keys signed, readable as it stands.

    text, ending in a newline
    (one blank line)
    — name base64(key id[4] || signature)
    — …

What is signed is the text with its last newline and without the blank line. The text may hold blank lines itself: the
last one of the note divides. Nothing is stripped, folded or normalised, so that a note has one spelling.

Source: C2SP signed-note v1.0.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from proofs import b64strict, cosignature, ed25519, limits
from proofs.errors import MalformedError, TamperedError, UnverifiableError
from proofs.vkey import KEY_ID_BYTES, KeyType, VerifierKey, check_name, key_id, vkey_for

__all__ = [
    "KeyType",
    "Note",
    "Signature",
    "VerifiedNote",
    "VerifierKey",
    "key_id",
    "signature_line",
    "verify",
    "vkey_for",
]

_FORBIDDEN: Final = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_DASH: Final = "\u2014 "


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line.

    Attributes:
        name: Name of the key that claims to have signed.
        key_id: 4 bytes, first part of what the line carries.
        signature: What follows, at least 1 byte; its form depends on the key's type.

    Raises:
        MalformedError: An attribute is outside its range.
    """

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.key_id) != KEY_ID_BYTES or not self.signature:
            found = len(self.key_id) + len(self.signature)
            raise MalformedError(f"signature of {self.name[:80]!r} has {found} bytes, expected 4 of key id and more")

    @classmethod
    def parse(cls, line: str) -> Self:
        """Accept exactly the lines that `to_text` writes, without their newline.

        Raises:
            MalformedError: The line is anything else.
        """
        dash, name, encoded = line[: len(_DASH)], *line[len(_DASH) :].partition(" ")[::2]
        if dash != _DASH or not name or not encoded:
            raise MalformedError(f"signature line {line[:80]!r} is not a dash, a name and base64")
        raw = b64strict.decode(encoded, f"signature of {name[:80]!r}")
        return cls(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])

    def to_text(self) -> str:
        """Return the line with its newline."""
        return f"{_DASH}{self.name} {b64strict.encode(self.key_id + self.signature)}\n"


def signature_line(name: str, key_id: bytes, signature: bytes) -> str:
    """Return the line, newline included, that adds a signature to the end of a note.

    Args:
        name: The key's name.
        key_id: 4 bytes.
        signature: 64 bytes for type 0x01; timestamp and signature for a cosigner.

    Raises:
        MalformedError: The name cannot stand in a note, or a length is wrong.
    """
    return Signature(name, key_id, signature).to_text()


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the lines below it; nothing is verified yet.

    Attributes:
        text: What was signed, ending in a newline.
        signatures: 1 to 64 lines, in their order.

    Raises:
        MalformedError: The text or the number of lines cannot stand in a note.
    """

    text: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if not self.text.endswith("\n"):
            raise MalformedError("note text does not end in a newline")
        if found := _FORBIDDEN.search(self.text):
            raise MalformedError(f"note text holds the character U+{ord(found.group()):04X}, which no note may hold")
        if not 0 < len(self.signatures) <= limits.NOTE_SIGNATURES:
            raise MalformedError(f"note has {len(self.signatures)} signatures, expected 1 to {limits.NOTE_SIGNATURES}")

    @classmethod
    def parse(cls, note: str | bytes) -> Self:
        """Accept exactly the notes that `to_text` writes.

        Raises:
            MalformedError: The note is anything else, or longer than 1,000,000 bytes.
        """
        note = _decode(note)
        divide = note.rfind("\n\n")
        if divide < 0:
            raise MalformedError("note has no blank line between text and signatures")
        text, below = note[: divide + 1], note[divide + 2 :]
        if not below.endswith("\n"):
            raise MalformedError("note does not end in a signature line and a newline")
        if (count := below.count("\n")) > limits.NOTE_SIGNATURES:
            raise MalformedError(f"note has {count} signatures, at most {limits.NOTE_SIGNATURES} are allowed")
        return cls(text, tuple(Signature.parse(line) for line in below[:-1].split("\n")))

    def to_text(self) -> str:
        """Return the note."""
        return f"{self.text}\n{''.join(line.to_text() for line in self.signatures)}"


def _decode(note: str | bytes) -> str:
    try:
        raw = note.encode() if isinstance(note, str) else bytes(note)
        if len(raw) > limits.NOTE_BYTES:
            raise MalformedError(f"note has {len(raw)} bytes, at most {limits.NOTE_BYTES} are allowed")
        return raw.decode()
    except UnicodeError as error:
        raise MalformedError("note is not UTF-8") from error


@dataclass(frozen=True, slots=True)
class VerifiedNote:
    """A note of which at least one known key is proven to have signed the text.

    Attributes:
        text: What was signed.
        keys: The known keys whose signatures were verified, in the order of the lines; never empty.
        unchecked: Known keys whose signatures nothing here can check (0x02, 0x05, and 0x06 without a library).
        note: The note, with the lines of strangers.
    """

    text: str
    keys: tuple[VerifierKey, ...]
    unchecked: tuple[VerifierKey, ...]
    note: Note


def verify(text: str | bytes | Note, vkeys: Iterable[str | VerifierKey]) -> VerifiedNote:
    """Return the note after verifying every signature of a known key.

    Lines of unknown keys are ignored, also when name or id alone is a known key's.

    Args:
        text: The whole note, signatures included.
        vkeys: The keys that the caller trusts, as verifier keys or their text.

    Raises:
        MalformedError: Note or verifier key is not well formed; one known key has two lines; or two of the
            keys share the name and id that a line bears.
        TamperedError: The signature of a known key does not verify.
        UnverifiableError: No known key signed, or nothing here can check those that did.

    Source: C2SP signed-note v1.0.0, "Signatures".
    """
    note = text if isinstance(text, Note) else Note.parse(text)
    known = _known(vkeys)
    verified: list[VerifierKey] = []
    unchecked: list[VerifierKey] = []
    seen = set()
    for line in note.signatures:
        name_and_id = (line.name, line.key_id)
        candidates = known.get(name_and_id, ())
        if not candidates:
            continue
        key = candidates[0]
        if len(candidates) > 1:
            raise MalformedError(f"{len(candidates)} known keys are called {key.label}")
        if name_and_id in seen:
            raise MalformedError(f"note has two signatures of {key.label}")
        seen.add(name_and_id)
        (verified if _check(key, note.text, line.signature) else unchecked).append(key)
    if not verified:
        if unchecked:
            labels = ", ".join(key.label for key in unchecked)
            raise UnverifiableError(f"nothing here can check the signature of {labels}", hint=_UNCHECKED_HINT)
        raise UnverifiableError(f"none of the {len(known)} known keys signed the note", hint=_UNKNOWN_HINT)
    return VerifiedNote(note.text, tuple(verified), tuple(unchecked), note)


def _known(vkeys: Iterable[str | VerifierKey]) -> dict[tuple[str, bytes], list[VerifierKey]]:
    if isinstance(vkeys, (str, bytes, VerifierKey)):
        raise TypeError("vkeys is one key, expected a sequence of them")
    known: dict[tuple[str, bytes], list[VerifierKey]] = {}
    for vkey in vkeys:
        key = vkey if isinstance(vkey, VerifierKey) else VerifierKey.parse(vkey)
        known.setdefault((key.name, key.key_id), []).append(key)
    return known


def _check(key: VerifierKey, text: str, signature: bytes) -> bool:
    """Return True when `key` signed, False when nothing here can tell."""
    try:
        match key.type:
            case KeyType.ED25519:
                ed25519.verify(key.public_key, text.encode(), signature)
            case KeyType.COSIGNATURE | KeyType.MLDSA_COSIGNATURE:
                cosignature.verify(key, text, signature)
            case _:
                return False
    except UnverifiableError:
        return False
    except TamperedError as error:
        raise TamperedError(f"signature of {key.label} does not verify: {error.what}") from error
    return True


_UNCHECKED_HINT: Final = "Ed25519 can be checked, and ML-DSA-44 with the Python package cryptography, 48 or newer"
_UNKNOWN_HINT: Final = "name the signing key in the trust file"
