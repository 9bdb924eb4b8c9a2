"""The log's own keys, as its entries tell: which were added, which retired, and which are current at a size.

The first log key stands in entry 0, every other key in a key-added entry, its end in a key-retired entry. What is read
here are bodies, which prove nothing until they are held against their entries.

Source: docs/formats/checkpoint.md; docs/formats/events.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from proofs import jsonstrict
from proofs.digest import sha256
from proofs.disclosure import Body
from proofs.errors import MalformedError, TamperedError
from proofs.limits import BODY_BYTES
from proofs.record import Record, place, record
from proofs.vkey import KeyType, VerifierKey, vkey_for

Purpose: TypeAlias = Literal["log", "evidence"]

CREATED: Final = "tallystick.ledger.created.v1"
KEY_ADDED: Final = "tallystick.ledger.key-added.v1"
KEY_RETIRED: Final = "tallystick.ledger.key-retired.v1"
KEY_STREAMS: Final = (f"type:{KEY_ADDED}", f"type:{KEY_RETIRED}")
# DER of SubjectPublicKeyInfo for Ed25519 up to the 32 bytes of the key. Source: RFC 8410 section 4.
ORIGIN: Final = re.compile(r"[A-Za-z0-9._/-]{1,200}\Z")
SPKI_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the log.

    Attributes:
        id: Hex SHA-256 of its DER SubjectPublicKeyInfo.
        purpose: "log" signs checkpoints only, "evidence" signs bundles only.
        public_key: 32 bytes of Ed25519.
        added: Seq of the entry that added it; 0 for the first log key.
        retired: Seq of the entry that retired it; None while it is in use.
        compromised: It was retired because somebody else may have it.
    """

    id: str
    purpose: Purpose
    public_key: bytes
    added: int
    retired: int | None = None
    compromised: bool = False

    def is_current(self, size: int) -> bool:
        """True when the key was added and not retired before the tree had `size` entries."""
        return self.added < size and not (self.retired is not None and self.retired < size)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every key of a log, in the order in which they were added.

    Attributes:
        origin: The log's.
        keys: Ascending in `added`.
    """

    origin: str
    keys: tuple[Key, ...]

    def of(self, purpose: Purpose) -> tuple[Key, ...]:
        """Return the keys of one purpose, in the order in which they were added."""
        return tuple(key for key in self.keys if key.purpose == purpose)

    def current(self, purpose: Purpose, size: int) -> Key | None:
        """Return the key that was added last and not retired within the first `size` entries; None if there is none."""
        return next((key for key in reversed(self.of(purpose)) if key.is_current(size)), None)

    def vkey(self, key: Key) -> VerifierKey:
        """Return a log key as notes know it."""
        return _vkey(self.origin, key.public_key)


def spki_id(public_key: bytes) -> str:
    """Return the id of an Ed25519 key: hex SHA-256 of its DER SubjectPublicKeyInfo.

    Args:
        public_key: 32 bytes.
    """
    return sha256(SPKI_PREFIX + public_key).hex()


def read_ring(origin: str, created: Body, added: Sequence[Body], retired: Sequence[Body]) -> KeyRing:
    """Return the keys that the bodies of entry 0 and of the key entries tell.

    Args:
        origin: The log's, from its checkpoint.
        created: Disclosed body of entry 0.
        added: Disclosed bodies of the key-added entries, ascending in seq.
        retired: Disclosed bodies of the key-retired entries, likewise.

    Raises:
        MalformedError: A body is not what docs/formats/events.md says.
        TamperedError: They contradict one another: a key added twice, retired twice or before it was there.
    """
    with place(created.where):
        keys: dict[str, Key] = {}
        first = _first_key(origin, created)
        keys[first.id] = first
    for body in added:
        with place(body.where):
            key = _added(origin, body)
            if key.id in keys:
                raise TamperedError(f"key {key.id} is added again by entry {body.seq}")
            keys[key.id] = key
    for body in retired:
        with place(body.where):
            _retire(keys, body)
    # Entry 0 is the first, whatever seqs the others claim.
    return KeyRing(origin, tuple(sorted(keys.values(), key=lambda key: key.added)))


def read_created(body: Body) -> tuple[str, str]:
    """Return the origin and the first log key's verifier key that the body of entry 0 tells.

    Raises:
        MalformedError: It is not what docs/formats/events.md says, or of a version that this verifier does not know.
    """
    created = _event(body, "format hash log_key origin", "predecessor")
    created.constant("format", 1)
    created.constant("hash", "sha256")
    if "predecessor" in created:
        predecessor = created.record("predecessor", "origin root size")
        if not ORIGIN.match(predecessor.text("origin")):
            raise MalformedError("origin of the predecessor is not 1 to 200 bytes of [A-Za-z0-9._/-]")
        predecessor.digest("root")
        predecessor.integer("size")
    return created.text("origin"), created.text("log_key")


def _first_key(origin: str, body: Body) -> Key:
    named, vkey = read_created(body)
    if named != origin:
        raise TamperedError(f"entry 0 is of the log {named!r}, the checkpoint of {origin!r}")
    public_key = VerifierKey.parse(vkey).public_key
    if vkey != _vkey(origin, public_key).to_text():
        raise MalformedError(f"log_key is not an Ed25519 verifier key of {origin!r}")
    return Key(spki_id(public_key), "log", public_key, added=0)


def _added(origin: str, body: Body) -> Key:
    event = _event(body, "id purpose spki", "vkey")
    purpose: Purpose = "log" if event.choice("purpose", ("log", "evidence")) == "log" else "evidence"
    spki = event.base64("spki")
    if len(spki) != len(SPKI_PREFIX) + 32 or not spki.startswith(SPKI_PREFIX):
        raise MalformedError("spki is not the DER SubjectPublicKeyInfo of an Ed25519 key")
    public_key = spki[len(SPKI_PREFIX) :]
    if event.digest("id").hex() != spki_id(public_key):
        raise MalformedError(f"id is not the hash of spki, {spki_id(public_key)}")
    if ("vkey" in event) != (purpose == "log"):
        raise MalformedError(f"a key for {purpose} has {'a' if 'vkey' in event else 'no'} vkey")
    if "vkey" in event and event.text("vkey") != _vkey(origin, public_key).to_text():
        raise MalformedError("vkey is not that of the origin and of spki")
    return Key(spki_id(public_key), purpose, public_key, added=body.seq)


def _retire(keys: dict[str, Key], body: Body) -> None:
    event = _event(body, "id purpose reason")
    id_ = event.digest("id").hex()
    purpose = event.choice("purpose", ("log", "evidence"))
    reason = event.choice("reason", ("rotated", "compromised"))
    key = keys.get(id_)
    if key is None or key.added >= body.seq or key.purpose != purpose or key.retired is not None:
        raise TamperedError(f"entry {body.seq} retires the {purpose} key {id_}, which is not in use there")
    keys[id_] = replace(key, retired=body.seq, compromised=reason == "compromised")


def _event(body: Body, required: str, optional: str = "") -> Record:
    return record(jsonstrict.parse_canonical(body.data, limit_bytes=BODY_BYTES), required, optional)


def _vkey(origin: str, public_key: bytes) -> VerifierKey:
    return vkey_for(origin, public_key, KeyType.ED25519)
