"""What is listed is what completeness needs, entry for entry: held against the verifier, and against its own absence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.question import Question, everything
from evidence.select import Listed, Log, Place, Selection, Shape, close, select
from proofs import completeness
from proofs.entry import Entry
from proofs.errors import IncompleteError
from proofs.scope import Window

KEYS = {
    "type:tallystick.ledger.closed.v1": [],
    "type:tallystick.ledger.key-added.v1": [1],
    "type:tallystick.ledger.key-retired.v1": [],
}
NAME = "dataset:crm|households"


def at(second: int) -> str:
    return f"2026-11-20T09:00:{second:02}.000000Z"


def log_of(streams: Mapping[str, list[int]], seconds: list[int], shapes: Mapping[int, Shape] | None = None) -> Log:
    """A log of which entry `seq` was written at `seconds[seq]`; `streams` are seqs by name."""

    def places(name: str, start: int, stop: int) -> list[Place]:
        seqs = streams[name][start:stop]
        return [Place(position, seq, at(seconds[seq])) for position, seq in enumerate(seqs, start)]

    return Log(places, lambda seq: (shapes or {}).get(seq, Shape(False, 3)))


def ask(seqs: list[int], seconds: list[int], window: Window) -> Selection:
    streams = {**KEYS, NAME: seqs}
    counts = {name: len(listed) for name, listed in streams.items()}
    return select(Question("stream", (window,)), counts, log_of(streams, seconds), census=len(seconds) - 1)


def entry(seq: int, second: int, position: int | None) -> Entry:
    streams = {} if position is None else {NAME: position}
    return Entry(seq, bytes(32), at(second), "i", "s", "t", streams, bytes(32))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[int], list[int], Window]:
    """(seqs in the stream, second of each entry, window); entry 0 opens the log and the last one is the census."""
    seconds = sorted(draw(st.lists(st.integers(0, 20), min_size=3, max_size=24)))
    seqs = sorted(draw(st.sets(st.integers(2, len(seconds) - 2))) if len(seconds) > 3 else [])
    start, stop = sorted(draw(st.sets(st.integers(0, 22), min_size=2, max_size=2)))
    bounds = draw(st.sampled_from([(start, stop), (None, stop), (start, None), (None, None)]))
    return seqs, seconds, Window(NAME, *(None if bound is None else at(bound) for bound in bounds))


def judged(history: tuple[list[int], list[int], Window], listed: set[int]) -> completeness.Answer:
    """What the verifier says to these entries of the stream."""
    seqs, seconds, window = history
    placed = [(position, entry(seq, seconds[seq], position)) for position, seq in enumerate(seqs) if seq in listed]
    return completeness.answer(window, len(seqs), placed, entry(len(seconds) - 1, seconds[-1], None))


@given(histories())
def test_the_verifier_finds_what_is_listed_complete_and_none_besides(
    history: tuple[list[int], list[int], Window],
) -> None:
    seqs, seconds, window = history
    selection = ask(*history)

    answer = judged(history, set(selection.seqs))
    expected = [
        seq for seq in seqs if not window.is_before(at(seconds[seq])) and not window.is_behind(at(seconds[seq]))
    ]
    assert selection.streams == (Listed(NAME, len(seqs), len(expected)),)
    assert (answer.count, answer.listed) == (len(seqs), len(expected))
    assert selection.inside == set(expected)
    assert set(selection.seqs) == answer.required | {0, 1, len(seconds) - 1}


@given(histories())
def test_without_any_one_of_them_the_answer_is_incomplete(history: tuple[list[int], list[int], Window]) -> None:
    seqs, _, _ = history
    listed = set(ask(*history).seqs)

    for seq in listed & set(seqs):
        with pytest.raises(IncompleteError):
            judged(history, listed - {seq})


def test_a_window_at_the_end_of_a_long_stream_is_found_without_walking_it() -> None:
    asked: list[int] = []
    seconds = [0] * 999_990 + list(range(10))

    def places(name: str, start: int, stop: int) -> list[Place]:
        if name in KEYS:
            return [Place(0, 1, at(0))][start:stop]
        asked.append(stop - start)
        return [Place(position, position, at(seconds[position])) for position in range(start, stop)]

    counts = {**{name: len(seqs) for name, seqs in KEYS.items()}, NAME: 1_000_000}
    question = Question("stream", (Window(NAME, at(7), at(9)),))
    selection = select(question, counts, Log(places, lambda _: Shape(False, 3)), census=1_000_000)

    assert selection.seqs == (0, 1, 999_996, 999_997, 999_998, 999_999, 1_000_000)
    assert sum(asked) < 100


def test_everything_is_every_entry() -> None:
    selection = select(everything(), {}, log_of({}, []), census=4)

    assert selection == Selection((0, 1, 2, 3, 4), frozenset(range(5)), ())


def shapes(streams: Mapping[int, int], *continued: int) -> Callable[[int], Shape]:
    return lambda seq: Shape(seq in continued, streams.get(seq, 3))


@pytest.mark.parametrize(
    ("listed", "closed"),
    [
        ({3}, {3}),
        ({4}, {4, 5, 6}),
        ({5}, {4, 5, 6}),
        ({6}, {4, 5, 6}),
        ({7}, {7}),
        ({9}, {9, 10}),
        ({10}, {10}),
        ({3, 6, 9}, {3, 4, 5, 6, 9, 10}),
    ],
)
def test_a_continued_entry_is_listed_whole_and_a_full_one_with_the_one_after_it(
    listed: set[int], closed: set[int]
) -> None:
    # 4 goes on in 5 and 6; 9 has as many streams as an entry can have and goes on nowhere.
    shape = shapes({4: 128, 5: 128, 6: 40, 9: 128}, 5, 6)

    assert close(listed, shape) == closed


def test_the_entry_after_a_full_one_is_listed_and_answers_nothing() -> None:
    shape = shapes({4: 128, 9: 128}, 5)

    assert close({4, 9}, shape, follow=False) == {4, 5, 9}


def test_the_parent_of_a_continuation_answers_for_it() -> None:
    streams = {**KEYS, NAME: [5]}
    log = log_of(streams, [0] * 8, {4: Shape(False, 128), 5: Shape(True, 7)})
    counts = {name: len(seqs) for name, seqs in streams.items()}

    selection = select(Question("stream", (Window(NAME),)), counts, log, census=7)

    assert selection.seqs == (0, 1, 4, 5, 7)
    assert selection.inside == {4, 5}
    assert selection.streams == (Listed(NAME, 1, 1),)
