"""Where the boxes of any graph stand: the same ids and links, the same places, on any machine.

Layers by the longest path from a source, after links that close a cycle are left out of the reckoning; within a layer, a few
sweeps by barycentre, of which the one with the fewest crossings stands. A link that passes layers has a lane in each of them,
where no box stands: behind one, it would be read as that box's own. All arithmetic is on integers, and every tie is broken by
an id, so nothing depends on the order of the input, on hashing or on a processor's floating point.

What it takes grows with nodes and links, whatever their shape: lanes are bounded, and so is the counting of crossings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lineage.sweep import ordered

MAX_LANES: Final = 10_000  # beyond them the longest links go straight: nobody follows one among so many

Point = tuple[int, int]
Link = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of what is drawn, in pixels; `box_height` is that of a node without one of its own."""

    box_width: int = 220
    box_height: int = 44
    layer_gap: int = 90
    row_gap: int = 18
    lane_height: int = 8
    margin: int = 20


@dataclass(frozen=True, slots=True)
class Placed:
    """Where everything stands, in pixels from the picture's left upper corner.

    Attributes:
        corners: The left upper corner of each node's box, sorted by id.
        links: Without repetition and without those that lead to their own beginning, sorted.
        lanes: Where a link that passes layers enters each of them, left to right; it goes on level for the width of a box. A
            link without lanes goes straight from box to box.
        heights: Those of the nodes that are not `sizes.box_height`.
    """

    corners: Mapping[str, Point]
    links: tuple[Link, ...]
    lanes: Mapping[Link, tuple[Point, ...]]
    width: int
    height: int
    sizes: Sizes
    heights: Mapping[str, int]

    def route(self, link: Link) -> tuple[Point, ...]:
        """Return the points of a link's line: out of its source, in and out of each of its lanes, and into its target."""
        source, target = link
        wide = self.sizes.box_width
        points = [(self.corners[source][0] + wide, self._middle(source))]
        for x, y in self.lanes.get(link, ()):
            points += [(x, y), (x + wide, y)]
        return (*points, (self.corners[target][0], self._middle(target)))

    def _middle(self, node: str) -> int:
        return self.corners[node][1] + self.heights.get(node, self.sizes.box_height) // 2


def place(
    nodes: Iterable[str],
    links: Iterable[Link],
    *,
    sizes: Sizes = Sizes(),
    heights: Mapping[str, int] | None = None,
) -> Placed:
    """Return the place of every node, and the way of every link between two of them.

    Args:
        nodes: Any ids; what they stand for is nothing to this.
        links: From left to right. MUST have both ends among `nodes`.
        heights: Of the nodes whose boxes are not as high as the others.
    """
    names = sorted(set(nodes))
    number = {name: at for at, name in enumerate(names)}
    pairs = sorted({(number[source], number[target]) for source, target in links if source != target})
    columns = _columns(len(names), _without_cycles(len(names), pairs))
    lanes = _lanes(columns, pairs)
    items, steps = _items(columns, lanes, pairs)
    own = {number[name]: height for name, height in (heights or {}).items() if name in number}
    high = [
        own.get(item, sizes.box_height) if item < len(names) else sizes.lane_height for item in range(_count(items))
    ]
    corners, tallest = _corners(ordered(items, steps, _ranks(len(names), lanes)), high, sizes)
    middle = sizes.lane_height // 2
    return Placed(
        corners={name: corners[at] for at, name in enumerate(names)},
        links=tuple((names[source], names[target]) for source, target in pairs),
        lanes={
            (names[source], names[target]): tuple((corners[lane][0], corners[lane][1] + middle) for lane in through)
            for (source, target), through in lanes.items()
        },
        width=2 * sizes.margin
        + max(len(items) * (sizes.box_width + sizes.layer_gap) - sizes.layer_gap, sizes.box_width),
        height=2 * sizes.margin + max(tallest, sizes.box_height),
        sizes=sizes,
        heights={names[at]: height for at, height in sorted(own.items())},
    )


def _without_cycles(count: int, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The links that a depth-first walk in the order of ids does not find leading back into its own path."""
    following = _following(count, pairs)
    kept: list[tuple[int, int]] = []
    is_open, is_done = bytearray(count), bytearray(count)
    for start in range(count):
        # A stack of our own: a lineage of ten thousand steps is deeper than Python's.
        stack = [] if is_done[start] else [(start, iter(following[start]))]
        is_open[start] = bool(stack)
        while stack:
            node, rest = stack[-1]
            for target in rest:
                if is_open[target]:
                    continue
                kept.append((node, target))
                if not is_done[target]:
                    is_open[target] = True
                    stack.append((target, iter(following[target])))
                    break
            else:
                stack.pop()
                is_open[node], is_done[node] = False, True
    return kept


def _columns(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each node the length of the longest path that leads to it; a source stands just before what first uses it."""
    following = _following(count, pairs)
    waiting = [0] * count
    for targets in following:
        for target in targets:
            waiting[target] += 1
    column = [0] * count
    sources = [node for node in range(count) if not waiting[node]]
    ready = list(sources)
    for node in ready:  # grows as it is walked
        for target in following[node]:
            column[target] = max(column[target], column[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for node in sources:
        column[node] = min((column[target] for target in following[node]), default=1) - 1
    return column


def _following(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    following: list[list[int]] = [[] for _ in range(count)]
    for source, target in pairs:
        following[source].append(target)
    return following


def _lanes(columns: Sequence[int], pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], range]:
    """The lanes of the links that pass layers, numbered after the nodes; the shortest links have theirs first, and those for
    which there is no more have none."""
    passing = [pair for pair in pairs if columns[pair[1]] - columns[pair[0]] > 1]
    lanes: dict[tuple[int, int], range] = {}
    used = 0
    for source, target in sorted(
        passing, key=lambda pair: columns[pair[1]] - columns[pair[0]]
    ):  # stable: then as given
        many = columns[target] - columns[source] - 1
        if used + many > MAX_LANES:
            break
        lanes[source, target] = range(len(columns) + used, len(columns) + used + many)
        used += many
    return lanes


def _items(
    columns: Sequence[int], lanes: Mapping[tuple[int, int], range], pairs: Sequence[tuple[int, int]]
) -> tuple[list[list[int]], list[tuple[int, int]]]:
    """What stands in each layer, boxes and lanes; and the links as steps from one of these to another."""
    layers: list[list[int]] = [[] for _ in range(max(columns, default=-1) + 1)]
    for node, column in enumerate(columns):
        layers[column].append(node)
    steps: list[tuple[int, int]] = []
    for source, target in pairs:
        before = source
        for column, lane in enumerate(lanes.get((source, target), ()), columns[source] + 1):
            layers[column].append(lane)
            steps.append((before, lane))
            before = lane
        steps.append((before, target))
    return layers, steps


def _count(layers: Iterable[Sequence[int]]) -> int:
    return sum(map(len, layers))


def _ranks(count: int, lanes: Mapping[tuple[int, int], range]) -> list[int]:
    """For each item its place in the order that breaks ties: a lane comes after its link's source."""
    keys = [(node, -1, node) for node in range(count)]
    keys += [(source, target, lane) for (source, target), through in lanes.items() for lane in through]
    rank = [0] * len(keys)
    for at, (_, _, item) in enumerate(sorted(keys)):
        rank[item] = at
    return rank


def _corners(layers: Sequence[Sequence[int]], high: Sequence[int], sizes: Sizes) -> tuple[dict[int, Point], int]:
    """The left upper corner of every item, each layer in the middle of the height; and the height of the tallest."""
    heights = [sum(high[item] + sizes.row_gap for item in layer) - sizes.row_gap for layer in layers]
    tallest = max(heights, default=0)
    corners: dict[int, Point] = {}
    for column, layer in enumerate(layers):
        x = sizes.margin + column * (sizes.box_width + sizes.layer_gap)
        y = sizes.margin + (tallest - heights[column]) // 2
        for item in layer:
            corners[item] = (x, y)
            y += high[item] + sizes.row_gap
    return corners, tallest
