"""The course of one run of one job, or of what is told apart from any run: its events in their own order, and what they link.

Events are taken by (eventTime, stage, SHA-256 of the body), never by arrival, and what stands as of a moment is what the events
up to it say. A later one may replace a facet, state the whole anew, or settle an output, so a link may end as well as begin.

Source: docs/formats/chronicle.md, "A course".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

from lineage.chronicle.saying import SNAPSHOT, STATEMENTS, TEST, Pairs, Saying
from lineage.chronicle.vertex import COLUMN, DATA, FOREVER, SAME, WITHIN, Link, Vertex, column, owner
from proofs.edges import is_hub

# What a link of a course is in from a moment until another: (link, rank in STATES, from, until).
Claim = tuple[Link, int, int, int]

DECLARED, OPEN, ATTEMPTED, COMMITTED = range(4)
_STAGES: Final = {"START": 0, "COMPLETE": 2, "FAIL": 2, "ABORT": 2}
_ENDS: Final = {"COMPLETE": COMMITTED, "FAIL": ATTEMPTED, "ABORT": ATTEMPTED}


class Key(NamedTuple):
    """Which course.

    Attributes:
        kind: "run", "job" or "dataset" (both declared), "alone" or "contract".
        name: Tells two apart that are of one job, or of none.
        vertex: The job, the dataset that is declared, or None.
    """

    kind: str
    name: str
    vertex: Vertex | None


class Told(NamedTuple):
    """An event of a course, in the order of its fields."""

    time: int
    stage: int
    digest: bytes
    word: str
    saying: Saying


def stage_of(word: str) -> int:
    """Return the rank of an eventType among those of one moment."""
    return _STAGES.get(word, 1)


@dataclass(slots=True)
class Course:
    """What the events so far say together.

    Attributes:
        end: The first end, which stands whatever comes later; empty while there is none.
        ends: Every end that was told.
    """

    key: Key
    inputs: dict[Vertex, None] = field(default_factory=dict)
    outputs: dict[Vertex, None] = field(default_factory=dict)
    columns: dict[Vertex, Pairs] = field(default_factory=dict)
    explicit: dict[Vertex, tuple[Pairs, bool]] = field(default_factory=dict)
    entries: dict[Vertex, tuple[Pairs, bool]] = field(default_factory=dict)
    closed: bool = False
    symlinks: dict[Vertex, tuple[Vertex, ...]] = field(default_factory=dict)
    renamed: set[tuple[Vertex, Vertex]] = field(default_factory=set)
    parents: tuple[tuple[str, Vertex], ...] = ()
    pattern: str = ""
    purpose: str = ""
    end: str = ""
    ends: set[str] = field(default_factory=set)
    _last: tuple[str, Saying] | None = None

    @property
    def job(self) -> Vertex | None:
        """The job within which its links stand."""
        return self.key.vertex if self.key.vertex is not None and self.key.vertex[0] == "job" else None

    @property
    def state(self) -> int:
        """The rank of what it links, as things stand."""
        return _ENDS.get(self.end, OPEN) if self.is_observed else DECLARED

    @property
    def is_observed(self) -> bool:
        """True for what ran; False for what is declared."""
        return self.key.kind == "run" or (self.key.kind == "alone" and self.key.name.startswith("run:"))

    def take(self, word: str, said: Saying) -> bool:
        """Let one more event speak; False when it says what the one before it did."""
        if self._last == (word, said):
            return False
        self._last = (word, said)
        if word in _ENDS:
            self.end = self.end or word
            self.ends.add(word)
        if said.pattern is not None:
            self.pattern = said.pattern
        if said.purpose is not None:
            self.purpose = said.purpose
        if self._states_all(said):
            for kept in (self.inputs, self.outputs, self.columns, self.explicit):
                kept.clear()
            if said.entries is None and self.key.kind == "job":
                self.entries, self.closed = {}, False
        self.inputs.update(dict.fromkeys(said.inputs))
        self.outputs.update(dict.fromkeys(said.outputs))
        self.columns.update(said.columns)
        self.explicit.update({target: (pairs, settles) for target, pairs, settles in said.explicit})
        if said.entries is not None:
            self.entries = {target: (pairs, settles) for target, pairs, settles in said.entries}
            self.closed = said.closed
        self.symlinks.update(said.symlinks)
        self.renamed.update((was, now) for now, change, was in said.changes if change == "RENAME" and was is not None)
        self.parents = said.parents or self.parents
        return True

    def _states_all(self, said: Saying) -> bool:
        """True when the event is a contract's, a snapshot, or a job's newest declaration; these name something, to be so."""
        if self.key.kind == "contract":
            return True
        whole = self.key.kind == "job" or self.pattern == SNAPSHOT
        return whole and bool(said.inputs or said.outputs or said.entries)

    def links(self) -> set[Link]:
        """Return everything that is linked, as things stand."""
        if self.key.kind == "contract":
            return {(DATA, source, target, "contract") for source in self.inputs for target in self.outputs}
        settled = {
            target for stated in (self.explicit, self.entries) for target, (_, settles) in stated.items() if settles
        }
        found = set(self._inferred(settled))
        for stated in (self.explicit, self.entries):
            for target, (pairs, _) in stated.items():
                found.update(_linked(target, pairs, "explicit"))
        for target, pairs in self.columns.items():
            if target not in settled:
                found.update(_linked(target, pairs, "column"))
        found.update((SAME, other, named, "symlink") for named, others in self.symlinks.items() for other in others)
        found.update((DATA, was, now, "renamed") for was, now in self.renamed)
        if self.job is not None:
            words = {"parent": "step"} if self.purpose in STATEMENTS else {}
            found.update(
                (WITHIN, self.job, above, words.get(word, word)) for word, above in self.parents if above != self.job
            )
        return found

    def _inferred(self, settled: set[Vertex]) -> Iterator[Link]:
        if self.job is None or self.closed:
            return
        free = [output for output in self.outputs if output not in settled]
        is_test = self.purpose == TEST
        if is_hub(len(self.inputs), len(self.outputs)):
            origin = "test" if is_test else "hub"
            yield from ((DATA, source, self.job, origin) for source in self.inputs)
            yield from ((DATA, self.job, target, origin) for target in free)
        else:
            origin = "test" if is_test else "table"
            yield from ((DATA, source, target, origin) for source in self.inputs for target in free)


def _linked(target: Vertex, pairs: Pairs, origin: str) -> Iterator[Link]:
    for source, own, into, kind in pairs:
        yield (DATA, source, target, origin)
        if (own or into) and owner(source)[0] == target[0] == "dataset":
            yield (COLUMN, column(source, own), column(target, into), kind)


def unroll(key: Key, told: Iterable[Told]) -> Unrolled:
    """Return a course with all its events, which are given in order."""
    unrolled = Unrolled(Course(key))
    for time, events in groupby(told, key=lambda event: event.time):
        unrolled.extend(time, events)
    return unrolled


class Unrolled:
    """A course on its way through its moments."""

    def __init__(self, course: Course) -> None:
        """Begin with a course in which nothing was told yet."""
        self.course = course
        self._begun: dict[Link, int] = {}
        self._over: list[tuple[Link, int, int]] = []
        self._ended = FOREVER
        self._by_link: dict[Link, list[Claim]] | None = None

    def extend(self, time: int, events: Iterable[Told]) -> bool:
        """Let the events of one moment speak, later than all before; False when they say nothing new."""
        # What is told of one moment is told together: no answer as of it may see a half.
        is_news = False
        for event in events:
            is_news = self.course.take(event.word, event.saying) or is_news
        if not is_news:
            return False
        self._by_link = None
        if self.course.end and self._ended == FOREVER:
            self._ended = time
        now = self.course.links()
        for gone in self._begun.keys() - now:
            self._over.append((gone, self._begun.pop(gone), time))
        for new in now - self._begun.keys():
            self._begun[new] = time
        return True

    def claims(self) -> frozenset[Claim]:
        """Return what was linked in which state, from when until when.

        A link is open from its first word on, and as the run ended from its end on: the better state holds where both do.
        """
        spans = [*self._over, *((link, since, FOREVER) for link, since in self._begun.items())]
        return frozenset(claim for span in spans for claim in self._in_states(*span))

    def claims_of(self, link: Link) -> list[Claim]:
        """Return those of one link; of the next one, at once."""
        if self._by_link is None:
            self._by_link = {}
            for claim in self.claims():
                self._by_link.setdefault(claim[0], []).append(claim)
        return self._by_link.get(link, [])

    def _in_states(self, link: Link, since: int, until: int) -> Iterator[Claim]:
        if not self.course.is_observed:
            yield (link, DECLARED, since, until)
            return
        if since < min(self._ended, until):
            yield (link, OPEN, since, until)
        if max(since, self._ended) < until:
            yield (link, self.course.state, max(since, self._ended), until)
