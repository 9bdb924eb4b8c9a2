"""The log's keys as the log itself tells them: entry 0, then `key-added` and `key-retired`.

Source: docs/formats/checkpoint.md, docs/formats/events.md.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ledger.event import Event
from ledger.record import Record
from ledger.signer import Purpose, key_id, spki
from proofs import b64strict, jsonstrict
from proofs.errors import MissingError
from proofs.vkey import KeyType, VerifierKey, vkey_for

CREATED: Final = "tallystick.ledger.created.v1"
KEY_ADDED: Final = "tallystick.ledger.key-added.v1"
KEY_RETIRED: Final = "tallystick.ledger.key-retired.v1"
_EVENT_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Key:
    """One key's life.

    Attributes:
        id: Hex SHA-256 of its SubjectPublicKeyInfo.
        public_key: 32 bytes.
        added: Seq of the entry that says so.
        retired: Seq of the entry that ends it; None while it is in use.
    """

    id: str
    purpose: Purpose
    public_key: bytes
    added: int
    retired: int | None = None


def log_vkey(origin: str, public_key: bytes) -> VerifierKey:
    """Return the verifier key of a log key: it bears the origin's name."""
    return vkey_for(origin, public_key, KeyType.ED25519)


def read_keys(records: Iterable[Record]) -> list[Key]:
    """Return all keys in the order in which they were added.

    Args:
        records: Entry 0 and the complete key streams with their bodies, in log order.
    """
    keys: dict[str, Key] = {}
    for record in records:
        body = _body(record)
        if record.type == CREATED:
            public_key = VerifierKey.parse(body["log_key"]).public_key
            key = Key(key_id(public_key), "log", public_key, record.seq)
            keys[key.id] = key
        elif record.type == KEY_ADDED:
            public_key = b64strict.decode(body["spki"], "spki")[-32:]
            keys[body["id"]] = Key(body["id"], body["purpose"], public_key, record.seq)
        elif record.type == KEY_RETIRED:
            old = keys[body["id"]]
            keys[old.id] = Key(old.id, old.purpose, old.public_key, old.added, record.seq)
    return list(keys.values())


def _body(record: Record) -> Any:
    if record.body is None:
        raise MissingError(f"the body of entry {record.seq}, which is never destroyed, is not in the store")
    return jsonstrict.loads(record.body, limit_bytes=_EVENT_BYTES)


def current(keys: Iterable[Key], purpose: Purpose, *, size: int) -> Key:
    """Return the key of `purpose` that is in use in a tree of `size`.

    Raises:
        MissingError: There is none.
    """
    alive = [
        key
        for key in keys
        if key.purpose == purpose and key.added < size and (key.retired is None or key.retired >= size)
    ]
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
