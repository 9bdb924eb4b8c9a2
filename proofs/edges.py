"""From OpenLineage events to edges, whatever their order and however often they came (I20).

The statements of one run (proofs.statement) are united, and only then edges are derived. Union has no order, so no
permutation and no repetition of the events changes a node, an edge or a state. Sequence numbers stand beside, the
first of them (proofs.seqs). The ledger's projection and the offline verifier both call this file; the rules and the bytes of
`lineage.json` are docs/formats/lineage.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

from proofs import jsonstrict
from proofs.digest import sha256
from proofs.seqs import Seqs, first, listed, note
from proofs.statement import Node, Statement, read

# Above it a run is drawn through its job: so edges grow with the names that were sent, and not with their square.
PAIRS_PER_NAME: Final = 8
STATES: Final = ("declared", "attempted", "open", "committed")  # the later wins

N = TypeVar("N")
EdgeKey = tuple[Node, Node, Node | None, str]


@dataclass(frozen=True, slots=True)
class Edge:
    """`target` derives from `source`, says `job`.

    Attributes:
        origin: "table" (inputs × outputs), "explicit" (lineage facet), "column" (columnLineage facet) or "hub".
        state: One of STATES.
        seqs: The first entries that say so, ascending.
        more: There are others.
    """

    source: Node
    target: Node
    job: Node | None
    origin: str
    state: str
    seqs: Seqs
    more: bool = False


class Finding(NamedTuple):
    """What was passed over in the events `seqs`, and in others where there are `more`."""

    code: str
    seqs: Seqs
    more: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes sorted by id; edges by from, to, job and origin; findings by code.

    `unresolved` are the datasets that only a column names as its source.
    """

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    unresolved: frozenset[Node] = frozenset()
    findings: tuple[Finding, ...] = ()


def is_hub(inputs: int, outputs: int) -> bool:
    """True when so many inputs and outputs of a run are drawn through its job."""
    return inputs * outputs > PAIRS_PER_NAME * (inputs + outputs)


def derive(
    job: N | None,
    inputs: Collection[N],
    outputs: Collection[N],
    *,
    pairs: Iterable[tuple[str, N, N]],
    settled: Collection[N],
    closed: bool,
) -> set[tuple[str, N, N]]:
    """Return (origin, source, target) for everything that one run, or one event alone, says.

    With nothing settled and not closed, nothing is taken back: these are the edges that a closure is walked along.
    """
    found = {
        (origin, source, target) for origin, source, target in pairs if origin != "column" or target not in settled
    }
    if job is None or closed:
        return found
    free = [output for output in outputs if output not in settled]
    if is_hub(len(inputs), len(outputs)):
        found.update(("hub", source, job) for source in inputs)
        found.update(("hub", job, target) for target in free)
    else:
        found.update(("table", source, target) for source in inputs for target in free)
    return found


def state_of(*, observed: bool, completed: bool, failed: bool) -> str:
    """Return the state that one run gives to its edges."""
    if not observed:
        return "declared"
    if completed:
        return "committed"
    return "attempted" if failed else "open"


@dataclass(slots=True)
class _Run:
    """The union of the statements of one run, or one statement alone."""

    job: Node | None
    observed: bool
    inputs: dict[Node, Seqs] = field(default_factory=dict)
    outputs: dict[Node, Seqs] = field(default_factory=dict)
    pairs: dict[tuple[str, Node, Node], Seqs] = field(default_factory=dict)
    settled: set[Node] = field(default_factory=set)
    closed: bool = False
    ends: dict[str, Seqs] = field(default_factory=dict)

    def add(self, seq: int, said: Statement) -> None:
        for seen, now in ((self.inputs, said.inputs), (self.outputs, said.outputs)):
            for node in now:
                note(seen, node, seq)
        for pair in said.pairs:
            note(self.pairs, pair, seq)
        self.settled |= said.settled
        self.closed = self.closed or said.closed
        if said.ended:
            note(self.ends, said.ended, seq)

    def edges(self) -> Iterator[tuple[EdgeKey, str, Seqs]]:
        """Each edge with its state and the first entries that say so: that name it, or decide the state."""
        state = state_of(observed=self.observed, completed="complete" in self.ends, failed="failed" in self.ends)
        deciding = self.ends.get("complete") or self.ends.get("failed") or ()
        found = derive(self.job, self.inputs, self.outputs, pairs=self.pairs, settled=self.settled, closed=self.closed)
        for origin, source, target in found:
            if origin in ("table", "hub"):
                said_by = first(self.inputs.get(source, ()), self.outputs.get(target, ()), deciding)
            else:
                said_by = first(self.pairs[origin, source, target], deciding)
            yield (source, target, self.job, origin), state, said_by


@dataclass(slots=True)
class _Way:
    """From the inputs of one run, or of one statement alone: to `leads`, its outputs or, where it is a hub, its job."""

    inputs: set[Node] = field(default_factory=set)
    outputs: set[Node] = field(default_factory=set)
    leads: set[Node] = field(default_factory=set)
    is_hub: bool = False


class Successors:
    """What every node leads to when no statement takes back what another says, growing event by event.

    As `reach` would walk the edges that `derive` gives with nothing settled and not closed; but outputs are kept once a run
    and not once an input, so that it grows with the names in the events and not with their pairs.
    """

    def __init__(self) -> None:
        self._pairs: dict[Node, set[Node]] = {}
        self._next: dict[Node, list[set[Node]]] = {}
        self._ways: dict[tuple[str, Node], _Way] = {}

    def add(self, said: Statement) -> None:
        """Take in what one event says."""
        for _, source, target in said.pairs:
            self._pairs.setdefault(source, set()).add(target)
        if said.job is None:
            return
        way = self._ways.setdefault((said.run, said.job), _Way()) if said.run else _Way()
        for source in said.inputs - way.inputs:
            self._next.setdefault(source, []).append(way.leads)  # one set for all inputs: what is added later, they see
        way.inputs |= said.inputs
        way.outputs |= said.outputs
        if way.is_hub:
            return
        way.is_hub = is_hub(len(way.inputs), len(way.outputs))  # once it is one, more names leave it one
        if way.is_hub:
            way.leads.clear()
            way.leads.add(said.job)
            self._next.setdefault(said.job, []).append(way.outputs)
        else:
            way.leads |= said.outputs

    def of(self, node: Node) -> Iterator[Node]:
        """Each node that this one leads to, some more than once."""
        yield from self._pairs.get(node, ())
        for targets in self._next.get(node, ()):
            yield from targets


def fold(bodies: Iterable[tuple[int, Any]]) -> Graph:
    """Return the graph of the events; the same for every order and every repetition of them, seqs aside.

    Args:
        bodies: Pairs of an entry's seq and its parsed body; a body without structure is given as None.
    """
    runs: dict[tuple[str, Node], _Run] = {}
    alone: list[_Run] = []
    named: set[Node] = set()
    findings: dict[str, Seqs] = {}
    for seq, body in bodies:
        said = read(body)
        named |= said.named
        for code in said.findings:
            note(findings, code, seq)
        if said.run and said.job is not None:
            run = runs.setdefault((said.run, said.job), _Run(said.job, observed=True))
        else:
            alone.append(run := _Run(said.job, observed=said.observed))
        run.add(seq, said)
    merged: dict[EdgeKey, tuple[str, Seqs]] = {}
    mentioned = set(named)
    for run in (*runs.values(), *alone):
        mentioned.update(source for _, source, _ in run.pairs)
        for key, state, seqs in run.edges():
            best, known = merged.get(key, (state, ()))
            merged[key] = (max(best, state, key=STATES.index), first(known, seqs) if known else seqs)
    return assemble(
        mentioned,
        (Edge(*key, state, *listed(seqs)) for key, (state, seqs) in merged.items()),
        unresolved=mentioned - named,
        findings=findings,
    )


def assemble(
    nodes: Iterable[Node],
    edges: Iterable[Edge],
    *,
    unresolved: Iterable[Node] = (),
    findings: Mapping[str, Seqs] | None = None,
) -> Graph:
    """Return a graph with everything in its order; `nodes` hold the ends of all `edges`, `findings` what is kept of each."""
    ids: dict[Node | None, str] = {node: node.id for node in nodes}
    ids[None] = ""

    def place(edge: Edge) -> tuple[str, str, str, str]:
        return (ids[edge.source], ids[edge.target], ids[edge.job], edge.origin)

    return Graph(
        nodes=tuple(sorted((node for node in ids if node is not None), key=ids.__getitem__)),
        edges=tuple(sorted(edges, key=place)),
        unresolved=frozenset(unresolved),
        findings=tuple(Finding(code, *listed(seqs)) for code, seqs in sorted((findings or {}).items())),
    )


def reach(graph: Graph, seeds: Iterable[Node], *, upstream: bool = False) -> dict[Node, int]:
    """Return every node that the edges drawn lead to from `seeds`, they included, with its distance counted in datasets.

    Every state and origin counts. What a statement took back is not drawn; a deletion walks that, too (`Successors`).
    """
    neighbours: dict[Node, list[Node]] = {}
    for edge in graph.edges:
        start, end = (edge.target, edge.source) if upstream else (edge.source, edge.target)
        neighbours.setdefault(start, []).append(end)
    distance = dict.fromkeys(seeds, 0)
    level, now = list(distance), 0
    while level:
        later: list[Node] = []
        while level:
            for node in neighbours.get(level.pop(), ()):
                if node not in distance:
                    is_job = node.kind == "job"  # passing through a job is not a step
                    distance[node] = now if is_job else now + 1
                    (level if is_job else later).append(node)
        level, now = later, now + 1
    return distance


def closure_hash(nodes: Iterable[Node]) -> str:
    """Return the 64 hex digits that stand for a set of datasets in a deletion's plan; jobs are passed over."""
    ids = sorted({node.id for node in nodes if node.kind == "dataset"})
    return sha256(b"tallystick/closure/v1\n" + "".join(f"{id}\n" for id in ids).encode()).hex()


def to_json(graph: Graph) -> bytes:
    """Return the bytes of `lineage.json`: canonical JSON and one newline."""
    ids = {node: node.id for node in graph.nodes}

    def listed(kind: str) -> list[dict[str, Any]]:
        return [
            {"id": ids[node], "name": node.name, "namespace": node.namespace}
            | ({"unresolved": True} if node in graph.unresolved else {})
            for node in graph.nodes
            if node.kind == kind
        ]

    def said_by(what: Edge | Finding) -> dict[str, Any]:
        return {"seqs": list(what.seqs)} | ({"more": True} if what.more else {})

    def printed(edge: Edge) -> dict[str, Any]:
        job = {"job": ids[edge.job]} if edge.job else {}
        ends = {"from": ids[edge.source], "to": ids[edge.target]}
        return job | ends | said_by(edge) | {"origin": edge.origin, "state": edge.state}

    document = {
        "datasets": listed("dataset"),
        "edges": [printed(edge) for edge in graph.edges],
        "findings": [{"code": finding.code} | said_by(finding) for finding in graph.findings],
        "jobs": listed("job"),
        "v": 1,
    }
    return jsonstrict.dumps(document) + b"\n"
