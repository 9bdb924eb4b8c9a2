"""The chain: each entry names the leaf hash of the one before it, time never goes back, and a closed log stays closed.

Source: docs/formats/entry.md, "Hashes" and "Time"; docs/formats/events.md, `closed`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from proofs.bundle import Listed
from proofs.entry import FIRST_PREV
from proofs.errors import TamperedError

CLOSED: Final = "tallystick.ledger.closed.v1"


def check_links(entries: Iterable[Listed]) -> None:
    """Accept entries of which neighbours are linked, and none is older than the one before it.

    Args:
        entries: Ascending in seq, with or without gaps; across a gap only the times are compared.

    Raises:
        TamperedError: A link is broken or time went back.
    """
    listed = tuple(entries)
    if listed and listed[0].entry.seq == 0 and listed[0].entry.prev != FIRST_PREV:
        raise TamperedError("prev of entry 0 is not 64 zeros", where=listed[0].where)
    for before, after in pairwise(listed):
        if after.entry.seq == before.entry.seq + 1 and after.entry.prev != before.leaf:
            raise TamperedError(
                f"prev of entry {after.entry.seq} is {after.entry.prev.hex()}, "
                f"entry {before.entry.seq} has the hash {before.leaf.hex()}",
                where=after.where,
            )
        if after.entry.at < before.entry.at:
            raise TamperedError(
                f"entry {after.entry.seq} is of {after.entry.at}, before entry {before.entry.seq} of {before.entry.at}",
                where=after.where,
            )


def check_closed(entries: Iterable[Listed], size: int) -> None:
    """Accept a log that ends where it was closed: with that entry, or with the census of it.

    Args:
        size: Of the signed tree.

    Raises:
        TamperedError: It goes on.
    """
    for each in entries:
        if each.entry.type == CLOSED and each.entry.seq + 2 < size:
            raise TamperedError(
                f"entry {each.entry.seq} closes the log, which goes on to entry {size - 1}", where=each.where
            )
