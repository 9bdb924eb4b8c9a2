"""The log's keys as the log itself tells them: entry 0, then `key-added` and `key-retired`.

Source: docs/formats/checkpoint.md, docs/formats/events.md.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Any, Final

from ledger.event import Event
from ledger.record import Record
from ledger.signer import Purpose, key_id, spki
from proofs import jsonstrict
from proofs.disclosure import Body
from proofs.errors import MalformedError, MissingError
from proofs.keys import CREATED, KEY_ADDED, KEY_RETIRED, Key, read_ring
from proofs.vkey import KeyType, VerifierKey, vkey_for

__all__ = [
    "CREATED",
    "KEY_ADDED",
    "KEY_RETIRED",
    "Key",
    "added_event",
    "created_event",
    "current",
    "log_vkey",
    "read_keys",
    "retired_event",
]

_TYPES: Final = (CREATED, KEY_ADDED, KEY_RETIRED)


def log_vkey(origin: str, public_key: bytes) -> VerifierKey:
    """Return the verifier key of a log key: it bears the origin's name."""
    return vkey_for(origin, public_key, KeyType.ED25519)


def read_keys(records: Iterable[Record], *, origin: str) -> list[Key]:
    """Return all keys in the order in which they were added.

    Args:
        records: Entry 0 and the complete key streams with their bodies, in log order.

    Raises:
        MissingError: A body is not in the store.
        MalformedError, TamperedError: A body is not what docs/formats/events.md says, or contradicts another.
    """
    bodies: dict[str, list[Body]] = {type: [] for type in _TYPES}
    for record in records:
        if record.body is None:
            raise MissingError(f"the body of entry {record.seq}, which is never destroyed, is not in the store")
        body = Body(record.seq, "disclosed", b"", record.body, f"entry {record.seq}")
        bodies.get(record.type, []).append(body)
    if not bodies[CREATED]:
        raise MalformedError(f"entry 0 is not of type {CREATED!r}")
    return list(read_ring(origin, bodies[CREATED][0], bodies[KEY_ADDED], bodies[KEY_RETIRED]).keys)


def current(keys: Iterable[Key], purpose: Purpose, *, size: int) -> Key:
    """Return the key of `purpose` that is in use in a tree of `size`.

    Raises:
        MissingError: There is none.
    """
    alive = [key for key in keys if key.purpose == purpose and key.is_current(size)]
    if not alive:
        raise MissingError(f"no {purpose} key is in use at size {size}")
    return max(alive, key=lambda key: key.added)


def created_event(origin: str, public_key: bytes, *, predecessor: tuple[str, int, bytes] | None = None) -> Event:
    """Return entry 0 (I3).

    Args:
        public_key: The first log key, 32 bytes.
        predecessor: (origin, size, root) of the log that this one continues.
    """
    body: dict[str, Any] = {
        "format": 1,
        "hash": "sha256",
        "log_key": log_vkey(origin, public_key).to_text(),
        "origin": origin,
    }
    if predecessor is not None:
        before, size, root = predecessor
        body["predecessor"] = {"origin": before, "root": root.hex(), "size": size}
    return Event(type=CREATED, source=origin, data=jsonstrict.dumps(body))


def added_event(origin: str, purpose: Purpose, public_key: bytes) -> Event:
    """Return the event that brings a key into use."""
    body = {"id": key_id(public_key), "purpose": purpose, "spki": b64encode(spki(public_key)).decode()}
    if purpose == "log":
        body["vkey"] = log_vkey(origin, public_key).to_text()
    return Event(type=KEY_ADDED, source=origin, data=jsonstrict.dumps(body))


def retired_event(origin: str, key: Key, *, reason: str) -> Event:
    """Return the event that ends a key; `reason` is "rotated" or "compromised"."""
    body = {"id": key.id, "purpose": key.purpose, "reason": reason}
    return Event(type=KEY_RETIRED, source=origin, data=jsonstrict.dumps(body))
