"""A lineage graph as one static SVG: no script, nothing loaded, readable on white and on black, and equal for equal graphs.

Names come from strangers. Whatever XML cannot hold is shown as U+FFFD, the rest is escaped, and a long name is cut in
its box and whole in its tooltip.
"""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape

from lineage.layout import BOX_HEIGHT, BOX_WIDTH, Box, Layout, drawn, layout
from proofs import edges
from proofs.edges import Graph
from proofs.statement import Node

NODE_LIMIT: Final = 400
LABEL_CHARACTERS: Final = 26
TITLE_CHARACTERS: Final = 1_000
CAPTION_HEIGHT: Final = 24

NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Marks that turn the direction of text, in a name, could make it read as another.
_DIRECTION: Final = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")

STYLE: Final = """<style>
svg{color-scheme:light dark;font:13px/1.3 system-ui,sans-serif;background:#fff}
.box{fill:#f5f7fa;stroke:#3a4a5c}.job .box{fill:#fdf3dc;stroke:#8a6d1f}.unresolved .box{stroke-dasharray:4 3}
text{fill:#16202b}.namespace{font-size:10px;fill:#5a6877}
.link{fill:none;stroke:#3a4a5c;stroke-width:1.4}.open{stroke-dasharray:6 3}.attempted{stroke-dasharray:2 4}
.declared{stroke-dasharray:1 3;opacity:.7}
@media(prefers-color-scheme:dark){svg{background:#12171d}.box{fill:#1e2731;stroke:#8fa3b8}
.job .box{fill:#332a14;stroke:#c9a74d}text{fill:#e6edf3}.namespace{fill:#9fb0c0}.link{stroke:#8fa3b8}}
</style>"""
MARKER: Final = """<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
orient="auto"><path d="M0 0 8 4 0 8z" fill="#7a8896"/></marker></defs>"""


def svg(graph: Graph, *, node_limit: int = NODE_LIMIT) -> bytes:
    """Return `graph` as an SVG document; above `node_limit` nodes those with the most edges, and a line that says so."""
    graph = drawn(graph)
    shown = bounded(graph, node_limit)
    placed = layout(shown)
    caption = f"{len(shown.nodes)} of {len(graph.nodes)} nodes, {len(shown.edges)} of {len(graph.edges)} edges"
    height = placed.height + CAPTION_HEIGHT
    size = f'width="{placed.width}" height="{height}" viewBox="0 0 {placed.width} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>Lineage: {caption}</title>",
        STYLE,
        MARKER,
        *_links(shown, placed),
        *(_box(box, is_unresolved=box.node in shown.unresolved) for box in placed.boxes),
        f'<text class="namespace" x="20" y="{height - 10}">{caption}</text>',
        "</svg>",
    ]
    return ("\n".join(lines) + "\n").encode()


def bounded(graph: Graph, node_limit: int) -> Graph:
    """Return the part of `graph` on its `node_limit` best connected nodes."""
    if len(graph.nodes) <= node_limit:
        return graph
    degree = dict.fromkeys(graph.nodes, 0)
    for edge in graph.edges:
        degree[edge.source] += 1
        degree[edge.target] += 1
    kept = set(sorted(graph.nodes, key=lambda node: (-degree[node], node.id))[:node_limit])
    return Graph(
        nodes=tuple(node for node in graph.nodes if node in kept),
        edges=tuple(edge for edge in graph.edges if edge.source in kept and edge.target in kept),
        unresolved=graph.unresolved & kept,
    )


def _links(graph: Graph, placed: Layout) -> list[str]:
    state: dict[tuple[Node, Node], str] = {}
    for edge in graph.edges:
        link = (edge.source, edge.target)
        state[link] = max(state.get(link, edge.state), edge.state, key=edges.STATES.index)
    boxes = {box.node: box for box in placed.boxes}
    lines = []
    for source, target in placed.links:
        start, end = boxes[source], boxes[target]
        x1, y1, y2 = start.x + BOX_WIDTH, start.y + BOX_HEIGHT // 2, end.y + BOX_HEIGHT // 2
        path = f"M{x1} {y1}"
        for x, y in placed.lanes.get((source, target), ()):
            path += f"{_curve(x1, y1, x, y)}H{x + BOX_WIDTH}"
            x1, y1 = x + BOX_WIDTH, y
        path += _curve(x1, y1, end.x, y2)
        lines.append(f'<path class="link {state[source, target]}" d="{path}" marker-end="url(#tip)"/>')
    return lines


def _curve(x1: int, y1: int, x2: int, y2: int) -> str:
    """A curve that leaves and arrives level."""
    bend = max((x2 - x1) // 2, 40)
    return f"C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


def _box(box: Box, *, is_unresolved: bool) -> str:
    node = box.node
    classes = " ".join((node.kind, *(["unresolved"] if is_unresolved else [])))
    return (
        f'<g class="{classes}" transform="translate({box.x} {box.y})">'
        f"<title>{_text(node.namespace, TITLE_CHARACTERS)} | {_text(node.name, TITLE_CHARACTERS)}</title>"
        f'<rect class="box" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="10" y="19">{_text(node.name, LABEL_CHARACTERS, keep_end=True)}</text>'
        f'<text class="namespace" x="10" y="35">{_text(node.namespace, LABEL_CHARACTERS + 8)}</text></g>'
    )


def _text(text: str, limit: int, *, keep_end: bool = False) -> str:
    """`text` for XML, at most `limit` characters; the end of a path says more than its beginning."""
    if len(text) > limit:
        text = f"…{text[1 - limit :]}" if keep_end else f"{text[: limit - 1]}…"
    return escape(_DIRECTION.sub("�", NOT_XML.sub("�", text)))
