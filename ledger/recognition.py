"""By what an event is known again (I4): a keyed hash of what was received, made at intake and made again by whoever checks.

    hash = BLAKE2b-256(key = the vault's secret "retry", header members as printed || 0x00 || data)

Of the members `traceparent` is left aside, and the id of an event that came without one. The data are those received, with all
parts in their places: so the hash could tell a short personal value to whoever has the key, and is erased with the parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from proofs import jsonspan
from proofs.entry import Entry, print_attributes, quote
from proofs.errors import MalformedError, RefusedError

SECRET: Final = "retry"  # noqa: S105 - the name of one
HASH_BYTES: Final = 32


def content_hash(key: bytes, printed: bytes, data: bytes) -> bytes:
    """Return the hash of an event whose members are printed so, and whose data were received so."""
    return hashlib.blake2b(b"%b\0%b" % (printed, data), key=key, digest_size=HASH_BYTES).digest()


def printed_members(entry: Entry, *, with_id: bool) -> bytes:
    """Return the members of a stored entry as they were printed when its event was received."""
    printed = print_attributes(entry if entry.traceparent is None else replace(entry, traceparent=None))
    return printed.removeprefix("" if with_id else f'"id":{quote(entry.id)},').encode()


def received_data(body: bytes, parts: Mapping[str, bytes]) -> bytes | None:
    """Return the data of a stored body with its `parts` put back; None where they do not fit."""
    if not parts:
        return body
    try:
        return jsonspan.restore(body, parts)
    except (MalformedError, RefusedError):
        return None
