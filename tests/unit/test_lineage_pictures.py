"""Layout, SVG and PROV of a lineage graph: equal for equal graphs, and safe whatever the names say."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any
from xml.etree import ElementTree

import pytest

from lineage.layout import layout
from lineage.prov import prov_json
from lineage.render import svg
from proofs import edges
from proofs.edges import Graph
from proofs.statement import Node

HOSTILE = [
    '"><script>alert(1)</script>',
    "]]> & <!ENTITY x 'y'>",
    "nul\x00bell\x07",
    "noncharacter\ufffe\U0010ffff",
    "right\u202eto left",
    "x" * 1_000_000,
    "javascript:alert(1)",
    "line\nbreak\ttab",
]


def graph_of(*links: tuple[str, str], event_type: str = "COMPLETE") -> Graph:
    bodies: list[dict[str, Any]] = [
        {
            "eventType": event_type,
            "run": {"runId": f"{n}"},
            "job": {"namespace": "n", "name": "j"},
            "inputs": [{"namespace": "db", "name": source}],
            "outputs": [{"namespace": "db", "name": target}],
        }
        for n, (source, target) in enumerate(links)
    ]
    return edges.fold(enumerate(bodies))


def columns(graph: Graph) -> dict[str, int]:
    return {box.node.name: box.x for box in layout(graph).boxes if box.node.kind == "dataset"}


def test_a_node_stands_right_of_everything_it_derives_from() -> None:
    found = columns(graph_of(("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")))

    assert found == {"a": 20, "b": 330, "c": 640, "d": 950}


def test_a_source_stands_just_before_what_first_uses_it() -> None:
    found = columns(graph_of(("a", "b"), ("b", "c"), ("c", "d"), ("late", "d"), ("early", "b"), ("early", "d")))

    assert (found["late"], found["early"], found["a"]) == (640, 20, 20)


def test_a_cycle_is_drawn_too() -> None:
    found = columns(graph_of(("a", "b"), ("b", "c"), ("c", "a"), ("c", "c")))

    assert found == {"a": 20, "b": 330, "c": 640}


def test_neighbours_are_brought_together() -> None:
    placed = layout(graph_of(("a", "z"), ("b", "y")))
    rows = {box.node.name: box.y for box in placed.boxes}

    assert rows["a"] == rows["z"]
    assert rows["b"] == rows["y"]


def test_a_chain_longer_than_pythons_stack_has_a_place() -> None:
    names = [f"t{n:05}" for n in range(2_000)]

    found = columns(graph_of(*itertools.pairwise(names)))

    assert found["t01999"] - found["t00000"] == 1_999 * 310


def test_no_two_boxes_overlap() -> None:
    chooser = random.Random(7)
    graph = graph_of(*((f"t{chooser.randrange(40)}", f"t{chooser.randrange(40)}") for _ in range(90)))
    placed = layout(graph)

    corners = [(box.x, box.y) for box in placed.boxes]

    assert len(set(corners)) == len(graph.nodes) - 1  # the job stands on the edges
    assert all(x + 220 <= placed.width and y + 44 <= placed.height for x, y in corners)


def test_an_edge_that_passes_layers_passes_no_box_and_no_other_edges_lane() -> None:
    chooser = random.Random(11)
    pairs = [sorted(chooser.sample(range(30), 2)) for _ in range(70)]
    placed = layout(graph_of(*((f"t{a:02}", f"t{b:02}") for a, b in pairs)))
    column = {box.node: (box.x - 20) // 310 for box in placed.boxes}
    boxes = {(box.x, y) for box in placed.boxes for y in range(box.y, box.y + 45)}

    for source, target in placed.links:
        lanes = placed.lanes.get((source, target), ())
        assert [(x - 20) // 310 for x, _ in lanes] == list(range(column[source] + 1, column[target]))
    points = [point for lanes in placed.lanes.values() for point in lanes]
    assert len(points) > 20
    assert len(set(points)) == len(points)
    assert boxes.isdisjoint(points)


def test_a_lane_is_drawn_level_past_the_boxes_beside_it() -> None:
    graph = graph_of(("a", "b"), ("b", "c"), ("a", "c"))
    ((x, y),) = (point for lanes in layout(graph).lanes.values() for point in lanes)

    assert f" {x} {y}H{x + 220}C".encode() in svg(graph)


def test_so_many_long_edges_that_nobody_could_follow_them_still_make_a_picture() -> None:
    names = [f"t{n:03}" for n in range(120)]
    placed = layout(graph_of(*itertools.pairwise(names), *itertools.combinations(names, 2)))

    assert sum(map(len, placed.lanes.values())) <= 10_000
    assert len(placed.lanes) < len(placed.links)


def test_equal_graphs_give_equal_pictures_whatever_the_order_of_the_events() -> None:
    links = [("a", "b"), ("b", "c"), ("x", "c"), ("a", "y"), ("y", "c")]

    assert svg(graph_of(*links)) == svg(graph_of(*links))
    assert layout(graph_of(*links)) == layout(graph_of(*reversed(links)))


def test_an_empty_graph_is_a_picture() -> None:
    root = ElementTree.fromstring(svg(Graph()))

    assert root.findtext("{http://www.w3.org/2000/svg}title") == "Lineage: 0 of 0 nodes, 0 of 0 edges"


def test_hostile_names_are_text_and_nothing_else() -> None:
    picture = svg(graph_of(*((name, "out") for name in HOSTILE)))

    root = ElementTree.fromstring(picture)  # well formed, or this raises
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert tags == {"svg", "title", "style", "defs", "marker", "path", "g", "rect", "text"}
    assert not [name for name in attributes if name.startswith("on") or "href" in name]
    assert b"<script" not in picture
    assert b"\xe2\x80\xae" not in picture  # U+202E
    assert len(picture) < 30_000


def test_a_picture_loads_nothing() -> None:
    picture = svg(graph_of(("a", "b")))

    assert b"url(#tip)" in picture
    assert picture.count(b"url(") == picture.count(b"url(#tip)")
    assert [line for line in picture.decode().split('"') if "://" in line] == ["http://www.w3.org/2000/svg"]


def test_a_picture_shows_states_and_what_is_unresolved() -> None:
    body = {
        "eventType": "FAIL",
        "run": {"runId": "r"},
        "job": {"namespace": "n", "name": "j"},
        "outputs": [
            {
                "namespace": "db",
                "name": "out",
                "facets": {"columnLineage": {"dataset": [{"namespace": "db", "name": "cte", "field": "x"}]}},
            }
        ],
    }

    picture = svg(edges.fold([(0, body)])).decode()

    assert 'class="link attempted"' in picture
    assert 'class="dataset unresolved"' in picture


def test_a_large_graph_is_cut_and_says_so() -> None:
    graph = graph_of(*(("hub", f"t{n:03}") for n in range(100)))

    picture = svg(graph, node_limit=10).decode()

    assert "Lineage: 10 of 101 nodes, 9 of 100 edges" in picture
    assert ">hub</text>" in picture


def test_prov_says_who_used_made_and_derived_what_and_which_entries_say_so() -> None:
    document = json.loads(prov_json(graph_of(("a", "b"))))

    assert document == {
        "prefix": {"tally": "urn:tallystick:prov#", "prov": "http://www.w3.org/ns/prov#"},
        "entity": {
            "tally:d0": {"prov:label": "a", "tally:name": "a", "tally:namespace": "db"},
            "tally:d1": {"prov:label": "b", "tally:name": "b", "tally:namespace": "db"},
        },
        "activity": {"tally:j0": {"prov:label": "j", "tally:name": "j", "tally:namespace": "n"}},
        "used": {"tally:u0": {"prov:activity": "tally:j0", "prov:entity": "tally:d0", "tally:seqs": [0]}},
        "wasGeneratedBy": {"tally:g0": {"prov:activity": "tally:j0", "prov:entity": "tally:d1", "tally:seqs": [0]}},
        "wasDerivedFrom": {
            "tally:w0": {
                "prov:activity": "tally:j0",
                "prov:generatedEntity": "tally:d1",
                "prov:usedEntity": "tally:d0",
                "tally:origin": "table",
                "tally:seqs": [0],
                "tally:state": "committed",
            }
        },
    }


def test_prov_of_a_hub_goes_through_its_job() -> None:
    job = Node("job", "n", "j")
    a, b = Node("dataset", "db", "a"), Node("dataset", "db", "b")
    hub = (edges.Edge(a, job, job, "hub", "open", (1,)), edges.Edge(job, b, job, "hub", "open", (2,)))

    document = json.loads(prov_json(Graph(nodes=(a, b, job), edges=hub)))

    assert document["used"] == {"tally:u0": {"prov:activity": "tally:j0", "prov:entity": "tally:d0", "tally:seqs": [1]}}
    assert document["wasGeneratedBy"] == {
        "tally:g0": {"prov:activity": "tally:j0", "prov:entity": "tally:d1", "tally:seqs": [2]}
    }
    assert document["wasDerivedFrom"] == {}


def test_prov_lists_the_first_sixteen_entries_of_all_edges_that_a_relation_stands_for() -> None:
    told = graph_of(*[("a", "b")] * 9, *[("a", "c")] * 8)
    of_one = graph_of(*[("a", "b")] * 17)

    few, many = json.loads(prov_json(told)), json.loads(prov_json(of_one))

    reading = {"prov:activity": "tally:j0", "prov:entity": "tally:d0", "tally:seqs": list(range(16))}
    assert few["used"] == many["used"] == {"tally:u0": reading | {"tally:more": True}}
    assert [one.get("tally:more") for one in few["wasDerivedFrom"].values()] == [None, None]
    assert [one.get("tally:more") for one in many["wasDerivedFrom"].values()] == [True]


@pytest.mark.parametrize("name", HOSTILE)
def test_prov_keeps_hostile_names_as_they_are(name: str) -> None:
    document = json.loads(prov_json(graph_of((name, "out"))))

    assert name in [entity["tally:name"] for entity in document["entity"].values()]
