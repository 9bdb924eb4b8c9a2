"""The lineage that the disclosed bodies of an answer give: a graph that every verifier folds again, and pictures of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from evidence.answer import Item
from lineage import prov, render
from proofs import derived, edges
from proofs.bundle import LINEAGE
from proofs.edges import Graph
from proofs.streams import OPENLINEAGE_TYPES

PICTURE: Final = "data/lineage.svg"
PROV: Final = "data/prov.json"


def fold(items: Iterable[Item]) -> Graph:
    """Return the graph of the disclosed OpenLineage bodies among the listed entries."""
    return edges.fold(
        (item.entry.seq, derived.structure(item.entry, item.body.data))
        for item in items
        if item.entry.type in OPENLINEAGE_TYPES and item.body.state == "disclosed"
    )


def picture(graph: Graph) -> bytes:
    """Return the graph as one static SVG document."""
    return render.svg(graph)


def files(graph: Graph, drawn: bytes) -> dict[str, bytes]:
    """Return lineage.json, its picture as `picture` drew it, and its PROV form."""
    return {LINEAGE: edges.to_json(graph), PICTURE: drawn, PROV: prov.prov_json(graph)}
