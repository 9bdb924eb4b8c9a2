"""Opening what is personal: the log says who reads, and why, before the value leaves the ledger.

A value is opened and held against its commitment first, so that the log speaks of no reading that could not happen; then
`record-read` is durable; then the value is returned. A crash in between leaves a reading that nobody got.

Source: docs/formats/events.md, `record-read`; docs/formats/bodies.md.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ledger.clock import uuid7
from ledger.event import Event
from ledger.holds import check_token
from ledger.log import Ledger
from ledger.record import Record
from proofs import jsonspan, jsonstrict
from proofs.digest import SALT_BYTES, commitment
from proofs.errors import MissingError, RefusedError, TamperedError

RECORD_READ: Final = "tallystick.ledger.record-read.v1"
_PURPOSE: Final = re.compile(r"[a-z0-9:._-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """A personal value, opened: `value` is the JSON as received, and with `salt` it gives the entry's commitment."""

    salt: bytes
    value: bytes = field(repr=False)


def open_part(log: Ledger, seq: int, pointer: str, *, reader: str, purpose: str) -> bytes:
    """Return the exact bytes of the JSON value that entry `seq` received at `pointer`.

    Args:
        pointer: RFC 6901, as the entry lists it.
        reader: Pseudonym of whoever gets to see it.
        purpose: Code of what it is read for, [a-z0-9:._-]{1,64}: it stands in the log for ever.

    Raises:
        MissingError: There is no such part, it was destroyed, or the vault is not at hand; nothing was recorded.
        TamperedError: The part is not the one that was committed to; nothing was recorded.
        RefusedError: Reader is no pseudonym, or purpose no code.
    """
    return open_parts(log, [(seq, pointer)], reader=reader, purpose=purpose)[seq, pointer].value


def open_parts(
    log: Ledger, chosen: Iterable[tuple[int, str]], *, reader: str, purpose: str
) -> dict[tuple[int, str], Part]:
    """Return parts by (seq, pointer) as `open_part` does, with their salts; one reading is recorded for each entry.

    Raises:
        MissingError, TamperedError, RefusedError: As `open_part`, of any of them; nothing was recorded.
    """
    _check_words(reader, purpose)
    pointers: defaultdict[int, list[str]] = defaultdict(list)
    for seq, pointer in chosen:
        pointers[seq].append(pointer)
    opened = {
        (seq, pointer): _open(log, record, pointer)
        for seq in sorted(pointers)
        for record in [log.entry(seq)]
        for pointer in pointers[seq]
    }
    # Nothing has left yet. From here on the log says that it did, whatever happens next.
    _record(log, pointers, reader=reader, purpose=purpose)
    return opened


def open_body(log: Ledger, seq: int, *, reader: str, purpose: str) -> bytes:
    """Return the data of entry `seq` exactly as received, all parts put back; without parts nothing is recorded.

    Raises:
        MissingError: The body or one of its parts was destroyed, or the vault is not at hand; nothing was recorded.
        TamperedError: The body or a part is not the one that was committed to; nothing was recorded.
        RefusedError: As `open_part`.
    """
    _check_words(reader, purpose)
    record = log.entry(seq)
    body = log.store.bodies([seq]).get(seq)
    if body is None:
        raise MissingError(f"the body of entry {seq} was destroyed")
    if commitment("body", body.salt, body.data) != record.entry.body:
        raise TamperedError("the body is not the one that the entry commits to", where=f"entry {seq}")
    parts = {pointer: _open(log, record, pointer).value for pointer, _ in record.entry.parts}
    if not parts:
        return body.data
    received = jsonspan.restore(body.data, parts)
    _record(log, {seq: list(parts)}, reader=reader, purpose=purpose)
    return received


def _open(log: Ledger, record: Record, pointer: str) -> Part:
    digest = dict(record.entry.parts).get(pointer)
    if digest is None:
        raise MissingError(f"entry {record.seq} has no part {pointer[:64]!r}")
    if log.vault is None:
        raise MissingError("personal parts cannot be opened without the vault", hint="open the ledger with its keyring")
    row = next((row for row in log.store.parts.among([record.seq]) if row.pointer == pointer), None)
    if row is None:
        raise MissingError(f"part {pointer!r} of entry {record.seq} was destroyed")
    plain = log.vault.open(digest, row.sealed)
    part = Part(plain[:SALT_BYTES], plain[SALT_BYTES:])
    if row.commitment != digest or commitment("part", part.salt, part.value) != digest:
        raise TamperedError("the part is not the one that the entry commits to", where=f"entry {record.seq} {pointer}")
    return part


def _record(log: Ledger, pointers: Mapping[int, Sequence[str]], *, reader: str, purpose: str) -> None:
    events = []
    for seq, read in sorted(pointers.items()):
        body = {"pointers": sorted(read), "purpose": purpose, "reader": reader, "seq": seq}
        # An id of its own: the same reading a second time is a second reading, and no retry of the first.
        events.append(Event(type=RECORD_READ, source=log.origin, id=uuid7(log.clock()), data=jsonstrict.dumps(body)))
    log.record(events)


def _check_words(reader: str, purpose: str) -> None:
    check_token(reader, "reader")
    check_purpose(purpose)


def check_purpose(purpose: object) -> None:
    """Accept a code for why somebody reads: it stands in a body that is never deleted, so it is no sentence (I6).

    Raises:
        RefusedError: It is anything else.
    """
    if not isinstance(purpose, str) or not _PURPOSE.match(purpose):
        raise RefusedError("purpose is a code of 1 to 64 of a-z 0-9 : . _ -", hint="such as access-request:7")
