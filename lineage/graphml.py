"""The graph around a dataset as GraphML, for tools that compute on graphs: networkx writes it and reads it back.

Ids are numbered in the graph's order (`n0`), since names come from strangers; the names stand in attributes, where whatever XML
cannot hold is U+FFFD. Only a bounded part is asked for: networkx holds each edge as a dictionary of its own.

Source: http://graphml.graphdrawing.org/specification.html.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

import sqlite_utils

from lineage.query import to_networkx
from lineage.render import NOT_XML
from proofs.statement import Node


def graphml(db: sqlite_utils.Database, nodes: Iterable[Node]) -> bytes:
    """Return `nodes` as far as they are recorded and the edges between them, with their evidence (`seqs`, `more`), as GraphML."""
    import networkx

    found = to_networkx(db, nodes)
    drawn = sorted(node for node in found if node.kind == "dataset" or found.degree(node))  # other jobs stand on edges
    ids = {node: f"n{number}" for number, node in enumerate(drawn)}
    written: networkx.MultiDiGraph[str] = networkx.MultiDiGraph()
    for node, id in ids.items():
        written.add_node(
            id,
            kind=node.kind,
            namespace=_text(node.namespace),
            name=_text(node.name),
            unresolved=found.nodes[node]["unresolved"],
        )
    edges = sorted(found.edges(keys=True, data=True), key=lambda edge: edge[:3])
    for number, (source, target, _, said) in enumerate(edges):
        seqs = " ".join(str(seq) for seq in said["seqs"])
        written.add_edge(
            ids[source],
            ids[target],
            key=f"e{number}",
            job=_text(said["job"]),
            state=said["state"],
            origin=said["origin"],
            seqs=seqs,
            more=said["more"],
        )
    buffer = io.BytesIO()
    networkx.write_graphml_xml(written, buffer, encoding="utf-8")
    return buffer.getvalue().rstrip(b"\n") + b"\n"


def _text(text: str) -> str:
    return NOT_XML.sub("�", text)
