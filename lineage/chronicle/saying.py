"""What one event says, apart from when, and of which run: the same words of a thousand runs are one value.

The rules are docs/formats/chronicle.md, "One event". Nothing raises: what cannot be read is passed over.

Source: OpenLineage 2-0-2; ColumnLineageDatasetFacet 1-2-0, LineageFacet 1-0-0, SymlinksDatasetFacet 1-0-1,
LifecycleStateChangeDatasetFacet 1-0-1, ParentRunFacet 1-2-0, JobTypeJobFacet 2-0-4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from lineage.chronicle.vertex import Vertex, dataset, job
from proofs.statement import is_name, node_of

# (source, its column, the target's column, "direct" or "indirect"); empty columns: the whole of it.
Pair = tuple[Vertex, str, str, str]
Pairs = tuple[Pair, ...]
# ("parent" or "root", its job, its run id or nothing)
Parents = tuple[tuple[str, Vertex, str], ...]

SNAPSHOT: Final = "COMPLETE_SNAPSHOT"
TEST: Final = "TEST"
STATEMENTS: Final = frozenset(("SQL", "QUERY", "COMMAND"))


class Saying(NamedTuple):
    """What one event says. A facet that deletes itself is there, and has nothing in it.

    Attributes:
        columns: (dataset, pairs) for each columnLineage facet.
        explicit: (dataset, pairs, whether that settles it) for each lineage facet of a dataset.
        entries: (target, pairs, whether that settles it) of the job's lineage facet; None where there is none.
        closed: The job's facet states all edges.
        symlinks: (dataset, its other names) for each symlinks facet.
        changes: (dataset, change, its name before, None without one) for each lifecycleStateChange facet.
        parents: ("parent" or "root", job) as far as they are given.
        pattern: What the jobType facet says of eventContentMode; None without that facet.
        purpose: What it says of jobType; None without that facet.
        named: Every dataset and job that is named otherwise than as the source of a column.
    """

    inputs: tuple[Vertex, ...] = ()
    outputs: tuple[Vertex, ...] = ()
    columns: tuple[tuple[Vertex, Pairs], ...] = ()
    explicit: tuple[tuple[Vertex, Pairs, bool], ...] = ()
    entries: tuple[tuple[Vertex, Pairs, bool], ...] | None = None
    closed: bool = False
    symlinks: tuple[tuple[Vertex, tuple[Vertex, ...]], ...] = ()
    changes: tuple[tuple[Vertex, str, Vertex | None], ...] = ()
    parents: tuple[tuple[str, Vertex], ...] = ()
    pattern: str | None = None
    purpose: str | None = None
    named: tuple[Vertex, ...] = ()


def mentioned(said: Saying) -> set[Vertex]:
    """Return every dataset and job that is named in any way."""
    stated = [pairs for _, pairs in said.columns]
    stated += [pairs for _, pairs, _ in (*said.explicit, *(said.entries or ()))]
    sources = {pair[0] for pairs in stated for pair in pairs}
    return sources.union(said.named, (above for _, above in said.parents))


def read_saying(body: Mapping[str, Any], owner: Vertex | None) -> Saying:
    """Return what the event of the job `owner` says, sorted where it has no order of its own."""
    return _Reading(owner).saying(body)


def members(value: Any) -> dict[str, Any]:
    """Return an object's members; none of what is no object."""
    return value if isinstance(value, dict) else {}


class _Reading:
    """One event on its way to a saying; `bad` counts what was passed over."""

    def __init__(self, owner: Vertex | None) -> None:
        self.owner = owner
        self.bad = 0
        self.named: set[Vertex] = set() if owner is None else {owner}
        self.columns: dict[Vertex, Pairs] = {}
        self.explicit: dict[Vertex, tuple[Pairs, bool]] = {}
        self.symlinks: dict[Vertex, tuple[Vertex, ...]] = {}
        self.changes: set[tuple[Vertex, str, Vertex | None]] = set()

    def saying(self, body: Mapping[str, Any]) -> Saying:
        inputs, outputs = (self.datasets(body.get(side)) for side in ("inputs", "outputs"))
        if body.get("dataset") is not None:
            self.datasets([body["dataset"]])
        facets = members(members(body.get("job")).get("facets"))
        entries, closed = self.entries(facets.get("lineage"))
        return Saying(
            inputs=tuple(sorted(inputs)),
            outputs=tuple(sorted(outputs)),
            columns=tuple(sorted(self.columns.items())),
            explicit=tuple(sorted((target, *stated) for target, stated in self.explicit.items())),
            entries=entries,
            closed=closed,
            symlinks=tuple(sorted(self.symlinks.items())),
            changes=tuple(sorted(self.changes, key=repr)),
            parents=tuple(
                each[:2] for each in read_parents(members(members(body.get("run")).get("facets")).get("parent"))
            ),
            pattern=_said(facets.get("jobType"), "emissionPattern", "eventContentMode"),
            purpose=_said(facets.get("jobType"), "jobType"),
            named=tuple(sorted(self.named)),
        )

    def items(self, value: Any) -> list[Any]:
        if value is None or isinstance(value, list):
            return value or []
        self.bad += 1
        return []

    def object(self, value: Any) -> dict[str, Any]:
        if value is None or isinstance(value, dict):
            return value or {}
        self.bad += 1
        return {}

    def datasets(self, value: Any) -> set[Vertex]:
        """The datasets of an array, whose facets are read; of a dataset that is named twice, all that is said."""
        found: set[Vertex] = set()
        for item in value if isinstance(value, list) else []:
            if (node := node_of(item, "dataset")) is not None:
                vertex = dataset(node.namespace, node.name)
                found.add(vertex)
                self.facets(vertex, members(item.get("facets")))
        self.named |= found
        return found

    def facets(self, vertex: Vertex, facets: Mapping[str, Any]) -> None:
        if (stated := facets.get("columnLineage")) is not None:
            known = self.columns.get(vertex, ())
            self.columns[vertex] = tuple(sorted({*known, *self.column_pairs(_kept(stated))}))
        if (stated := facets.get("lineage")) is not None:
            pairs, settles = self.explicit_pairs(_kept(stated))
            before, settled = self.explicit.get(vertex, ((), False))
            self.explicit[vertex] = (tuple(sorted({*before, *pairs})), settles or settled)
        if (stated := facets.get("symlinks")) is not None:
            names = (node_of(item, "dataset") for item in self.items(_kept(stated).get("identifiers")))
            others = {dataset(node.namespace, node.name) for node in names if node is not None}
            self.named |= others
            self.symlinks[vertex] = tuple(sorted(others - {vertex}))
        change = _kept(facets.get("lifecycleStateChange"))
        if is_name(word := change.get("lifecycleStateChange")):
            was = node_of(change.get("previousIdentifier"), "dataset")
            previous = None if was is None else dataset(was.namespace, was.name)
            if previous is not None:
                self.named.add(previous)
            self.changes.add((vertex, str(word), previous))

    def column_pairs(self, facet: Mapping[str, Any]) -> Pairs:
        fields = self.object(facet.get("fields"))
        found: set[Pair] = set()
        for name, stated in fields.items():
            for item in self.items(self.object(stated).get("inputFields")):
                found.update(self.pairs_of(item, name, "direct"))
        for item in self.items(facet.get("dataset")):
            found.update(self.pairs_of(item, "", "indirect"))
        return tuple(sorted(found))

    def pairs_of(self, item: Any, target: str, otherwise: str) -> Iterator[Pair]:
        """What one input column gives: a pair for each kind of its transformations."""
        node = node_of(item, "dataset")
        if node is None:
            self.bad += 1
            return
        # Not "named": producers report aliases of a query as datasets here, which nobody else ever names.
        for kind in _kinds(item) or (otherwise,):
            yield (dataset(node.namespace, node.name), _column(item.get("field")), _column(target), kind)

    def explicit_pairs(self, stated: Mapping[str, Any]) -> tuple[Pairs, bool]:
        """What an entry or a facet states for its target, and whether it was read in full and says anything at all."""
        before = self.bad
        lists = [("", stated.get("inputs"))]
        lists += [(name, self.object(each).get("inputs")) for name, each in self.object(stated.get("fields")).items()]
        found: set[Pair] = set()
        for target, listed in lists:
            for item in self.items(listed):
                if (source := self.entity(item)) is not None:
                    own = _column(item.get("field"))
                    found.update((source, own, _column(target), kind) for kind in _kinds(item) or ("direct",))
        settles = self.bad == before and any(listed is not None for _, listed in lists)
        return tuple(sorted(found)), settles

    def entity(self, item: Any) -> Vertex | None:
        """The dataset or job of a lineage facet; a job without a name is the event's own."""
        kind = item.get("type") if isinstance(item, dict) else "DATASET"
        if kind == "JOB" and item.get("namespace") is None and item.get("name") is None and self.owner is not None:
            return self.owner
        if kind not in ("JOB", "DATASET"):
            self.bad += 1
        node = node_of(item, "job" if kind == "JOB" else "dataset")
        if node is None:
            self.bad += 1
            return None
        vertex = (job if kind == "JOB" else dataset)(node.namespace, node.name)
        self.named.add(vertex)
        return vertex

    def entries(self, facet: Any) -> tuple[tuple[tuple[Vertex, Pairs, bool], ...] | None, bool]:
        if facet is None:
            return None, False
        before = self.bad
        self.object(facet)
        stated = _kept(facet).get("entries")
        found: dict[Vertex, tuple[Pairs, bool]] = {}
        for entry in self.items(stated):
            if (target := self.entity(entry)) is not None:
                pairs, settles = self.explicit_pairs(entry)
                known = found.get(target, ((), False))
                found[target] = (tuple(sorted({*known[0], *pairs})), settles or known[1])
        closed = self.bad == before and stated is not None
        return tuple(sorted((target, *each) for target, each in found.items())), closed


def _kept(facet: Any) -> dict[str, Any]:
    """A facet's members; none where it deletes itself."""
    found = members(facet)
    return {} if found.get("_deleted") is True else found


def _kinds(item: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of an input's transformations, as far as they are told."""
    stated = item.get("transformations")
    kinds = [members(each).get("type") for each in stated] if isinstance(stated, list) else []
    return tuple(word.lower() for word in ("DIRECT", "INDIRECT") if word in kinds)


def _column(value: Any) -> str:
    return str(value) if is_name(value) else ""


def read_parents(facet: Any) -> Parents:
    """Return ("parent" or "root", its job, its run id or nothing) as far as a parent facet gives them."""
    stated = _kept(facet)
    found = []
    for word, place in (("parent", stated), ("root", members(stated.get("root")))):
        node = node_of(place.get("job"), "job")
        run = members(place.get("run")).get("runId")
        if node is not None:
            found.append((word, job(node.namespace, node.name), _column(run)))
    return tuple(found)


def _said(facet: Any, *path: str) -> str | None:
    """The text that stands in a facet at `path`, empty for none; None without that facet."""
    if facet is None:
        return None
    found: Any = _kept(facet)
    for step in path:
        found = members(found).get(step)
    return found if isinstance(found, str) else ""
