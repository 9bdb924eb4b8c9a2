"""The graph of a log as of a moment and as known at an entry: the fold that every other answer must equal.

    graph(as_of = T, known_at = S)  =  fold of the events that the entries up to S hold and whose time is at most T

Any permutation and any duplication of the events gives the same graph (I20). This reads everything and keeps nothing: it is the
specification, and the oracle of the store. Source: docs/formats/chronicle.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ledger.record import Record
from lineage.chronicle.course import Course, Key, Told
from lineage.chronicle.entry import Words, take
from lineage.chronicle.rules import AliasDeclared, EdgeRetracted, spelled
from lineage.chronicle.saying import mentioned
from lineage.chronicle.vertex import COLUMN, DATA, FOREVER, SAME, STATES, Link, Vertex, owner

Edge = tuple[Link, Vertex | None]  # within a job, or without one
Disputed = tuple[Vertex, Vertex, Vertex | None]


@dataclass(slots=True)
class Picture:
    """The graph of one cut.

    Attributes:
        edges: Each with its best state; those in dispute are not among them.
        disputed: Those that are.
        named: Every point that an event names otherwise than as the source of a column.
        conflicts: The courses that were told to have ended in more than one way.
    """

    edges: dict[Edge, str] = field(default_factory=dict)
    disputed: dict[Edge, str] = field(default_factory=dict)
    named: set[Vertex] = field(default_factory=set)
    conflicts: set[Key] = field(default_factory=set)


def fold(records: Iterable[Record], *, as_of: int = FOREVER, known_at: int | None = None) -> Picture:
    """Return the graph that these entries give.

    Args:
        as_of: Events of later times are left out; contracts by the time of their entry, and rules never.
        known_at: Later entries are left out.
    """
    courses: dict[Key, dict[tuple[int, int, bytes], Told]] = {}
    names: dict[tuple[Vertex, Vertex], None] = {}
    spellings: dict[tuple[str, str], None] = {}
    disputes: dict[Disputed, None] = {}
    mention: set[Vertex] = set()
    for record in sorted(records, key=lambda record: record.seq):
        if known_at is not None and record.seq > known_at:
            break
        match take(record):
            case Words(key, told):
                mention |= mentioned(told.saying)
                if told.time <= as_of:
                    courses.setdefault(key, {})[told[:3]] = told
            case AliasDeclared() as rule:
                mention.update(rule.ends)
                known = names if rule.ends else spellings
                _put(known, rule.ends or (rule.rule, rule.namespace), holds=rule.state == "in-force")
            case EdgeRetracted() as dispute:
                _put(disputes, dispute.what, holds=dispute.state == "retracted")
    found = Picture()
    for key, events in courses.items():
        _add(found, key, [events[order] for order in sorted(events)])
    for ends in names:
        found.edges[(SAME, *ends, "alias"), None] = STATES[0]
    found.edges.update(((link, None), STATES[0]) for link in spelling_links(mention, spellings))
    for edge in [edge for edge in found.edges if is_disputed(edge, disputes)]:
        found.disputed[edge] = found.edges.pop(edge)
    return found


def _put(known: dict, what: object, *, holds: bool) -> None:  # type: ignore[type-arg]
    if holds:
        known[what] = None
    else:
        known.pop(what, None)


def _add(found: Picture, key: Key, events: list[Told]) -> None:
    course = Course(key)
    for event in events:
        course.take(event.word, event.saying)
        found.named.update(event.saying.named)
    if len(course.ends) > 1:
        found.conflicts.add(key)
    for link in course.links():
        edge = (link, course.job)
        known = found.edges.get(edge, STATES[0])
        found.edges[edge] = max(known, STATES[course.state], key=STATES.index)


def spelling_links(mention: Iterable[Vertex], spellings: Collection[tuple[str, str]]) -> set[Link]:
    """Return the links from every dataset to the one that a rule of spelling makes of it, and from that to the next."""
    waiting = list(mention)
    known = set(waiting)
    found: set[Link] = set()
    while waiting:
        vertex = waiting.pop()
        for rule, namespace in spellings:
            plain = spelled(rule, vertex) if vertex[:2] == ("dataset", namespace) else vertex
            if plain != vertex:
                found.add((SAME, vertex, plain, rule))
                waiting += {plain} - known
                known.add(plain)
    return found


def is_disputed(edge: Edge, disputes: Collection[Disputed]) -> bool:
    """True when somebody retracted this edge of data, or of columns of these datasets."""
    (layer, source, target, _), job = edge
    ends = (owner(source), owner(target))
    return layer in (DATA, COLUMN) and ((*ends, job) in disputes or (*ends, None) in disputes)
