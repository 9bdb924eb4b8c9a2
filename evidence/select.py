"""Which entries answer a question: pure, over positions in streams.

    position   … 16 │ 17 18 19 20 │ 21 …      a window needs its entries, the one before and the one after: they show
                    └─ from … to ─┘           that nothing was left out at its ends

Times never go back along a stream, so both ends are found by bisection, whatever the stream's length. Entries that a
long event was continued in are listed whole.

Source: docs/formats/bundle.md, entries.jsonl; docs/formats/streams.md, "More than 128".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from evidence.question import Question
from proofs import limits
from proofs.counting import WHOLE_STREAMS
from proofs.scope import Window


class Place(NamedTuple):
    """One entry's place in a stream."""

    position: int
    seq: int
    at: str


class Shape(NamedTuple):
    """What the header of one entry says of its continuation."""

    is_continued: bool
    streams: int


@dataclass(frozen=True, slots=True)
class Log:
    """What selecting asks of the log.

    Attributes:
        places: (stream, start, stop) → its entries at start ≤ position < stop.
        shape: seq → shape of the entry.
    """

    places: Callable[[str, int, int], list[Place]]
    shape: Callable[[int], Shape]


@dataclass(frozen=True, slots=True)
class Listed:
    """One stream of the question: its count at the census, and how many entries lie in the window."""

    name: str
    count: int
    listed: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The answer's entries.

    Attributes:
        seqs: All that are listed, ascending.
        inside: Those that lie in a window, with the events that they continue; the others are context.
        streams: One for each stream of the question, sorted by name.
    """

    seqs: tuple[int, ...]
    inside: frozenset[int]
    streams: tuple[Listed, ...]


def select(question: Question, counts: Mapping[str, int], log: Log, *, census: int) -> Selection:
    """Return the entries that a bundle for `question` lists.

    Args:
        counts: How many entries below the census each stream of the question, and each that is always whole, has.
        census: The census's seq, the last of the tree.
    """
    if question.kind == "everything":
        every = range(census + 1)
        return Selection(tuple(every), frozenset(every), ())
    wanted = {0, census}
    inside: set[int] = set()
    streams: list[Listed] = []
    for window in (*question.streams, *map(Window, WHOLE_STREAMS)):
        start, stop = bounds(window, counts[window.name], log)
        around = log.places(window.name, max(start - 1, 0), min(stop + 1, counts[window.name]))
        wanted.update(place.seq for place in around)
        if len(streams) < len(question.streams):
            inside.update(place.seq for place in around if start <= place.position < stop)
            streams.append(Listed(window.name, counts[window.name], stop - start))
    inside = close(inside, log.shape, follow=False)
    return Selection(tuple(sorted(close(wanted | inside, log.shape))), frozenset(inside), tuple(streams))


def bounds(window: Window, count: int, log: Log) -> tuple[int, int]:
    """Return the positions start ≤ position < stop of a stream's entries in the window."""

    def at(position: int) -> str:
        return log.places(window.name, position, position + 1)[0].at

    every = range(count)
    start = 0 if window.start is None else bisect_left(every, window.start, key=at)
    stop = count if window.stop is None else bisect_left(every, window.stop, lo=start, key=at)
    return start, stop


def close(seqs: Iterable[int], shape: Callable[[int], Shape], *, follow: bool = True) -> set[int]:
    """Return `seqs` with, for each continuation, its parent and all between, and for each full entry the one after it.

    Args:
        follow: False leaves the entry after a full one out, unless it continues that one.
    """
    closed = set(seqs)
    waiting = sorted(closed)
    while waiting:
        seq = waiting.pop()
        found = shape(seq)
        near = [seq - 1] if found.is_continued else []
        if found.streams == limits.MAX_STREAMS and (follow or shape(seq + 1).is_continued):
            near.append(seq + 1)
        for other in near:
            if other not in closed:
                closed.add(other)
                waiting.append(other)
    return closed
