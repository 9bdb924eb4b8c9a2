"""A record: what the outbox says of one event for as long as it must, and what its hash chain commits to.

    {"n":12,"prev":"<64 hex>","id":"…","source":"…","type":"…",…,"sequence":"41",["ext":{…},]"body":"<64 hex>"
     [,"parts":[["/subject","<64 hex>"]]][,"person":"<64 hex>"]}

One line without spaces (broken here), the attributes as an entry prints them, the hash that of an entry (RFC 6962 leaf). As
in the ledger, a record commits to what can be lost: body, personal parts and the person's name are stored beside it under
salts of their own, so that a person is forgotten and the chain still holds.

Source: docs/formats/entry.md for the attributes, docs/formats/outbox.md for the rest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ledger.event import Event
from proofs import jsonspan, limits
from proofs.digest import SALT_BYTES, commitment, leaf_hash
from proofs.entry import FIRST_PREV, print_attributes, quote
from proofs.errors import MalformedError, RefusedError, TamperedError

RECORD_BYTES: Final = limits.ENTRY_BYTES
_ATTRIBUTES: Final = frozenset(
    ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "sequence", "traceparent", "ext")
)
_MEMBERS: Final = _ATTRIBUTES | {"n", "prev", "body", "parts", "person"}


@dataclass(frozen=True, slots=True)
class Secret:
    """Bytes that can be lost, with the salt of the commitment to them."""

    salt: bytes
    data: bytes

    @classmethod
    def fresh(cls, data: bytes) -> Secret:
        """Return `data` under a new salt."""
        return cls(os.urandom(SALT_BYTES), data)


@dataclass(frozen=True, slots=True)
class Content:
    """What a record commits to.

    Attributes:
        body: The event's data, with `null` in the place of each part.
        parts: Pointer → the value that stood there; without those that were forgotten.
        person: Whose values the parts are; None when nobody was named, or when they were forgotten.
    """

    body: Secret
    parts: Mapping[str, Secret]
    person: Secret | None = None

    @classmethod
    def of(cls, event: Event) -> Content:
        """Return what of `event` can be lost, its personal parts taken out of the data.

        Raises:
            RefusedError: The data are longer than 16 MiB, or the parts cannot be found in them.
        """
        if len(event.data) > limits.BODY_BYTES:
            raise RefusedError(f"the data have {len(event.data)} bytes, at most {limits.BODY_BYTES} are allowed")
        person = None if event.person is None else Secret.fresh(event.person.encode())
        if not event.parts:
            return cls(Secret.fresh(event.data), {}, person)
        if not event.is_json:
            raise RefusedError("parts are named in data that do not claim to be JSON")
        try:
            spans = jsonspan.spans(event.data, event.parts)
            body = jsonspan.cut(event.data, spans)
        except MalformedError as error:
            raise RefusedError(f"the parts of the event cannot be found: {error.what}") from error
        if len(spans) > limits.MAX_PARTS:
            raise RefusedError(f"the event has {len(spans)} parts, at most {limits.MAX_PARTS} are allowed")
        parts = {pointer: Secret.fresh(event.data[slice(*spans[pointer])]) for pointer in sorted(spans)}
        return cls(Secret.fresh(body), parts, person)

    @property
    def size_bytes(self) -> int:
        """How many bytes the event brought."""
        return len(self.body.data) + sum(len(part.data) for part in self.parts.values())


@dataclass(frozen=True, slots=True)
class Record:
    """One link of the chain.

    Attributes:
        n: Zero-based position in the outbox; no gaps.
        prev: Hash of the record n−1, 32 bytes; zeros for record 0.
        event: Its attributes; no data, no parts, no person.
        body: Commitment to the body, 32 bytes.
        parts: (pointer, commitment), sorted by pointer.
        person: Commitment to the person's name, or None.
    """

    n: int
    prev: bytes
    event: Event
    body: bytes
    parts: tuple[tuple[str, bytes], ...] = ()
    person: bytes | None = None

    @classmethod
    def link(cls, n: int, prev: bytes, event: Event, content: Content) -> Record:
        """Return the record of `event` behind the record that hashes to `prev`."""
        return cls(
            n,
            prev,
            event.model_copy(update={"data": b"", "parts": (), "person": None}),
            _commit("body", content.body),
            tuple((pointer, _commit("part", part)) for pointer, part in content.parts.items()),
            None if content.person is None else _commit("part", content.person),
        )

    def print(self) -> bytes:
        """Return the record's line.

        Raises:
            RefusedError: It would be longer than 65,535 bytes.
        """
        parts = ",".join(f'[{quote(pointer)},"{digest.hex()}"]' for pointer, digest in self.parts)
        line = (
            f'{{"n":{self.n},"prev":"{self.prev.hex()}",{print_attributes(self.event)}"body":"{self.body.hex()}"'
            + (f',"parts":[{parts}]' if parts else "")
            + (f',"person":"{self.person.hex()}"' if self.person is not None else "")
            + "}"
        ).encode()
        if len(line) > RECORD_BYTES:
            raise RefusedError(f"the event makes a record of {len(line)} bytes, at most {RECORD_BYTES} are allowed")
        return line

    @classmethod
    def parse(cls, line: bytes) -> Record:
        """Return the record that `line` states; accepts exactly what `print` writes.

        Raises:
            MalformedError: It is anything else.
        """
        try:
            if len(line) > RECORD_BYTES:
                raise ValueError(f"it has {len(line)} bytes")
            members = json.loads(line)
            if not isinstance(members, dict) or not members.keys() <= _MEMBERS:
                raise ValueError("it is not an object of the known members")
            record = _record(members)
            if record.print() != line:
                raise ValueError("it is not written as the format says")
        except (KeyError, TypeError, ValueError, RecursionError, RefusedError) as error:
            raise MalformedError("record of the outbox is not well formed") from error
        return record

    def check(self, content: Content) -> None:
        """Hold what is stored beside the record to its commitments; what was forgotten is not there, and is no fault.

        Raises:
            TamperedError: Something is other than what was committed to.
        """
        where = f"record {self.n}"
        if _commit("body", content.body) != self.body:
            raise TamperedError("the body is not the one that the record commits to", where=where)
        digests = dict(self.parts)
        for pointer, part in content.parts.items():
            if digests.get(pointer) != _commit("part", part):
                raise TamperedError(f"the part {pointer!r} is not one that the record commits to", where=where)
        if content.person is not None and _commit("part", content.person) != self.person:
            raise TamperedError("the person is not the one that the record commits to", where=where)

    def restore(self, content: Content) -> Event:
        """Return the event as it was emitted; what was forgotten stays `null`.

        Raises:
            TamperedError: As `check`; or the parts do not fit into the body.
        """
        self.check(content)
        data = content.body.data
        if content.parts:
            try:
                data = jsonspan.restore(data, {pointer: part.data for pointer, part in content.parts.items()})
            except MalformedError as error:
                raise TamperedError("the parts do not fit into the body", where=f"record {self.n}") from error
        person = None if content.person is None else content.person.data.decode()
        return self.event.model_copy(update={"data": data, "parts": tuple(content.parts), "person": person})


def chain_hash(line: bytes) -> bytes:
    """Return the hash by which the next record names the one of `line`, 32 bytes."""
    return leaf_hash(line)


def is_stub(line: bytes) -> bool:
    """Whether a record was pruned to its hash; no record is as short."""
    return len(line) == len(FIRST_PREV)


def stub_of(line: bytes) -> bytes:
    """Return what stays of a record that is through: its hash, to which the next one links."""
    return line if is_stub(line) else chain_hash(line)


def check_chain(start: int, anchor: bytes, lines: Mapping[int, bytes], size: int, head: bytes) -> None:
    """Hold records `start` ≤ n < `size` to each other and to both ends.

    Args:
        anchor: Hash of the record before the first; zeros when that is record 0.
        lines: The records; of those that were pruned in a row, the last one alone as its hash, 32 bytes.
        head: Hash of the last one.

    Raises:
        TamperedError: A record is missing, too many, or other than the chain says; `where` names it.
        MalformedError: A record is not well formed.
    """
    prev = anchor if start else FIRST_PREV
    if prev != anchor:
        raise TamperedError("the chain does not begin with its first record", where="record 0")
    gap = None
    for n in range(start, size):
        line = lines.get(n)
        if line is None:
            gap = n if gap is None else gap
            continue
        if not is_stub(line):
            if gap is not None:
                break
            record = Record.parse(line)
            if (record.n, record.prev) != (n, prev):
                raise TamperedError("the record does not follow the one before it", where=f"record {n}")
        gap, prev = None, stub_of(line)
    if gap is not None:
        raise TamperedError(f"the record is missing, and the outbox holds {start} to {size - 1}", where=f"record {gap}")
    if prev != head:
        raise TamperedError("the last record is not the one that was written last", where=f"record {size - 1}")
    if strangers := [n for n in lines if not start <= n < size]:
        raise TamperedError(
            f"the record does not belong here: the outbox holds {start} to {size - 1}", where=f"record {strangers[0]}"
        )


def _commit(kind: str, secret: Secret) -> bytes:
    return commitment("body" if kind == "body" else "part", secret.salt, secret.data)


def _record(members: Mapping[str, Any]) -> Record:
    attributes = {name: value for name, value in members.items() if name in _ATTRIBUTES}
    n, person = members["n"], members.get("person")
    if type(n) is not int or not 0 <= n <= limits.MAX_INTEGER:
        raise ValueError("n is no position")
    if not members.get("parts", True):
        raise ValueError("an absent list is not written")
    event = Event(**attributes)
    if event.id is None or event.sequence is None:
        raise ValueError("an event of the outbox has an id and a sequence")
    return Record(
        n,
        _digest(members["prev"]),
        event,
        _digest(members["body"]),
        tuple((str(pointer), _digest(digest)) for pointer, digest in members.get("parts", ())),
        None if person is None else _digest(person),
    )


def _digest(text: str) -> bytes:
    digest = bytes.fromhex(text)
    if len(digest) != 32:
        raise ValueError("a hash has 32 bytes")
    return digest
