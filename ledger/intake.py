"""From an event as received to what an entry will say of it: checked, parts sealed, body committed to, filed in streams.

Everything here happens before the writer's lock is taken and writes nothing to the log.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ledger.clock import Clock, uuid7
from ledger.document import read_document
from ledger.event import Event
from ledger.filing import streams_of
from ledger.recognition import SECRET, content_hash
from proofs import jsonspan, limits
from proofs.digest import commitment
from proofs.entry import LEDGER_PREFIX, print_attributes
from proofs.errors import MalformedError, RefusedError
from proofs.statement import is_asked_at, reads
from proofs.streams import CONTINUED, OPENLINEAGE_TYPES, entry_groups, filed_document

SALT_BYTES: Final = 32
# Which pointers of a type are personal, by the ledger's own policy; a producer may name more.
DELETION_REQUESTED: Final = "tallystick.deletion.requested.v1"
PART_POLICY: Final[Mapping[str, tuple[str, ...]]] = {DELETION_REQUESTED: ("/subject",)}
# What the ledger says of itself: nobody else may say that a person was erased, or that an event conflicted (I9).
_OWN_AREAS: Final = (LEDGER_PREFIX, "tallystick.subject.", "tallystick.intake.", "tallystick.access.")
_POSITION_BYTES: Final = len('"":9007199254740991,')
_PART_BYTES: Final = len('["",""],') + 64
_FRAME_BYTES: Final = 320  # seq, prev, at, body, and the names of the members


class Sealer(Protocol):
    """What intake needs of a vault."""

    def secret(self, name: str) -> bytes:
        """Return 32 bytes that key the hashes of this name."""

    def seal(self, parts: list[tuple[bytes, bytes]], *, person: str | None) -> list[bytes]:
        """Return each (commitment, salt || bytes) sealed."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one event becomes, but for what only the writer knows: seq, prev, at and the positions.

    Attributes:
        attributes: The members from `id` to `ext` as an entry prints them.
        groups: Streams of the event's entry, then of each continuation (docs/formats/streams.md).
        content: Keyed hash by which the same event is known again; None without a vault.
        retry: The same for an event that came without an id.
        parts: (pointer, commitment, sealed), sorted by pointer.
    """

    id: str
    source: str
    attributes: str
    groups: list[list[str]]
    salt: bytes
    body: bytes
    commitment: bytes
    parts: tuple[tuple[str, bytes, bytes], ...]
    content: bytes | None
    retry: bytes | None

    @property
    def largest_entry(self) -> int:
        """Bytes of the event's entry if its seq, and its position in every stream, were the largest that there can be."""
        names = sum(len(name.encode()) for name in self.groups[0]) + _POSITION_BYTES * len(self.groups[0])
        parts = sum(_PART_BYTES + 2 * len(pointer.encode()) for pointer, _, _ in self.parts)
        return _FRAME_BYTES + len(self.attributes.encode()) + names + parts


class Intake:
    """Prepares events for one ledger.

    Attributes:
        origin: Its name.
    """

    def __init__(self, *, origin: str, clock: Clock, vault: Sealer | None) -> None:
        self.origin = origin
        self._clock = clock
        self._vault = vault
        self._hash_key = None if vault is None else vault.secret(SECRET)

    def prepare(self, event: Event, *, by_ledger: bool = False) -> Prepared:
        """Return what `event` becomes.

        Args:
            by_ledger: The ledger itself speaks, and may use its own types and attributes.

        Raises:
            RefusedError: The event may not enter the log; nothing was written.
        """
        if not by_ledger:
            self._refuse_impostor(event)
        elif event.type.startswith(LEDGER_PREFIX) and event.source != self.origin:
            raise ValueError(f"the ledger speaks as {self.origin!r}, not as {event.source!r}")
        body = _bounded(event.data)
        names = streams_of(event)
        pointers = _pointers(event)
        parts: tuple[tuple[str, bytes, bytes], ...] = ()
        if pointers:
            body, parts = self._seal_parts(event, pointers)
            names = filed_document(event.type, event.source, read_document(body)) if parts else names
        salt = os.urandom(SALT_BYTES)
        return self._prepared(event, body, salt, parts, names)

    def _prepared(
        self, event: Event, body: bytes, salt: bytes, parts: tuple[tuple[str, bytes, bytes], ...], names: list[str]
    ) -> Prepared:
        printed = attributes = print_attributes(event)
        if event.traceparent is not None:
            printed = print_attributes(event.model_copy(update={"traceparent": None}))
        content = self._keyed(printed, event.data)
        id = event.id
        if id is None:
            id = uuid7(self._clock())
            attributes = f'"id":"{id}",{attributes}'
        groups = [names] if len(names) <= limits.MAX_STREAMS else entry_groups(names, event.type, event.source)
        return Prepared(
            id=id,
            source=event.source,
            attributes=attributes,
            groups=groups,
            salt=salt,
            body=body,
            commitment=commitment("body", salt, body),
            parts=parts,
            content=content if event.id is not None else None,
            retry=content if event.id is None else None,
        )

    def _keyed(self, printed: str, data: bytes) -> bytes | None:
        """Hash of what makes two events the same: attributes as printed but traceparent, and received data (I4)."""
        if self._hash_key is None:
            return None
        return content_hash(self._hash_key, printed.encode(), data)

    def _refuse_impostor(self, event: Event) -> None:
        if event.type.startswith(_OWN_AREAS):
            raise RefusedError(f"type {event.type!r} is written by the ledger alone")
        if event.source == self.origin:
            raise RefusedError(f"source {event.source!r} is the ledger itself")
        if any(name.startswith("tally") for name in event.ext):
            raise RefusedError("extension names that begin with 'tally' are the ledger's own")

    def _seal_parts(self, event: Event, pointers: set[str]) -> tuple[bytes, tuple[tuple[str, bytes, bytes], ...]]:
        if not event.is_json:
            raise RefusedError("parts are named in data that do not claim to be JSON")
        spans, body = _cut(event, pointers)
        if len(spans) > limits.MAX_PARTS:
            raise RefusedError(f"the event has {len(spans)} parts, at most {limits.MAX_PARTS} are allowed")
        if not spans:
            return body, ()
        _bounded(body)  # `null` is longer than a digit
        if self._vault is None:
            raise RefusedError("personal parts need a vault", hint="open the ledger with its keyring")
        plain, commitments = [], []
        for pointer in sorted(spans):
            start, stop = spans[pointer]
            salt = os.urandom(SALT_BYTES)
            commitments.append(commitment("part", salt, event.data[start:stop]))
            plain.append((commitments[-1], salt + event.data[start:stop]))
        sealed = self._vault.seal(plain, person=event.person)
        return body, tuple(zip(sorted(spans), commitments, sealed, strict=True))


def documents_of(event: Event) -> list[Any]:
    """Return what the data of an event say, as received and, where parts are cut out of them, as stored; [None] for no JSON.

    Raises:
        RefusedError: They are not acceptable, or the parts cannot be found in them.
    """
    if not event.data or not event.is_json:
        return [None]
    said = [read_document(event.data)]
    if pointers := _pointers(event):
        said.append(read_document(_cut(event, pointers)[1]))
    return said


def _pointers(event: Event) -> set[str]:
    is_read = reads if event.type in OPENLINEAGE_TYPES else is_asked_at if event.type == DELETION_REQUESTED else None
    for pointer in event.parts:
        if is_read is not None and is_read(pointer):
            raise RefusedError(
                f"part {pointer[:120]!r} of a {event.type} holds what a closure is computed from, which is never sealed",
                hint="seal what lies in other members, such as another facet",
            )
    return {*PART_POLICY.get(event.type, ()), *event.parts}


def _cut(event: Event, pointers: set[str]) -> tuple[dict[str, tuple[int, int]], bytes]:
    try:
        spans = jsonspan.spans(event.data, pointers)
        return spans, jsonspan.cut(event.data, spans)
    except MalformedError as error:
        raise RefusedError(f"the parts of the event cannot be found: {error.what}") from error


def _bounded(data: bytes) -> bytes:
    if len(data) > limits.BODY_BYTES:
        raise RefusedError(f"the data have {len(data)} bytes, at most {limits.BODY_BYTES} are allowed")
    return data


def continuation(*, origin: str, seq: int, number: int, group: list[str]) -> Prepared:
    """Return the `number`-th further entry of the event at `seq`, which files that event in `group` too."""
    event = Event(type=CONTINUED, source=origin, id=f"{seq}-{number}", ext={"tallyof": str(seq)})
    salt = os.urandom(SALT_BYTES)
    names = filed_document(CONTINUED, origin, None)
    return Prepared(
        id=f"{seq}-{number}",
        source=origin,
        attributes=print_attributes(event),
        groups=[sorted([*names, *group])],
        salt=salt,
        body=b"",
        commitment=commitment("body", salt, b""),
        parts=(),
        content=None,
        retry=None,
    )
