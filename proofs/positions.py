"""Positions in streams: what must hold of them in every bundle, whatever was asked and whatever is listed (I12).

An entry that is not listed may stand in any stream, and in each of them once. So from one listed entry of a stream to the
next, before the first and behind the last, there can be no more positions than there are entries that are not listed:

    seq         40   41 · · ·  45        three entries between them are not listed:
    position     7         …   11        8, 9 and 10 have room there; 12 in the place of 11 would be a lie

Where every entry is listed there is no room at all, and positions are 0, 1, 2 … exactly.

Source: docs/formats/census.md, "What positions must be".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from proofs.bundle import CENSUS, Listed
from proofs.entry import Entry
from proofs.errors import TamperedError


class _Last(NamedTuple):
    """The last listed entry of a stream so far.

    Attributes:
        unlisted: How many entries before it are not listed.
    """

    position: int
    seq: int
    unlisted: int


_NONE = _Last(-1, -1, 0)


def check_positions(entries: Sequence[Listed], counts: Mapping[str, int]) -> Mapping[str, list[tuple[int, Entry]]]:
    """Return, for every stream, (position, entry) of the listed entries in it, ascending.

    Args:
        entries: Ascending in seq; the last is the census.
        counts: Stream → how many entries before the census it has, as far as that is proven.

    Raises:
        TamperedError: A position stands twice or goes back, does not fit the count, or there is no room for those between.
    """
    placed: dict[str, list[tuple[int, Entry]]] = {}
    last: dict[str, _Last] = {}
    census = entries[-1].entry
    for at, each in enumerate(entries):
        entry = each.entry
        unlisted = entry.seq - at
        for name, position in entry.streams.items():
            before = last.get(name, _NONE)
            _check_step(each, name, position, before, unlisted)
            if name in counts:
                _check_count(each, name, position, counts[name], census)
            last[name] = _Last(position, entry.seq, unlisted)
            placed.setdefault(name, []).append((position, entry))
    unlisted = census.seq + 1 - len(entries)
    for name, count in counts.items():
        before = last.get(name, _NONE)
        if count - before.position - 1 > unlisted - before.unlisted:
            raise TamperedError(
                f"count of {name!r} is {count}, of which {before.position + 1} have their place by the listed entries, "
                f"and {unlisted - before.unlisted} entries behind them are not listed",
                where=CENSUS,
            )
    return placed


def _check_step(each: Listed, name: str, position: int, before: _Last, unlisted: int) -> None:
    if position <= before.position:
        raise TamperedError(
            f"entry {each.entry.seq} is number {position} of {name!r}, and entry {before.seq} before it "
            f"number {before.position}",
            where=each.where,
        )
    skipped, room = position - before.position - 1, unlisted - before.unlisted
    if skipped > room:
        apart = f"{room} entries before it are not listed"
        if before is not _NONE:
            apart = f"entry {before.seq} number {before.position}, {room} entries between them are not listed"
        raise TamperedError(f"entry {each.entry.seq} is number {position} of {name!r}, {apart}", where=each.where)


def _check_count(each: Listed, name: str, position: int, count: int, census: Entry) -> None:
    """The count is of the entries before the census, so that the census, where it is in the stream, comes next."""
    if (position == count) != (each.entry is census) or position > count:
        raise TamperedError(
            f"entry {each.entry.seq} is number {position} of {name!r}, which has {count} before entry {census.seq}",
            where=each.where,
        )
