"""What derives from a deletion's seeds, walked again by whoever holds the complete streams, and what is lacking for that.

An edge out of a node is given by a run of which some event names that node, and such an event is filed in the node's own
stream; what else the run says stands in the stream of the run:

    node's stream, whole  ─→  every event that can begin an edge here  ─→  their runs' streams, whole  ─→  every edge out

So the walk goes on from a node only when these streams are whole and every lineage body in them is disclosed. What it
reaches is then reached in the whole log; where it had to stop, it says which streams and bodies it would have needed.

Source: docs/formats/lineage.md, "Closure".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from proofs.edges import Successors
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
    """

    nodes: frozenset[Node]
    streams: frozenset[str]
    bodies: frozenset[int]

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
    """The events below one position: where they lead, and what each stream lacks, looked up once."""

    size: int = 0
    count: int = 0  # of events taken in
    successors: Successors = field(default_factory=Successors)
    lacking: dict[str, tuple[frozenset[str], frozenset[int]]] = field(default_factory=dict)


class Lineage:
    """The lineage events at hand, and which streams of the log they are whole for."""

    def __init__(self, events: Iterable[Event], is_whole: Callable[[str], bool]) -> None:
        """Take the events.

        Args:
            is_whole: Stream name → every entry of the stream, from its first, is at hand.
        """
        self._events = sorted(events, key=lambda event: event.seq)
        self._is_whole = is_whole
        self._filed: dict[str, list[Event]] = {}
        self._runs: dict[int, tuple[str, ...]] = {}
        for event in self._events:
            self._runs[event.seq] = tuple(name for name in event.streams if name.startswith("run:"))
            for name in event.streams:
                self._filed.setdefault(name, []).append(event)
        self._past = _Past()

    def walk(self, start: Iterable[Node], size: int) -> Walk:
        """Return what derives from `start` in the lineage of the log's first `size` entries.

        Asked with sizes that ascend, each event is taken in once.
        """
        past = self._at(size)
        nodes = set(start)
        waiting = list(nodes)
        streams, bodies = set[str](), {event.seq for event in self._events if event.is_sealed and event.seq < size}
        while waiting:
            node = waiting.pop()
            no_streams, no_bodies = self._lacking(past, node.id, size)
            if no_streams or no_bodies:
                streams |= no_streams
                bodies |= no_bodies
                continue
            for target in past.successors.of(node):
                if target not in nodes:
                    nodes.add(target)
                    waiting.append(target)
        return Walk(frozenset(nodes), frozenset(streams), frozenset(bodies))

    def _at(self, size: int) -> _Past:
        past = self._past
        if size < past.size:
            past = _Past()
        elif size > past.size:
            past = _Past(size, past.count, past.successors)
        while past.count < len(self._events) and (event := self._events[past.count]).seq < size:
            if event.is_open:
                past.successors.add(read(event.body))
            past.count += 1
        past.size = size
        self._past = past
        return past

    def _lacking(self, past: _Past, name: str, size: int) -> tuple[frozenset[str], frozenset[int]]:
        """The streams and bodies without which the edges out of the node of this stream are not all known."""
        if not self._is_whole(name):
            return frozenset((name,)), frozenset()
        runs = {run for event in self._below(name, size) for run in self._runs[event.seq]}
        streams, bodies = set[str](), set[int]()
        for each in (name, *runs):
            if each not in past.lacking:
                past.lacking[each] = self._closed(each, size)
            no_streams, no_bodies = past.lacking[each]
            streams |= no_streams
            bodies |= no_bodies
        return frozenset(streams), frozenset(bodies)

    def _closed(self, name: str, size: int) -> tuple[frozenset[str], frozenset[int]]:
        if not self._is_whole(name):
            return frozenset((name,)), frozenset()
        return frozenset(), frozenset(event.seq for event in self._below(name, size) if not event.is_open)

    def _below(self, name: str, size: int) -> Sequence[Event]:
        return [event for event in self._filed.get(name, ()) if event.seq < size]
