"""Where the boxes of a lineage graph stand: `lineage/place.py`, of nodes and of the edges without jobs, states and repetition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from lineage.place import Sizes, place
from proofs.edges import Graph
from proofs.statement import Node

SIZES: Final = Sizes()
BOX_WIDTH: Final = SIZES.box_width
BOX_HEIGHT: Final = SIZES.box_height

Link = tuple[Node, Node]


@dataclass(frozen=True, slots=True)
class Box:
    """A node and the left upper corner of its box, in pixels from the picture's own."""

    node: Node
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes sorted by id, links sorted by their ends' ids, and the size of the whole in pixels.

    Attributes:
        lanes: Where a link that passes layers enters each of them, left to right, as (x, y); it goes on level for the width
            of a box. A link without lanes goes straight from box to box.
    """

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    lanes: Mapping[Link, tuple[tuple[int, int], ...]]
    width: int
    height: int


def drawn(graph: Graph) -> Graph:
    """Return `graph` without the jobs that no edge ends in: those stand on the edges, not in the picture."""
    ends = {end for edge in graph.edges for end in (edge.source, edge.target)}
    return replace(graph, nodes=tuple(node for node in graph.nodes if node.kind == "dataset" or node in ends))


def layout(graph: Graph) -> Layout:
    """Return the place of every node of `drawn(graph)`; links are its edges without jobs, states and repetition."""
    graph = drawn(graph)
    ids = {node: node.id for node in graph.nodes}
    nodes = {id: node for node, id in ids.items()}
    placed = place(nodes, ((ids[edge.source], ids[edge.target]) for edge in graph.edges), sizes=SIZES)
    return Layout(
        boxes=tuple(Box(nodes[id], *corner) for id, corner in placed.corners.items()),
        links=tuple((nodes[source], nodes[target]) for source, target in placed.links),
        lanes={(nodes[source], nodes[target]): points for (source, target), points in placed.lanes.items()},
        width=placed.width,
        height=placed.height,
    )
