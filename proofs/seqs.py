"""The entries that say one thing: as many as are listed, and one more that shows that there are others.

Both can be any number, entries and things said: were all entries kept behind each thing, what is derived would grow with the
product. The smallest of a union are among the smallest of what is united, so nothing larger is ever made.

Source: docs/formats/lineage.md, lineage.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

LISTED: Final = 16
KEPT: Final = LISTED + 1

K = TypeVar("K")
Seqs = tuple[int, ...]


def first(*said_by: Sequence[int]) -> Seqs:
    """Return the smallest of all these, at most KEPT, ascending, each once."""
    return tuple(sorted(set[int]().union(*said_by))[:KEPT])


def note(seen: dict[K, Seqs], key: K, seq: int) -> None:
    """Keep `seq` as one that says `key`, if it is among the first; they may come in any order and again."""
    known = seen.get(key, ())
    if len(known) < KEPT or seq < known[-1]:
        seen[key] = first(known, (seq,))


def listed(kept: Seqs) -> tuple[Seqs, bool]:
    """Return those of `kept` that are listed, and whether there are others."""
    return kept[:LISTED], len(kept) > LISTED
