"""A receipt: what the server says of one event, believed only as far as it can be checked against what was sent.

    the entry's bytes are one entry; its leaf hash is the one that is named; its attributes are the event's, character for
    character; and with the salt the data that were sent open its commitment

That the entry is *in* the log is another matter: `Client.prove` asks for that.
"""

from __future__ import annotations

import json
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.event import Event
from proofs import b64strict, jsonspan, limits
from proofs.digest import SALT_BYTES, commitment, leaf_hash
from proofs.entry import Entry, parse_entry, print_attributes
from proofs.errors import MalformedError, RefusedError, TamperedError

_MAX_FINDINGS: Final = 64
_FINDING_CHARACTERS: Final = 128


@dataclass(frozen=True, slots=True)
class Receipt:
    """What whoever sent an event keeps.

    Attributes:
        seq: The entry's position in the log.
        leaf: Its leaf hash, 32 bytes.
        entry: Its bytes.
        salt: Opens its commitment to the body; None where the body was destroyed since.
        is_replay: The event was in the log before.
        findings: Codes of what the server found odd about the event.
    """

    seq: int
    leaf: bytes
    entry: bytes
    salt: bytes | None = field(repr=False)
    is_replay: bool = False
    findings: tuple[str, ...] = ()

    def print(self) -> bytes:
        """Return the receipt as the outbox keeps it: JSON with the members of the server's answer."""
        return json.dumps(
            {
                "seq": self.seq,
                "leaf": self.leaf.hex(),
                "entry": self.entry.decode(),
                "salt": None if self.salt is None else b64strict.encode(self.salt),
                "replay": self.is_replay,
                "findings": list(self.findings),
            }
        ).encode()

    @classmethod
    def read(cls, members: Mapping[str, Any]) -> Receipt:
        """Return the receipt that an answer states; unknown members are passed over.

        Raises:
            MalformedError: It is not one.
        """
        try:
            seq, entry, salt = members["seq"], members["entry"].encode(), members.get("salt")
            found, replay = members.get("findings", []), members.get("replay", False)
            if type(seq) is not int or not 0 <= seq <= limits.MAX_INTEGER or type(replay) is not bool:
                raise ValueError
            if not isinstance(found, list) or len(entry) > limits.ENTRY_BYTES:
                raise ValueError
            return cls(
                seq,
                bytes.fromhex(members["leaf"]),
                entry,
                None if salt is None else b64strict.decode(salt, "salt"),
                replay,
                tuple(str(each)[:_FINDING_CHARACTERS] for each in found[:_MAX_FINDINGS]),
            )
        except (AttributeError, KeyError, TypeError, ValueError, Base64Error) as error:
            raise MalformedError("the receipt is not written as the format says") from error


def check_receipt(receipt: Receipt, event: Event) -> None:
    """Hold a receipt to the event that was sent.

    Args:
        event: With all that was sent: data and parts as emitted.

    Raises:
        MalformedError: Its entry is none.
        TamperedError: It speaks of another event, or contradicts itself.
    """
    entry = parse_entry(receipt.entry)
    if entry.seq != receipt.seq or leaf_hash(receipt.entry) != receipt.leaf:
        raise TamperedError(f"the receipt says entry {receipt.seq}, and its entry or leaf is another")
    if _without_trace(entry) != _without_trace(event):
        raise TamperedError(f"entry {receipt.seq} of the receipt is another event")
    pointers = [pointer for pointer, _ in entry.parts]
    if receipt.salt is None:
        if not receipt.is_replay:
            raise TamperedError(f"the receipt of entry {receipt.seq} has no salt, and the event is new")
        return
    if len(receipt.salt) != SALT_BYTES:
        raise TamperedError(f"the salt of the receipt has {len(receipt.salt)} bytes, expected {SALT_BYTES}")
    if commitment("body", receipt.salt, _stored(event, pointers)) != entry.body:
        raise TamperedError(f"entry {receipt.seq} of the receipt commits to other data than were sent")


def _stored(event: Event, pointers: list[str]) -> bytes:
    """What the ledger keeps of the data as the body, when it takes out the parts that its entry names."""
    if not pointers and not event.parts:
        return event.data
    try:
        wanted = {*pointers, *event.parts}
        spans = jsonspan.spans(event.data, wanted)
        missing = set(spans) - set(pointers)
        if missing:
            raise TamperedError(f"the part {min(missing)!r} was sent, and the receipt's entry does not seal it")
        return jsonspan.cut(event.data, spans)
    except (MalformedError, RefusedError, ValueError) as error:
        raise TamperedError("the receipt's entry names parts that the data do not have") from error


def _without_trace(named: Entry | Event) -> str:
    """The attributes as printed, `traceparent` aside, which may differ between two deliveries of one event (I4)."""
    if named.traceparent is None:
        return print_attributes(named)
    return print_attributes(_Traceless(named))


class _Traceless:
    """An event or entry as if it had no traceparent."""

    traceparent = None

    def __init__(self, named: Entry | Event) -> None:
        self._named = named

    def __getattr__(self, name: str) -> Any:
        return getattr(self._named, name)
