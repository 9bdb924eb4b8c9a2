"""Opening what is personal: the log says who reads, and why, before the value leaves the ledger.

A value is opened and held against its commitment first, so that the log speaks of no reading that could not happen; then
`record-read` is durable; then the value is returned. A crash in between leaves a reading that nobody got.

Source: docs/formats/events.md, `record-read`; docs/formats/bodies.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.clock import uuid7
from ledger.event import Event
from ledger.log import Ledger
from ledger.record import Record
from proofs import jsonspan, jsonstrict
from proofs.digest import SALT_BYTES, commitment
from proofs.entry import check_text
from proofs.errors import MissingError, RefusedError, TamperedError

RECORD_READ: Final = "tallystick.ledger.record-read.v1"
_WORD_BYTES: Final = 512


def open_part(log: Ledger, seq: int, pointer: str, *, reader: str, purpose: str) -> bytes:
    """Return the exact bytes of the JSON value that entry `seq` received at `pointer`.

    Args:
        pointer: RFC 6901, as the entry lists it.
        reader: Pseudonym of whoever gets to see it.
        purpose: What it is read for; it stands in the log for ever, so nothing personal belongs into it.

    Raises:
        MissingError: There is no such part, it was destroyed, or the vault is not at hand; nothing was recorded.
        TamperedError: The part is not the one that was committed to; nothing was recorded.
        RefusedError: Reader or purpose is empty, too long or no text.
    """
    _check_words(reader, purpose)
    opened = _open(log, log.entry(seq), pointer)
    _record(log, seq, [pointer], reader=reader, purpose=purpose)
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
    parts: Mapping[str, bytes] = {pointer: _open(log, record, pointer) for pointer, _ in record.entry.parts}
    if not parts:
        return body.data
    received = jsonspan.restore(body.data, parts)
    _record(log, seq, sorted(parts), reader=reader, purpose=purpose)
    return received


def _open(log: Ledger, record: Record, pointer: str) -> bytes:
    digest = dict(record.entry.parts).get(pointer)
    if digest is None:
        raise MissingError(f"entry {record.seq} has no part {pointer[:64]!r}")
    if log.vault is None:
        raise MissingError("personal parts cannot be opened without the vault", hint="open the ledger with its keyring")
    row = next((row for row in log.store.parts.among([record.seq]) if row.pointer == pointer), None)
    if row is None:
        raise MissingError(f"part {pointer!r} of entry {record.seq} was destroyed")
    plain = log.vault.open(digest, row.sealed)
    salt, value = plain[:SALT_BYTES], plain[SALT_BYTES:]
    if row.commitment != digest or commitment("part", salt, value) != digest:
        raise TamperedError("the part is not the one that the entry commits to", where=f"entry {record.seq} {pointer}")
    return value


def _record(log: Ledger, seq: int, pointers: list[str], *, reader: str, purpose: str) -> None:
    body = jsonstrict.dumps({"pointers": pointers, "purpose": purpose, "reader": reader, "seq": seq})
    # An id of its own: the same reading a second time is a second reading, and no retry of the first.
    log.record([Event(type=RECORD_READ, source=log.origin, id=uuid7(log.clock()), data=body)])


def _check_words(reader: str, purpose: str) -> None:
    try:
        check_text(reader, limit_bytes=_WORD_BYTES, name="reader")
        check_text(purpose, limit_bytes=_WORD_BYTES, name="purpose")
    except ValueError as error:
        raise RefusedError(str(error)) from error
