"""Rules of the graph through time, put into the log: each once, by somebody, for a reason.

Source: docs/formats/chronicle.md, "Rules".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, TypeVar

import sqlite_utils
from pydantic import ValidationError

from ledger.event import Event
from ledger.fact import Fact
from ledger.projection import Projection
from lineage.chronicle.answer import text_of
from lineage.chronicle.cut import number_of
from lineage.chronicle.rules import ALIAS_DECLARED, EDGE_RETRACTED, AliasDeclared, EdgeRetracted, Named
from lineage.chronicle.store import ChronicleProjection
from lineage.chronicle.tables import STANDING
from lineage.chronicle.vertex import LAYERS, SAME, Vertex, of_node
from proofs.errors import ConflictError, MissingError, RefusedError
from proofs.statement import Node

F = TypeVar("F", bound=Fact)
Disputed = tuple[Node, Node, Node | None]  # from, to, and by which job
Spelling = Literal["unquote", "fold-case"]


class Receipt(Protocol):
    """What the log gives back for an event that is durable."""

    @property
    def seq(self) -> int:
        """The entry's position in the log."""
        ...


class RuledLog(Protocol):
    """A log that takes events and keeps views."""

    @property
    def origin(self) -> str:
        """The log's name."""
        ...

    def append(self, event: Event, /) -> Receipt:
        """Write one event and return its receipt. MUST be durable before it returns."""
        ...

    def viewing(self, projection: Projection, /) -> AbstractContextManager[sqlite_utils.Database]:
        """Bring a projection up to the end of the log, and hold the database that holds its tables."""
        ...


def alias(log: RuledLog, other: Node, meant: Node, *, by: str, reason: str, withdraw: bool = False) -> Receipt:
    """Record that `other` is a name of what `meant` names, or is no more, and return where.

    Raises:
        ConflictError: It is so already.
        RefusedError: They are not of one kind or are equal, `by` is no pseudonym, or the reason none that an entry may hold.
    """
    if other.kind != meant.kind:
        raise RefusedError(f"a {other.kind} cannot be an alias of a {meant.kind}")
    ends = (_named(other), _named(meant))
    names: dict[str, Any] = {"datasets": ends} if meant.kind == "dataset" else {"alias": ends[0], "job": ends[1]}
    state = "withdrawn" if withdraw else "in-force"
    fact = _fact(lambda: AliasDeclared(rule="name", state=state, by=by, reason=reason, **names))  # type: ignore[arg-type]
    with log.viewing(ChronicleProjection()) as db:
        if _is_alias(db, of_node(other), of_node(meant)) != withdraw:
            raise ConflictError(f"{text_of(of_node(other))} is {'no' if withdraw else 'an'} alias of it already")
    return log.append(_event(log, ALIAS_DECLARED, fact))


def spell(log: RuledLog, rule: Spelling, namespace: str, *, by: str, reason: str, withdraw: bool = False) -> Receipt:
    """Record that names of a namespace are spelled by a rule, or are no more, and return where; raises as `alias`."""
    state: Literal["in-force", "withdrawn"] = "withdrawn" if withdraw else "in-force"
    fact = _fact(lambda: AliasDeclared(rule=rule, state=state, namespace=namespace, by=by, reason=reason))
    sql = "SELECT EXISTS (SELECT 1 FROM chronicle_spelling WHERE rule = ? AND namespace = ?)"
    with log.viewing(ChronicleProjection()) as db:
        if bool(db.execute(sql, (rule, namespace)).fetchone()[0]) != withdraw:
            raise ConflictError(f"the rule {rule} is {'not ' if withdraw else ''}in force for this namespace already")
    return log.append(_event(log, ALIAS_DECLARED, fact))


def retract(log: RuledLog, edge: Disputed, *, by: str, reason: str, restore: bool = False) -> Receipt:
    """Record that an edge is disputed, or is no more, and return where; without a job, whoever says it.

    Raises:
        MissingError: Nobody recorded such an edge.
        ConflictError: It is so already.
        RefusedError: `by` is no pseudonym, or the reason none that an entry may hold.
    """
    source, target, job = edge
    state: Literal["retracted", "restored"] = "restored" if restore else "retracted"
    named = None if job is None else _named(job)
    ends = (_named(source), _named(target))
    fact = _fact(lambda: EdgeRetracted(datasets=ends, job=named, state=state, by=by, reason=reason))
    with log.viewing(ChronicleProjection()) as db:
        numbers = [number_of(db, of_node(node)) or 0 for node in (source, target)]
        number = 0 if job is None else number_of(db, of_node(job)) or 2**62  # of none that is recorded
        row = (*numbers, number)
        sql = "SELECT EXISTS (SELECT 1 FROM chronicle_dispute WHERE source = ? AND target = ? AND job = ?)"
        is_disputed = bool(db.execute(sql, row).fetchone()[0])
        known = """SELECT EXISTS (SELECT 1 FROM chronicle_edge WHERE layer = 0 AND source = :s AND target = :t
            AND (:j = 0 OR job = :j))"""
        if not db.execute(known, dict(zip("stj", row, strict=True))).fetchone()[0]:
            raise MissingError("no such edge is recorded", hint="`tally lineage why` shows which are")
    if is_disputed != restore:
        raise ConflictError(f"the edge is {'not ' if restore else ''}retracted{'' if restore else ' already'}")
    return log.append(_event(log, EDGE_RETRACTED, fact))


def _named(node: Node) -> Named:
    return Named(namespace=node.namespace, name=node.name)


def _is_alias(db: sqlite_utils.Database, source: Vertex, target: Vertex) -> bool:
    sql = """SELECT EXISTS (SELECT 1 FROM chronicle_edge e JOIN chronicle_span p
        ON p.layer = e.layer AND p.source = e.source AND p.edge = e.id AND p.gone = ?
        WHERE e.layer = ? AND e.source = ? AND e.target = ? AND e.origin = 'alias')"""
    ends = [number_of(db, vertex) or 0 for vertex in (source, target)]
    return bool(db.execute(sql, (STANDING, LAYERS.index(SAME), *ends)).fetchone()[0])


def _fact(make: Callable[[], F]) -> F:
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(str(step) for step in first["loc"]) or "the rule"
        raise RefusedError(f"{place}: {first['msg']}") from error


def _event(log: RuledLog, type: str, fact: Fact) -> Event:
    return Event(type=type, source=f"{log.origin}/lineage", id=str(uuid.uuid4()), data=fact.print())
