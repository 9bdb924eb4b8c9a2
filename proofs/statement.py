"""What one OpenLineage event says, read by itself; what cannot be read is passed over and counted, and nothing raises.

The rules are docs/formats/lineage.md, section "One event". `proofs.edges` unites statements and derives edges.

Source: OpenLineage 2-0-2, ColumnLineageDatasetFacet 1-2-0, LineageFacet 1-0-0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from proofs.streams import qualified, stream_name

_ENTITIES: Final = (("inputs", "*"), ("outputs", "*"), ("dataset",))
_READ: Final = (
    ("eventType",),
    ("run", "runId"),
    *(("job", *rest) for rest in (("namespace",), ("name",), ("facets", "lineage"))),
    *(
        (*at, *rest)
        for at in _ENTITIES
        for rest in (("namespace",), ("name",), ("facets", "lineage"), ("facets", "columnLineage"))
    ),
)


class Node(NamedTuple):
    """A dataset or a job, by its name as received; `kind` is "dataset" or "job"."""

    kind: str
    namespace: str
    name: str

    @property
    def text(self) -> str:
        """`<namespace>|<name>` with `%` and `|` of the namespace escaped."""
        return qualified(self.namespace, self.name)

    @property
    def id(self) -> str:
        """The full name of its stream as filed (docs/formats/streams.md), at most 256 bytes."""
        return _id(self)


@lru_cache(maxsize=1 << 16)  # every walk of a closure asks it of every node again
def _id(node: Node) -> str:
    return stream_name(node.kind, node.text)


class Statement(NamedTuple):
    """What one event says.

    Attributes:
        run: The run id; empty when the event belongs to no run that can be told, and is then folded alone.
        observed: The event speaks of a run; otherwise it declares.
        ended: "complete" or "failed" where the event ends a run, else empty.
        pairs: (origin, source, target) as a facet states them; the origin is "explicit" or "column".
        settled: Datasets whose sources are stated, so that none is inferred.
        closed: The job states all its edges, so that none is inferred for the run.
        named: Every node that is named otherwise than as the source of a column.
        findings: Codes of what was passed over.
    """

    run: str
    job: Node | None
    observed: bool
    ended: str
    inputs: frozenset[Node]
    outputs: frozenset[Node]
    pairs: frozenset[tuple[str, Node, Node]]
    settled: frozenset[Node]
    closed: bool
    named: frozenset[Node]
    findings: frozenset[str]


def read(body: Any) -> Statement:
    """Return what one event says.

    Args:
        body: The parsed body; whatever is not an object says nothing.
    """
    if isinstance(body, dict):
        return _Reading(body).statement()
    return _Reading({}).statement()._replace(findings=frozenset(("bad-document",)))


def reads(pointer: str) -> bool:
    """True when the value at this RFC 6901 pointer of an event holds something that `read` looks at, or lies in it.

    A part there shows the reader a null, and the event would say less than it says.
    """
    tokens = pointer.split("/")[1:]  # no token that is looked for holds a `~`, so none is written with an escape
    return any(all(want in ("*", token) for token, want in zip(tokens, at, strict=False)) for at in _READ)


def is_asked_at(pointer: str) -> bool:
    """True when a part at this pointer hides where a request begins, or of which request it speaks."""
    return pointer.split("/")[1:2] in ([], ["datasets"], ["request"])


def is_name(value: Any) -> bool:
    """True for a non-empty string that UTF-8 can hold."""
    if not isinstance(value, str) or not value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def node_of(value: Any, kind: str) -> Node | None:
    """Return the node that an object with `namespace` and `name` names; None where it names nothing."""
    if not isinstance(value, dict) or not is_name(value.get("namespace")) or not is_name(value.get("name")):
        return None
    return Node(kind, value["namespace"], value["name"])


class _Reading:
    """One event on its way to a statement."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self.bad = 0  # pieces passed over so far: a facet is sound when reading it leaves this as it was
        self.findings: set[str] = set()
        self.pairs: set[tuple[str, Node, Node]] = set()
        self.settled: set[Node] = set()
        self.named: set[Node] = set()
        self.closed = False
        self.job: Node | None = None

    def statement(self) -> Statement:
        body = self.body
        observed = body.get("run") is not None
        if observed or body.get("job") is not None:
            self.job = self.node(body.get("job"), "job", "bad-job")
        inputs, outputs = (frozenset(self.datasets(body.get(side))) for side in ("inputs", "outputs"))
        if body.get("dataset") is not None:
            list(self.datasets([body["dataset"]]))
        self.job_facet()
        return Statement(
            run=self.run_id() if observed else "",
            job=self.job,
            observed=observed,
            ended=self.ended() if observed else "",
            inputs=inputs,
            outputs=outputs,
            pairs=frozenset(self.pairs),
            settled=frozenset(self.settled),
            closed=self.closed,
            named=frozenset(self.named),
            findings=frozenset(self.findings),
        )

    def pass_over(self, code: str) -> None:
        self.bad += 1
        self.findings.add(code)

    def run_id(self) -> str:
        run = self.body["run"]
        run_id = run.get("runId") if isinstance(run, dict) else None
        if is_name(run_id):
            return str(run_id)
        self.pass_over("bad-run")
        return ""

    def ended(self) -> str:
        match self.body.get("eventType"):
            case None | "START" | "RUNNING" | "OTHER":
                return ""
            case "COMPLETE":
                return "complete"
            case "FAIL" | "ABORT":
                return "failed"
        self.pass_over("bad-event-type")
        return ""

    def node(self, value: Any, kind: str, code: str) -> Node | None:
        """The node that `value` names; else None and a finding."""
        node = node_of(value, kind)
        if node is None:
            self.pass_over(code)
        else:
            self.named.add(node)
        return node

    def items(self, value: Any, code: str = "bad-facet") -> list[Any]:
        if value is None or isinstance(value, list):
            return value or []
        self.pass_over(code)
        return []

    def members(self, value: Any) -> dict[str, Any]:
        if value is None or isinstance(value, dict):
            return value or {}
        self.pass_over("bad-facet")
        return {}

    def facet(self, value: Any) -> dict[str, Any]:
        facet = self.members(value)
        return {} if facet.get("_deleted") is True else facet

    def datasets(self, value: Any) -> Iterator[Node]:
        for item in self.items(value, "bad-dataset"):
            node = self.node(item, "dataset", "bad-dataset")
            if node is not None:
                facets = self.members(item.get("facets"))
                self.columns(node, self.facet(facets.get("columnLineage")))
                self.explicit(node, self.facet(facets.get("lineage")))
                yield node

    def columns(self, target: Node, facet: dict[str, Any]) -> None:
        fields = [self.members(stated).get("inputFields") for stated in self.members(facet.get("fields")).values()]
        for item in (item for listed in (*fields, facet.get("dataset")) for item in self.items(listed)):
            # Not "named": producers report aliases of a query as datasets here, which nobody else ever names.
            source = node_of(item, "dataset")
            if source is None:
                self.pass_over("bad-facet")
            else:
                self.pairs.add(("column", source, target))

    def explicit(self, target: Node, entry: dict[str, Any]) -> None:
        """Take the edges that `entry` states for `target`."""
        before = self.bad
        stated = [entry.get("inputs")]
        stated += [self.members(named).get("inputs") for named in self.members(entry.get("fields")).values()]
        for item in (item for listed in stated for item in self.items(listed)):
            source = self.entity(item)
            if source is not None:
                self.pairs.add(("explicit", source, target))
        # What cannot be read in full must not hide an edge: then nothing is settled, and inference goes on.
        if self.bad == before and any(listed is not None for listed in stated):
            self.settled.add(target)

    def entity(self, item: Any) -> Node | None:
        """The dataset or job of a lineage facet; a job without a name is the event's own."""
        kind = item.get("type") if isinstance(item, dict) else "DATASET"
        if kind == "JOB":
            if item.get("namespace") is None and item.get("name") is None and self.job is not None:
                return self.job
            return self.node(item, "job", "bad-facet")
        if kind != "DATASET":
            self.pass_over("bad-facet")
        return self.node(item, "dataset", "bad-facet")

    def job_facet(self) -> None:
        job = self.body.get("job")
        before = self.bad
        facet = self.facet(self.members(job.get("facets")).get("lineage")) if isinstance(job, dict) else {}
        for entry in self.items(facet.get("entries")):
            target = self.entity(entry)
            if target is not None:
                self.explicit(target, entry)
        self.closed = self.bad == before and facet.get("entries") is not None
