"""What derives from a deletion's seeds, walked again by whoever holds the complete streams, and what is lacking for that.

An edge out of a node is given by a run of which some event names that node, and such an event is filed in the node's own
stream; what else the run says stands in the stream of the run:

    node's stream, whole  ─→  every event that can begin an edge here  ─→  their runs' streams, whole  ─→  every edge out

So the walk goes on from a node only when these streams are whole and every lineage body in them is disclosed. What it
reaches is then reached in the whole log; where it had to stop, it says which streams and bodies it would have needed.

Source: docs/formats/lineage.md, "Closure".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from proofs.edges import Successors
from proofs.errors import UnverifiableError
from proofs.limits import MAX_INTEGER
from proofs.statement import Node, read


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of an OpenLineage type.

    Attributes:
        streams: All in which it is filed, with those of the entries that continue it.
        is_open: The body is at hand, and nothing is sealed in it that `proofs.statement.read` would look at.
        body: Parsed; None without structure, and where the body is not at hand.
        is_sealed: Something in it is sealed that `read` would look at: nobody can tell which nodes it names.
    """

    seq: int
    streams: frozenset[str]
    is_open: bool
    body: Any = None
    is_sealed: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """How far the walk came.

    Attributes:
        nodes: What certainly derives from the start, it included.
        streams: Names of streams that are not whole and would have to be.
        bodies: Seqs of events whose bodies are not at hand and would have to be.
        steps: What it took: docs/formats/deletion-certificate.md says what is counted.
    """

    nodes: frozenset[Node]
    streams: frozenset[str]
    bodies: frozenset[int]
    steps: int

    @property
    def datasets(self) -> frozenset[Node]:
        """The nodes that are datasets."""
        return frozenset(node for node in self.nodes if node.kind == "dataset")

    @property
    def is_whole(self) -> bool:
        """True when nothing was lacking: then `nodes` are all that derive."""
        return not self.streams and not self.bodies


@dataclass(slots=True)
class _Past:
    """The events below one position: where they lead, and by stream which they are, of which runs, and which nobody can read."""

    size: int = 0
    count: int = 0  # of events taken in
    successors: Successors = field(default_factory=Successors)
    filed: dict[str, list[Event]] = field(default_factory=dict)
    runs: dict[str, set[str]] = field(default_factory=dict)
    shut: dict[str, list[int]] = field(default_factory=dict)
    sealed: set[int] = field(default_factory=set)

    def take(self, event: Event) -> None:
        runs = [name for name in event.streams if name.startswith("run:")]
        for name in event.streams:
            self.filed.setdefault(name, []).append(event)
            self.runs.setdefault(name, set()).update(runs)
            if not event.is_open:
                self.shut.setdefault(name, []).append(event.seq)
        if event.is_sealed:
            self.sealed.add(event.seq)
        if event.is_open:
            self.successors.add(read(event.body))
        self.count += 1


class Lineage:
    """The lineage events at hand, and which streams of the log they are whole for."""

    def __init__(self, events: Iterable[Event], is_whole: Callable[[str], bool]) -> None:
        """Take the events.

        Args:
            is_whole: Stream name → every entry of the stream, from its first, is at hand.
        """
        self._events = sorted(events, key=lambda event: event.seq)
        self._is_whole = is_whole
        self._past = _Past()

    def count(self, size: int) -> int:
        """Return how many events the log's first `size` entries hold: walks from one start over as many are the same."""
        return bisect_left(self._events, size, key=lambda event: event.seq)

    def walk(self, start: Iterable[Node], size: int, *, max_steps: int = MAX_INTEGER) -> Walk:
        """Return what derives from `start` in the lineage of the log's first `size` entries.

        Asked with sizes that ascend, each event is taken in once.

        Raises:
            UnverifiableError: It takes more than `max_steps`.
        """
        past = self._at(size)
        found = _Found(past, self._is_whole, bodies=set(past.sealed), steps=len(past.sealed))
        nodes = set(start)
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            is_known = found.look(node.id)
            if found.steps + len(nodes) > max_steps:
                raise UnverifiableError(f"the walk takes more than {max_steps} steps")
            if is_known:
                fresh = set(past.successors.of(node)) - nodes
                nodes |= fresh
                waiting.extend(fresh)
        return Walk(frozenset(nodes), frozenset(found.streams), frozenset(found.bodies), found.steps + len(nodes))

    def _at(self, size: int) -> _Past:
        past = self._past if size >= self._past.size else _Past()
        while past.count < len(self._events) and (event := self._events[past.count]).seq < size:
            past.take(event)
        past.size = size
        self._past = past
        return past


@dataclass(slots=True)
class _Found:
    """What one walk looked at, each stream once, and what it lacked there."""

    past: _Past
    is_whole: Callable[[str], bool]
    bodies: set[int]
    steps: int
    streams: set[str] = field(default_factory=set)
    known: dict[str, bool] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    def look(self, name: str) -> bool:
        """True when all edges out of the node of this stream are known."""
        if not self.is_whole(name):
            self.streams.add(name)
            return False
        is_known = self._read(name)
        for run in self.past.runs.get(name, ()):  # all of them: what each one lacks is noted
            known = self.known.get(run)
            is_known = (self._read(run) if known is None else known) and is_known
        return is_known

    def _read(self, name: str) -> bool:
        """True when the stream is whole, and every body in it at hand."""
        self.known[name] = self.is_whole(name) and name not in self.past.shut
        if not self.is_whole(name):
            self.streams.add(name)
            return False
        self.bodies.update(self.past.shut.get(name, ()))
        for event in self.past.filed.get(name, ()):
            if event.seq not in self.seen:
                self.seen.add(event.seq)
                self.steps += len(event.streams)
        return self.known[name]
