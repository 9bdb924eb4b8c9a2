"""Places of any ids and links: the same on any machine, whatever the order they come in and whatever shape they have."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from lineage.place import Sizes, place

SMALL = Sizes(box_width=10, box_height=4, layer_gap=10, row_gap=2, lane_height=2, margin=1)
Links = list[tuple[str, str]]


def names(count: int) -> list[str]:
    return [f"n{number:05}" for number in range(count)]


def circle(count: int) -> Links:
    return [*pairwise(names(count)), (names(count)[-1], names(count)[0])]


def star(count: int) -> Links:
    return [("n00000", name) for name in names(count)[1:]]


def tangle(count: int) -> Links:
    ends = random.Random(5).choices(names(count), k=200_000)
    return list(zip(ends[::2], ends[1::2], strict=True))


def test_ids_and_links_have_places_whatever_they_stand_for() -> None:
    placed = place(["c", "b", "a"], [("a", "b"), ("b", "c"), ("a", "c"), ("a", "c"), ("c", "c")], sizes=SMALL)

    assert placed.corners == {"a": (1, 3), "b": (21, 5), "c": (41, 3)}
    assert placed.links == (("a", "b"), ("a", "c"), ("b", "c"))
    assert placed.lanes == {("a", "c"): ((21, 2),)}
    assert (placed.width, placed.height) == (52, 10)


def test_a_route_leads_from_the_box_through_the_lanes_into_the_box() -> None:
    placed = place("abc", [("a", "b"), ("b", "c"), ("a", "c")], sizes=SMALL)

    assert placed.route(("a", "c")) == ((11, 5), (21, 2), (31, 2), (41, 5))
    assert placed.route(("b", "c")) == ((31, 7), (41, 5))


def test_a_box_may_be_higher_than_the_others() -> None:
    placed = place("abc", [("a", "c"), ("b", "c")], sizes=SMALL, heights={"a": 20, "never seen": 7})

    assert placed.corners == {"a": (1, 1), "b": (1, 23), "c": (21, 12)}
    assert placed.route(("a", "c")) == ((11, 11), (21, 14))
    assert placed.height == 28


def test_no_order_and_no_repetition_of_nodes_and_links_moves_a_box() -> None:
    chooser = random.Random(11)
    links: Links = [tuple(chooser.sample(names(60), 2)) for _ in range(200)]  # type: ignore[misc]
    shuffled = chooser.sample(links * 2, 400)

    assert place(names(60), links) == place(reversed(names(60)), shuffled)


def test_fewer_lines_cross_than_in_the_order_of_names() -> None:
    # A comb whose teeth are named the other way round: in the order of names each pair of lines crosses.
    links = [(f"a{number:02}", f"b{99 - number:02}") for number in range(100)]

    corners = place([end for link in links for end in link], links).corners

    assert all(corners[source][1] == corners[target][1] for source, target in links)


@pytest.mark.parametrize(
    ("shape", "count", "columns"), [(circle, 10_000, 10_000), (star, 10_000, 2), (tangle, 1_000, 0)]
)
def test_hostile_shapes_have_places_and_bounded_lanes(shape: Callable[[int], Links], count: int, columns: int) -> None:
    placed = place(names(count), shape(count))

    assert len(set(placed.corners.values())) == count
    assert len({x for x, _ in placed.corners.values()}) == columns or not columns
    assert sum(map(len, placed.lanes.values())) <= 10_000


def test_nothing_has_a_place_too() -> None:
    placed = place([], [])

    assert (placed.corners, placed.links, placed.width, placed.height) == ({}, (), 260, 84)
