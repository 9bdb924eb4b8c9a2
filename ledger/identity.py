"""Whether each entry is known again by exactly one row (I4), without holding the rows or the entries in memory.

Both are walked in their own order and summed as keyed hashes; only where the sums differ are rows looked up one by one, to
name those that are wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from ledger.finding import Findings
from ledger.store import Store

SUM_MASK: Final = (1 << 64) - 1
_PAGE: Final = 2_000
_Identity = tuple[str, str]


def identity_hash(salt: str, seq: int, id: str, source: str) -> int:
    """Return a keyed hash of what one identity row says, 64 bits.

    Python's own hash of text is SipHash under a key that it draws at its start; `salt` keys it where that was switched off.
    Sums of such hashes are equal when the rows are the same in any order, and otherwise with a chance of 1 in 2^64.
    """
    return hash(f"{salt}{seq}\0{id}\0{source}")


def check_identities(store: Store, size: int, expected: int, findings: Findings, *, salt: str) -> None:
    """Report entries without their row, and rows without their entry.

    Args:
        expected: Sum of `identity_hash` over the entries, modulo 2^64.
    """
    found = count = 0
    for id, source, seq in store.audit.identities():
        found += identity_hash(salt, seq, id, source)
        count += 1
        if not count % _PAGE:
            found &= SUM_MASK
    if found & SUM_MASK != expected or count != size:
        _name_entries(store, size, findings)
        _name_rows(store, findings)
    for seq in store.audit.retries():
        if not 0 <= seq < size:
            findings.add(
                "identity", f"retry of entry {seq}", f"there is a retry hash, and the log holds {size} entries"
            )


def _name_entries(store: Store, size: int, findings: Findings) -> None:
    for start in range(0, size, _PAGE):
        for seq, identity in _identities(store, start, min(start + _PAGE, size)):
            row = store.identities.find(*identity)
            if row is None:
                findings.add("identity", f"entry {seq}", "it has no identity row, so that it could be recorded twice")
            elif row[0] != seq:
                what = f"its id and source are known as entry {row[0]}"
                findings.add("identity", f"entry {seq}", what)


def _name_rows(store: Store, findings: Findings) -> None:
    for id, source, seq in store.audit.identities():
        known = dict(_identities(store, seq, seq + 1)) if seq >= 0 else {}
        if known.get(seq) != (id, source):
            findings.add(
                "identity", f"identity {id} of {source}", f"it is said to be entry {seq}, which is another or none"
            )


def _identities(store: Store, start: int, stop: int) -> Iterator[tuple[int, _Identity]]:
    """Yield (seq, (id, source)) of the entries that can be read, by what they say themselves."""
    for header in store.headers(start, stop):
        try:
            members = orjson.loads(header)
            seq, id, source = members["seq"], members["id"], members["source"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
        if isinstance(seq, int) and isinstance(id, str) and isinstance(source, str):
            yield seq, (id, source)
