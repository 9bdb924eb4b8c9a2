"""A lineage graph as W3C PROV-JSON, for tools that speak PROV: datasets are entities, jobs are activities.

Ids are numbered in the graph's order (`tally:d0`, `tally:j0`), since names hold what a qualified name may not; the names
stand in attributes, as received. Every relation carries the sequence numbers of the entries that say so: as in lineage.json,
the first, and `tally:more` where there are others.

Source: W3C Member Submission "The PROV-JSON Serialization" (2013-04-24).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from proofs import jsonstrict
from proofs.edges import Edge, Graph
from proofs.seqs import Seqs, first, listed
from proofs.statement import Node

PREFIX: Final = {"tally": "urn:tallystick:prov#", "prov": "http://www.w3.org/ns/prov#"}

Said = dict[tuple[str, str], tuple[Seqs, bool]]


def prov_json(graph: Graph) -> bytes:
    """Return `graph` as PROV-JSON: sorted members, integers, strings and `true` alone, and one newline."""
    ids = _ids(graph.nodes)
    used: Said = {}
    generated: Said = {}
    for edge in graph.edges:
        for entity, activity, relation in _sides(edge):
            ends = (ids[entity], ids[activity])
            relations = used if relation == "used" else generated
            known, more = relations.get(ends, ((), False))
            seqs, beyond = listed(first(known, edge.seqs))
            relations[ends] = (seqs, more or edge.more or beyond)
    derived = {f"tally:w{n}": _derivation(edge, ids) for n, edge in enumerate(_derivations(graph.edges))}
    document = {
        "activity": {ids[node]: _names(node) for node in graph.nodes if node.kind == "job"},
        "entity": {ids[node]: _names(node) for node in graph.nodes if node.kind == "dataset"},
        "prefix": PREFIX,
        "used": _relations("u", used),
        "wasDerivedFrom": derived,
        "wasGeneratedBy": _relations("g", generated),
    }
    return jsonstrict.dumps(document) + b"\n"


def _ids(nodes: Iterable[Node]) -> dict[Node, str]:
    ids: dict[Node, str] = {}
    for kind in ("dataset", "job"):
        ids |= {node: f"tally:{kind[0]}{n}" for n, node in enumerate(node for node in nodes if node.kind == kind)}
    return ids


def _names(node: Node) -> dict[str, Any]:
    return {"prov:label": node.name, "tally:name": node.name, "tally:namespace": node.namespace}


def _sides(edge: Edge) -> Iterable[tuple[Node, Node, str]]:
    """(entity, activity, relation) for each end: what the edge's job, or a job at the other end, used or made."""
    reader = edge.target if edge.target.kind == "job" else edge.job
    writer = edge.source if edge.source.kind == "job" else edge.job
    if edge.source.kind == "dataset" and reader is not None:
        yield edge.source, reader, "used"
    if edge.target.kind == "dataset" and writer is not None:
        yield edge.target, writer, "generated"


def _derivations(edges: Iterable[Edge]) -> Iterable[Edge]:
    return (edge for edge in edges if edge.source.kind == edge.target.kind == "dataset")


def _derivation(edge: Edge, ids: dict[Node, str]) -> dict[str, Any]:
    activity = {"prov:activity": ids[edge.job]} if edge.job else {}
    return activity | {
        "prov:generatedEntity": ids[edge.target],
        "prov:usedEntity": ids[edge.source],
        "tally:origin": edge.origin,
        "tally:state": edge.state,
        **_said_by(edge.seqs, more=edge.more),
    }


def _relations(letter: str, said: Said) -> dict[str, Any]:
    return {
        f"tally:{letter}{n}": {"prov:activity": activity, "prov:entity": entity, **_said_by(seqs, more=more)}
        for n, ((entity, activity), (seqs, more)) in enumerate(sorted(said.items()))
    }


def _said_by(seqs: Seqs, *, more: bool) -> dict[str, Any]:
    return {"tally:seqs": list(seqs)} | ({"tally:more": True} if more else {})
