"""Where the boxes of a lineage graph stand: the same graph, the same picture, on any machine.

Layers by the longest path from a source, after edges that close a cycle are left out of the reckoning; within a layer, a
few sweeps by barycentre. An edge that passes layers has a lane in each of them, where no box stands: behind one, it would
be read as that box's own. All arithmetic is on integers and fractions, and every tie is broken by a node's id, so nothing
depends on the order of the input, on hashing or on a processor's floating point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Final

from proofs.edges import Graph
from proofs.statement import Node

BOX_WIDTH: Final = 220
BOX_HEIGHT: Final = 44
LAYER_GAP: Final = 90
ROW_GAP: Final = 18
LANE_HEIGHT: Final = 8
MARGIN: Final = 20
SWEEPS: Final = 4
MAX_LANES: Final = 10_000  # beyond them the longest edges go straight: nobody follows one among so many

Link = tuple[Node, Node]


@dataclass(frozen=True, slots=True)
class Lane:
    """The room of one edge in a layer that it passes."""

    link: Link
    column: int

    @property
    def id(self) -> str:
        """What breaks a tie between two."""
        return f"{self.link[0].id}\n{self.link[1].id}"


Item = Node | Lane


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
    nodes = sorted(graph.nodes, key=ids.__getitem__)
    links = sorted(
        {(edge.source, edge.target) for edge in graph.edges if edge.source != edge.target},
        key=lambda link: (ids[link[0]], ids[link[1]]),
    )
    layers = _layers(nodes, _without_cycles(nodes, links))
    lanes = _lanes(layers, links)
    steps = [step for link in links for step in pairwise(_path(link, lanes.get(link, ())))]
    items: list[list[Item]] = [list(layer) for layer in layers]
    for lane in (lane for link in links for lane in lanes.get(link, ())):
        items[lane.column].append(lane)
    placed = _placed(_ordered(items, steps))
    heights = [_height(layer) for layer in items]
    return Layout(
        boxes=tuple(Box(node, *placed[node]) for node in nodes),
        links=tuple(links),
        lanes={link: tuple(placed[lane] for lane in through) for link, through in lanes.items()},
        width=2 * MARGIN + max(len(layers) * (BOX_WIDTH + LAYER_GAP) - LAYER_GAP, BOX_WIDTH),
        height=2 * MARGIN + max(*heights, BOX_HEIGHT, 0),
    )


def _path(link: Link, through: Sequence[Lane]) -> list[Item]:
    return [link[0], *through, link[1]]


def _placed(layers: Sequence[Sequence[Item]]) -> dict[Item, tuple[int, int]]:
    """The left upper corner of every box, and the left end of every lane; each layer in the middle of the height."""
    tallest = max(map(_height, layers), default=0)
    placed: dict[Item, tuple[int, int]] = {}
    for column, layer in enumerate(layers):
        y = MARGIN + (tallest - _height(layer)) // 2
        for item in layer:
            is_lane = isinstance(item, Lane)
            placed[item] = (MARGIN + column * (BOX_WIDTH + LAYER_GAP), y + LANE_HEIGHT // 2 if is_lane else y)
            y += (LANE_HEIGHT if is_lane else BOX_HEIGHT) + ROW_GAP
    return placed


def _height(layer: Sequence[Item]) -> int:
    return sum((LANE_HEIGHT if isinstance(item, Lane) else BOX_HEIGHT) + ROW_GAP for item in layer) - ROW_GAP


def _lanes(layers: Sequence[Sequence[Node]], links: Iterable[Link]) -> dict[Link, tuple[Lane, ...]]:
    """The lanes of the links that pass layers; the shortest have theirs first, and those for which there is no more have none."""
    depth = {node: column for column, layer in enumerate(layers) for node in layer}
    passing = [link for link in links if depth[link[1]] - depth[link[0]] > 1]
    lanes: dict[Link, tuple[Lane, ...]] = {}
    left = MAX_LANES
    for source, target in sorted(passing, key=lambda link: depth[link[1]] - depth[link[0]]):  # stable: then as given
        columns = range(depth[source] + 1, depth[target])
        left -= len(columns)
        if left < 0:
            break
        lanes[source, target] = tuple(Lane((source, target), column) for column in columns)
    return lanes


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


def _ordered(layers: list[list[Item]], steps: Iterable[tuple[Item, Item]]) -> list[list[Item]]:
    """Layers with their items near their neighbours, so that fewer lines cross."""
    ids = {item: item.id for layer in layers for item in layer}
    before: dict[Item, list[Item]] = {item: [] for item in ids}
    after: dict[Item, list[Item]] = {item: [] for item in ids}
    for source, target in steps:
        before[target].append(source)
        after[source].append(target)
    for sweep in range(SWEEPS):
        neighbours = before if sweep % 2 == 0 else after
        # Places are fractions of the layer's height, or a long layer would pull more than a short one.
        place = {item: Fraction(2 * row + 1, 2 * len(layer)) for layer in layers for row, item in enumerate(layer)}
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            for item in layer:
                near = neighbours[item]
                if near:
                    place[item] = sum((place[other] for other in near), Fraction(0)) / len(near)
            layer.sort(key=lambda item: (place[item], ids[item]))
            place.update((item, Fraction(2 * row + 1, 2 * len(layer))) for row, item in enumerate(layer))
    return layers
