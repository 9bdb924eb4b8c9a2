"""However lines come and wherever a reader dies, each is decided once, in the window of its time, or set apart once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.streams.cut import Cut, Cutter, Shape
from contracts.streams.line import CaughtUp, Line
from contracts.window import Window

NOW = datetime(2026, 11, 28, tzinfo=UTC)
START = 1_700_000_000_000_000 // 10_000_000 * 10_000_000
LINES = st.lists(st.tuples(st.integers(0, 1), st.integers(-40, 40) | st.none()), max_size=40)


@dataclass(frozen=True)
class Said:
    """What a window was made of: the number of each row, and of each line that was set apart with why."""

    window: Window
    rows: tuple[int, ...]
    apart: tuple[tuple[int, str], ...]


def stream(lines: Sequence[tuple[int, int | None]]) -> list[Line]:
    """Lines of two partitions: the second number of each is its time in seconds, or none where it cannot be read."""
    offsets, found = {0: 0, 1: 0}, []
    for number, (partition, second) in enumerate(lines):
        data = b"{" if second is None else json.dumps({"n": number}).encode()
        moment = START + (second or 0) * 1_000_000
        found.append(Line(partition, offsets[partition], offsets[partition] + 1, data, moment))
        offsets[partition] += 1
    return found


def said(cut: Cut) -> Said:
    rows = tuple(json.loads(line)["n"] for line in cut.rows.read_text().splitlines())
    apart = [] if cut.apart is None else [json.loads(line) for line in cut.apart.read_text().splitlines()]
    places = tuple((line["partition"] * 1000 + line["offset"], line["why"]) for line in apart)
    return Said(cut.window, rows, places)


def run(lines: Sequence[Line], shape: Shape, before: Window | None, *, most: int | None = None) -> Iterator[Said]:
    """Cut from where `before` says on, and die after `most` windows."""
    resume = {mark.partition: mark.offset for mark in before.resume} if before else {}
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Cutter("kafka:t", shape, frozenset((0, 1)), Path(folder), lambda: NOW, before)) as cutter,
    ):
        cuts = (
            cut
            for part in ([line for line in lines if line.offset >= resume.get(line.partition, 0)], None)
            for cut in (cutter.flush("end") if part is None else (c for line in part for c in cutter.take(line)))
        )
        for number, cut in enumerate(cuts):
            if number == most:
                return
            yield said(cut)


def with_deaths(lines: Sequence[Line], shape: Shape, deaths: Sequence[int], other: Shape | None = None) -> list[Said]:
    """What was said in all; where there is another shape, every second reader has that."""
    found: list[Said] = []
    for number, most in enumerate(deaths):
        mine = other if other is not None and number % 2 else shape
        found += run(lines, mine, found[-1].window if found else None, most=most)
    return [*found, *run(lines, shape, found[-1].window if found else None)]


def each_once(found: Sequence[Said], lines: Sequence[Line]) -> None:
    rows = sorted(row for each in found for row in each.rows)
    apart = [place for each in found for place, _ in each.apart]
    late = {place for each in found for place, why in each.apart if why == "it is late"}
    readable = {n: line.partition * 1000 + line.offset for n, line in enumerate(lines) if line.data != b"{"}
    assert len(set(apart)) == len(apart)
    assert rows == sorted(set(rows))
    assert {readable[row] for row in rows} | late == set(readable.values())
    assert not {readable[row] for row in rows} & late
    assert sum(each.window.unreadable for each in found) == sum(line.data == b"{" for line in lines)
    assert sum(each.window.late for each in found) == len(late)


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(1, 7), st.lists(st.integers(0, 3), max_size=3))
def test_windows_of_rows_hold_every_line_once(
    given_lines: list[tuple[int, int | None]], size: int, deaths: list[int]
) -> None:
    lines = stream(given_lines)

    found = with_deaths(lines, Shape("rows", size), deaths)

    each_once(found, lines)
    whole = [each for each in found if each.window.ended == "full"]
    assert all(len(each.rows) + len(each.apart) == size for each in whole)


@settings(max_examples=120, deadline=None)
@given(LINES, st.integers(0, 20), st.integers(2, 50), st.lists(st.integers(0, 3), max_size=3))
def test_windows_of_time_hold_every_line_once(
    given_lines: list[tuple[int, int | None]], lateness: int, most: int, deaths: list[int]
) -> None:
    lines = stream(given_lines)

    other = Shape("seconds", 15, lateness, max_rows=most)
    found = with_deaths(lines, Shape("seconds", 10, lateness, max_rows=most), deaths, other)

    each_once(found, lines)
    for each in found:
        moments = [lines[row].moment or 0 for row in each.rows]
        assert len({moment // (each.window.size * 1_000_000) for moment in moments}) <= 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.just(0), st.integers(0, 60)), max_size=40), st.lists(st.integers(0, 3), max_size=3))
def test_a_death_changes_no_window_of_a_stream_in_one_partition(
    given_lines: list[tuple[int, int | None]], deaths: list[int]
) -> None:
    lines = stream(given_lines)
    shape = Shape("seconds", 10, 5)

    without = with_deaths([*lines], shape, [])
    with_some = with_deaths(lines, shape, deaths)

    assert [(each.window.start, each.rows) for each in with_some] == [
        (each.window.start, each.rows) for each in without
    ]


def test_a_reader_that_dies_between_windows_that_are_due_at_once_loses_no_row() -> None:
    lines = stream([(0, 1), (0, 11), (0, 12), (0, 21), (0, 13), (0, 45)])

    found = with_deaths(lines, Shape("seconds", 10, 20), [1, 0, 1])

    assert [each.rows for each in found] == [(0,), (1, 2, 4), (3,), (5,)]
    each_once(found, lines)


def test_a_reader_that_is_stopped_while_it_reads_again_decides_nothing_that_is_not_whole(tmp_path: Path) -> None:
    lines = stream([(0, 1), (0, 11), (0, 12), (0, 45)])
    [first] = run(lines, Shape("seconds", 10), None, most=1)
    with closing(
        Cutter("kafka:t", Shape("seconds", 10), frozenset((0,)), tmp_path, lambda: NOW, first.window)
    ) as cutter:
        found = [*cutter.take(lines[1]), *cutter.flush("stopped")]

    assert first.rows == (0,)
    assert found == []


def test_a_row_within_the_lateness_is_in_its_window_and_a_later_one_is_late(tmp_path: Path) -> None:
    lines = stream([(0, 1), (0, 12), (0, 2), (0, 16), (0, 3)])
    cutter = Cutter("kafka:t", Shape("seconds", 10, 5), frozenset((0,)), tmp_path, lambda: NOW)

    first = [said(cut) for line in lines for cut in cutter.take(line)]
    last = [said(cut) for cut in cutter.flush("end")]

    assert [(each.rows, each.window.ended, each.window.late) for each in first] == [((0, 2), "watermark", 0)]
    assert [(each.rows, each.window.ended, each.window.late) for each in last] == [((1, 3), "end", 1)]


def test_a_partition_that_was_not_heard_of_holds_the_watermark_until_it_is_caught_up(tmp_path: Path) -> None:
    lines = stream([(0, 1), (0, 31)])
    cutter = Cutter("kafka:t", Shape("seconds", 10), frozenset((0, 1)), tmp_path, lambda: NOW)

    waiting = [cut for line in lines for cut in cutter.take(line)]
    caught = [said(cut) for cut in cutter.take(CaughtUp(1))]
    cutter.close()

    assert waiting == []
    assert [(each.rows, each.window.watermark) for each in caught] == [((0,), "2023-11-14T22:13:51.000000Z")]


def test_a_time_far_ahead_of_the_clock_makes_nothing_late(tmp_path: Path) -> None:
    ahead = int(NOW.timestamp() * 1_000_000) + 25 * 3_600_000_000
    lines = [Line(0, 0, 1, b'{"n": 0}', ahead), Line(0, 1, 2, b'{"n": 1}', START), Line(0, 2, 3, b'{"n": 2}', -1)]
    cutter = Cutter("kafka:t", Shape("seconds", 10), frozenset((0,)), tmp_path, lambda: NOW)

    found = [said(cut) for line in lines for cut in cutter.take(line)] + [said(cut) for cut in cutter.flush("end")]

    assert [(each.rows, each.window.unreadable, each.window.late) for each in found] == [((1,), 2, 0)]
