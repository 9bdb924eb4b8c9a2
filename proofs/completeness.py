"""Whether an answer is complete: not only that these events happened, but that these are all of them.

A census proves how many entries a stream has; positions in the stream have no gaps; so a window is whole when its
positions follow one another, and the neighbour on each side lies outside it, or there is none.

    position   … 16 │ 17 18 19 20 │ 21 …          16: at < from, or 17 is 0
                    └─ from … to ─┘               21: at ≥ to, or 21 is the count

Source: docs/formats/census.md, "The answer"; docs/formats/bundle.md, entries.jsonl.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from proofs.bundle import ENTRIES, Listed
from proofs.entry import Entry
from proofs.errors import IncompleteError, TamperedError
from proofs.filing import Family
from proofs.limits import MAX_STREAMS
from proofs.scope import Window

WHOLE: Final = "complete as filed"
UP_TO_CENSUS: Final = "complete as filed, up to the census"


@dataclass(frozen=True, slots=True)
class Answer:
    """All entries of one stream in one window, proven to be all.

    Attributes:
        name: The stream's.
        count: How many entries it has in all, by the census.
        listed: How many lie in the window.
        grade: "complete as filed", or that with "up to the census".
        required: Seqs of the entries in the window and of its neighbours, which a bundle lists for it.
    """

    name: str
    count: int
    listed: int
    grade: str
    required: frozenset[int]


def answer(window: Window, count: int, placed: Sequence[tuple[int, Entry]], census: Entry) -> Answer:
    """Return the answer when it is complete.

    Args:
        window: The stream and the times that are asked about.
        count: The stream's proven count before the census.
        placed: (position, entry) of the listed entries of the stream, as `positions.check_positions` accepted them.
        census: The census, which may itself be in the stream.

    Raises:
        IncompleteError: An entry of the window, or a neighbour, is not listed.
    """
    before: list[tuple[int, Entry]] = []
    inside: list[tuple[int, Entry]] = []
    behind: list[tuple[int, Entry]] = []
    for position, entry in placed:
        if entry.seq == census.seq:  # the count is of the entries before it
            continue
        side = before if window.is_before(entry.at) else behind if window.is_behind(entry.at) else inside
        side.append((position, entry))
    shown = [*before[-1:], *inside, *behind[:1]]
    for (one, _), (other, _) in pairwise(shown):
        if other != one + 1:
            raise _missing(window, one + 1)
    stop = shown[-1][0] + 1 if shown else 0
    if not behind and stop != count:
        raise _missing(window, stop)
    if not before and shown and shown[0][0] != 0:
        raise _missing(window, shown[0][0] - 1)
    open_end = window.stop is None or window.stop > census.at
    return Answer(
        name=window.name,
        count=count,
        listed=len(inside),
        grade=UP_TO_CENSUS if open_end else WHOLE,
        required=frozenset(entry.seq for _, entry in shown),
    )


def _missing(window: Window, position: int) -> IncompleteError:
    return IncompleteError(
        f"number {position} of {window.name!r} is not listed, so that the answer may lack entries", where=ENTRIES
    )


def close(required: Iterable[int], entries: Iterable[Family]) -> set[int]:
    """Return `required` and what continued entries add: their parents, all their brothers, the entry after a full one.

    Args:
        required: Seqs that a bundle must list.
        entries: The families of all listed entries, ascending.

    Source: docs/formats/streams.md, "More than 128".
    """
    closed = set(required)
    for family in entries:
        members = (family.parent, *family.continued)
        if not closed.isdisjoint(each.entry.seq for each in members):
            closed.update(each.entry.seq for each in members)
            if len(members[-1].entry.streams) == MAX_STREAMS:
                closed.add(members[-1].entry.seq + 1)
    return closed


def check_listed(entries: Iterable[Listed], required: set[int]) -> None:
    """Accept entries of which each is asked for.

    Raises:
        TamperedError: One is out of scope.
    """
    for each in entries:
        if each.entry.seq not in required:
            raise TamperedError(f"entry {each.entry.seq} is outside what was asked", where=each.where)


def check_everything(entries: Sequence[Listed], size: int) -> None:
    """Accept all entries of a log.

    Args:
        entries: Ascending in seq, all of them below `size`.

    Raises:
        IncompleteError: One is missing.
    """
    if len(entries) != size:
        missing = next(seq for seq, each in enumerate([*entries, None]) if each is None or each.entry.seq != seq)
        raise IncompleteError(f"entry {missing} is not listed, and everything was asked for", where=ENTRIES)
