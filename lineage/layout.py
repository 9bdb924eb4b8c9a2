"""Where the boxes of a lineage graph stand: the same graph, the same picture, on any machine.

Layers by the longest path from a source, after edges that close a cycle are left out of the reckoning; within a layer, a
few sweeps by barycentre. All arithmetic is on integers and fractions, and every tie is broken by a node's id, so nothing
depends on the order of the input, on hashing or on a processor's floating point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from proofs.edges import Graph
from proofs.statement import Node

BOX_WIDTH: Final = 220
BOX_HEIGHT: Final = 44
LAYER_GAP: Final = 90
ROW_GAP: Final = 18
MARGIN: Final = 20
SWEEPS: Final = 4

Link = tuple[Node, Node]


@dataclass(frozen=True, slots=True)
class Box:
    """A node and the left upper corner of its box, in pixels from the picture's own."""

    node: Node
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes sorted by id, links sorted by their ends' ids, and the size of the whole in pixels."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
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
    nodes = sorted(graph.nodes, key=ids.__getitem__)
    links = sorted(
        {(edge.source, edge.target) for edge in graph.edges if edge.source != edge.target},
        key=lambda link: (ids[link[0]], ids[link[1]]),
    )
    layers = _ordered(_layers(nodes, _without_cycles(nodes, links)), links, ids)
    tallest = max((len(layer) for layer in layers), default=0)
    boxes = [
        Box(node, MARGIN + column * (BOX_WIDTH + LAYER_GAP), MARGIN + _top(row, len(layer), tallest))
        for column, layer in enumerate(layers)
        for row, node in enumerate(layer)
    ]
    return Layout(
        boxes=tuple(sorted(boxes, key=lambda box: ids[box.node])),
        links=tuple(links),
        width=2 * MARGIN + max(len(layers) * (BOX_WIDTH + LAYER_GAP) - LAYER_GAP, BOX_WIDTH),
        height=2 * MARGIN + max(tallest * (BOX_HEIGHT + ROW_GAP) - ROW_GAP, BOX_HEIGHT),
    )


def _top(row: int, rows: int, tallest: int) -> int:
    return row * (BOX_HEIGHT + ROW_GAP) + (tallest - rows) * (BOX_HEIGHT + ROW_GAP) // 2


def _without_cycles(nodes: Sequence[Node], links: Iterable[Link]) -> list[Link]:
    """The links that a depth-first walk in the order of ids does not find leading back into its own path."""
    following: dict[Node, list[Node]] = {node: [] for node in nodes}
    for source, target in links:
        following[source].append(target)
    kept: list[Link] = []
    open_: set[Node] = set()
    done: set[Node] = set()
    for start in nodes:
        # A stack of our own: a lineage of ten thousand steps is deeper than Python's.
        stack = [(start, iter(following[start]))] if start not in done else []
        open_.update(node for node, _ in stack)
        while stack:
            node, rest = stack[-1]
            for target in rest:
                if target in open_:
                    continue
                kept.append((node, target))
                if target not in done:
                    open_.add(target)
                    stack.append((target, iter(following[target])))
                    break
            else:
                stack.pop()
                open_.discard(node)
                done.add(node)
    return kept


def _layers(nodes: Sequence[Node], links: Iterable[Link]) -> list[list[Node]]:
    """Nodes by the length of the longest path that leads to them; a source stands just before what first uses it."""
    following: dict[Node, list[Node]] = {node: [] for node in nodes}
    waiting = dict.fromkeys(nodes, 0)
    for source, target in links:
        following[source].append(target)
        waiting[target] += 1
    depth = dict.fromkeys(nodes, 0)
    sources = [node for node in nodes if not waiting[node]]
    ready = list(sources)
    for node in ready:  # grows as it is walked
        for target in following[node]:
            depth[target] = max(depth[target], depth[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for node in sources:
        depth[node] = min((depth[target] for target in following[node]), default=1) - 1
    layers: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        layers[depth[node]].append(node)
    return layers


def _ordered(layers: list[list[Node]], links: Iterable[Link], ids: Mapping[Node, str]) -> list[list[Node]]:
    """Layers with their nodes near their neighbours, so that fewer lines cross."""
    before: dict[Node, list[Node]] = {node: [] for node in ids}
    after: dict[Node, list[Node]] = {node: [] for node in ids}
    for source, target in links:
        before[target].append(source)
        after[source].append(target)
    for sweep in range(SWEEPS):
        neighbours = before if sweep % 2 == 0 else after
        # Places are fractions of the layer's height, or a long layer would pull more than a short one.
        place = {node: Fraction(2 * row + 1, 2 * len(layer)) for layer in layers for row, node in enumerate(layer)}
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            for node in layer:
                near = neighbours[node]
                if near:
                    place[node] = sum((place[other] for other in near), Fraction(0)) / len(near)
            layer.sort(key=lambda node: (place[node], ids[node]))
            place.update((node, Fraction(2 * row + 1, 2 * len(layer))) for row, node in enumerate(layer))
    return layers
