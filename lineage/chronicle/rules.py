"""What people decide about the graph, as events of the ledger: which names mean one thing, and which edge is disputed.

They hold as the ledger took them, in the order of seq, from then on and for every moment of the producers' clocks; so an answer
as known at an earlier entry is given by the rules of its day. Nothing recorded is changed by them.

Source: docs/formats/chronicle.md, "Rules".
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from ledger.fact import Fact, Pseudonym, Reason
from lineage.chronicle.vertex import Vertex, dataset, job
from proofs.statement import is_name

ALIAS_DECLARED: Final = "tallystick.lineage.alias-declared.v1"
EDGE_RETRACTED: Final = "tallystick.lineage.edge-retracted.v1"

_QUOTES: Final = {'"': '"', "`": "`", "[": "]"}


class Named(Fact):
    """A dataset or a job, as received."""

    namespace: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]


class AliasDeclared(Fact):
    """Two names mean one thing, or all names of a namespace do that a spelling makes equal; or they do no more.

    Attributes:
        rule: "name": `datasets` are the alias and what it means, or `alias` and `job`. "unquote" and "fold-case": the
            datasets of `namespace` that are one name without the quotes of SQL, or in lower case.
    """

    rule: Literal["name", "unquote", "fold-case"]
    state: Literal["in-force", "withdrawn"]
    datasets: Annotated[tuple[Named, ...], Field(min_length=2, max_length=2)] | None = None
    alias: Named | None = None
    job: Named | None = None
    namespace: Annotated[str, Field(min_length=1)] | None = None
    by: Pseudonym
    reason: Reason

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        given = (self.datasets is not None, self.alias is not None, self.job is not None, self.namespace is not None)
        shapes = {(True, False, False, False), (False, True, True, False)}
        if given not in (shapes if self.rule == "name" else {(False, False, False, True)}):
            raise ValueError(f"a rule {self.rule!r} does not go with the names given")
        if self.rule == "name" and len(set(self.ends)) != 2:
            raise ValueError("a name is no alias of itself")
        return self

    @property
    def ends(self) -> tuple[Vertex, ...]:
        """The alias and what it means; empty for a rule of spelling."""
        if self.datasets is not None:
            return tuple(dataset(each.namespace, each.name) for each in self.datasets)
        if self.alias is not None and self.job is not None:
            return job(self.alias.namespace, self.alias.name), job(self.job.namespace, self.job.name)
        return ()


class EdgeRetracted(Fact):
    """Somebody disputes that the second of `datasets` derives from the first (by `job`, else by any), or does no more."""

    datasets: Annotated[tuple[Named, ...], Field(min_length=2, max_length=2)]
    job: Named | None = None
    state: Literal["retracted", "restored"]
    by: Pseudonym
    reason: Reason

    @property
    def what(self) -> tuple[Vertex, Vertex, Vertex | None]:
        """Source, target and job; None for every job."""
        source, target = (dataset(each.namespace, each.name) for each in self.datasets)
        return source, target, None if self.job is None else job(self.job.namespace, self.job.name)


def spelled(rule: str, vertex: Vertex) -> Vertex:
    """Return the dataset of the name that a rule of spelling makes of this one's."""
    kind, namespace, name, column = vertex
    plain = name.lower() if rule == "fold-case" else _unquoted(name)
    # A name that is nothing but quotes would be no name.
    return (kind, namespace, plain if is_name(plain) else name, column)


def _unquoted(name: str) -> str:
    """`name` without the quotes around its parts: a dot, a bracket or a quote inside of quotes belongs to the part."""
    parts, at = [], 0
    while True:
        close = _QUOTES.get(name[at : at + 1])
        stop = -1 if close is None else _closed(name, at + 1, close)
        if close is None or stop < 0 or name[stop + 1 : stop + 2] not in ("", "."):
            stop = name.find(".", at)
            parts.append(name[at:] if stop < 0 else name[at:stop])
            at = len(name) if stop < 0 else stop
        else:
            parts.append(name[at + 1 : stop].replace(close * 2, close))
            at = stop + 1
        if at >= len(name):
            return ".".join(parts)
        at += 1


def _closed(name: str, start: int, close: str) -> int:
    """Where the quote that stands before `start` is closed, a doubled one being a quote itself; -1 for nowhere."""
    at = start
    while (at := name.find(close, at)) >= 0:
        if name[at + 1 : at + 2] != close:
            return at
        at += 2
    return -1
