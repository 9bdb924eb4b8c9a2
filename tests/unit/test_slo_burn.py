"""Error budgets and burn rates in integers, and time cut where it turns from good to bad."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.slo.burn import PAIRS, Budget, Counts, budget, burn_rate, fires, threshold
from contracts.slo.stretches import Arrival, Stretch, stretches

FAST, MEDIUM, SLOW = PAIRS


@pytest.mark.parametrize(
    ("good", "total", "objective", "rate"),
    [
        (0, 0, 990_000, 0),
        (100, 100, 990_000, 0),
        (99, 100, 990_000, 100),
        (3082, 3600, 990_000, 1_438),  # 14.388…, floored
        (3081, 3600, 990_000, 1_441),
        (0, 1, 900_000, 1_000),
        (2, 3, 990_000, 3_333),
        (0, 5, 999_999, 100_000_000),
        (4, 5, 1_000_000, 100_000_000),
        (5, 5, 1_000_000, 0),
        (0, 7, 0, 100),
    ],
)
def test_a_burn_rate_is_the_bad_part_over_what_may_be_bad_in_hundredths(
    good: int, total: int, objective: int, rate: int
) -> None:
    assert burn_rate(Counts(good, total), objective) == rate


@pytest.mark.parametrize(
    ("good", "total", "objective", "whole", "left"),
    [
        (30, 30, 900_000, None, Budget(10_000, is_spent=False)),
        (28, 30, 900_000, None, Budget(3_333, is_spent=False)),
        (27, 30, 900_000, None, Budget(0, is_spent=False)),
        (26, 30, 900_000, None, Budget(0, is_spent=True)),
        (0, 3_600, 990_000, 2_592_000, Budget(8_611, is_spent=False)),  # an hour of the 7.2 that thirty days have
        (0, 25_921, 990_000, 2_592_000, Budget(0, is_spent=True)),
        (0, 0, 990_000, None, Budget(10_000, is_spent=False)),
        (9, 9, 1_000_000, None, Budget(10_000, is_spent=False)),
        (8, 9, 1_000_000, None, Budget(0, is_spent=True)),
    ],
)
def test_what_is_left_of_a_budget_is_floored_once(
    good: int, total: int, objective: int, whole: int | None, left: Budget
) -> None:
    assert budget(Counts(good, total), objective, whole=whole) == left


def test_an_alert_fires_while_both_windows_burn_fast_enough_and_a_window_of_nothing_burns_nothing() -> None:
    burning, calm, nothing = Counts(0, 60), Counts(60, 60), Counts(0, 0)

    assert fires(FAST, Counts(3_000, 3_600), burning, 990_000)
    assert not fires(FAST, Counts(3_100, 3_600), burning, 990_000)
    assert not fires(FAST, Counts(3_000, 3_600), calm, 990_000)
    assert not fires(FAST, Counts(3_000, 3_600), nothing, 990_000)
    assert not fires(SLOW, nothing, nothing, 1_000_000)
    assert fires(SLOW, Counts(99, 100), Counts(99, 100), 990_000)


def test_an_alert_asks_for_no_more_than_a_window_that_is_wholly_bad() -> None:
    all_bad = Counts(0, 3)

    assert [threshold(pair, 900_000) for pair in PAIRS] == [1_000, 600, 100]
    assert [threshold(pair, 700_000) for pair in PAIRS] == [333, 333, 100]
    assert [threshold(pair, 990_000) for pair in PAIRS] == [1_440, 600, 100]
    assert [threshold(pair, 1_000_000) for pair in PAIRS] == [1_440, 600, 100]
    assert all(fires(pair, all_bad, Counts(0, 1), objective) for pair in PAIRS for objective in (0, 700_000, 999_999))


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 1_000_000))
def test_more_that_is_bad_never_burns_slower_nor_leaves_more(good: int, bad: int, objective: int) -> None:
    total = good + bad + 1
    less, more = Counts(total - bad, total), Counts(total - bad - 1, total)

    assert burn_rate(less, objective) <= burn_rate(more, objective)
    assert budget(less, objective).left >= budget(more, objective).left
    assert budget(more, objective).is_spent or not budget(less, objective).is_spent


def test_time_is_cut_where_it_turns() -> None:
    came = [Arrival(100, 90), Arrival(200, 195), Arrival(205, 205)]

    assert stretches(came, 100, 400, 50) == [
        Stretch(100, 140, is_good=True),
        Stretch(140, 200, is_good=False),
        Stretch(200, 255, is_good=True),
        Stretch(255, 400, is_good=False),
    ]
    assert stretches(came, 210, 230, 50) == [Stretch(210, 230, is_good=True)]
    assert stretches([Arrival(0, -500)], 0, 10, 50) == [Stretch(0, 10, is_good=False)]
    assert stretches(came, 400, 400, 50) == []
    assert stretches([], 0, 10, 50) == []


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(-30, 60)), max_size=6),
    st.integers(0, 40),
    st.integers(0, 60),
    st.integers(0, 20),
)
def test_every_second_is_in_one_stretch_and_as_good_as_the_newest_arrival_makes_it(
    raw: list[tuple[int, int]], start: int, length: int, limit: int
) -> None:
    came = [Arrival(0, 0), *(Arrival(at, newest) for at, newest in sorted(raw))]

    found = stretches(came, start, start + length, limit)

    seconds = {second: each.is_good for each in found for second in range(each.start, each.stop)}
    oracle = {
        second: second < [each for each in came if each.at <= second][-1].newest + limit
        for second in range(start, start + length)
    }
    assert seconds == oracle
    assert sum(each.seconds for each in found) == length
    assert all(one.is_good is not other.is_good for one, other in pairwise(found))
