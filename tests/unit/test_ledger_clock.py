"""The ledger's own clock: never back, never a jump that nobody confirmed, and never an order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ledger.append import LoserError
from ledger.clock import ClockError, Deviation, next_at, parse_at, print_at, uuid7
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from proofs.errors import MissingError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
LAST = "2026-11-20T09:00:00.000000Z"


def thing(n: int) -> Event:
    return Event.of("com.example.thing.v1", "urn:things", {"n": n}, id=str(n))


@pytest.mark.parametrize(
    ("moment", "printed"),
    [
        (NINE, "2026-11-20T09:00:00.000000Z"),
        (NINE + timedelta(microseconds=1), "2026-11-20T09:00:00.000001Z"),
        (
            datetime(2026, 11, 20, 10, 30, tzinfo=timezone(timedelta(hours=1, minutes=30))),
            "2026-11-20T09:00:00.000000Z",
        ),
        (datetime(9, 1, 2, tzinfo=UTC), "0009-01-02T00:00:00.000000Z"),
    ],
)
def test_a_time_has_six_decimals_and_is_in_utc(moment: datetime, printed: str) -> None:
    assert print_at(moment) == printed
    assert parse_at(printed) == moment


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NINE, LAST),
        (NINE + timedelta(microseconds=1), "2026-11-20T09:00:00.000001Z"),
        (NINE - timedelta(microseconds=1), LAST),
        (NINE - timedelta(minutes=10), LAST),
        (NINE + timedelta(days=366), "2027-11-21T09:00:00.000000Z"),
    ],
)
def test_time_is_the_clocks_and_never_earlier_than_the_entry_before(now: datetime, expected: str) -> None:
    assert next_at(LAST, now, Deviation()) == expected


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (
            NINE - timedelta(minutes=10, microseconds=1),
            "the clock says 2026-11-20T08:49:59.999999Z, more than 0:10:00 before",
        ),
        (
            NINE + timedelta(days=366, microseconds=1),
            "the clock says 2027-11-21T09:00:00.000001Z, more than 366 days, 0:00:00 after",
        ),
    ],
)
def test_a_clock_that_jumped_is_refused(now: datetime, message: str) -> None:
    with pytest.raises(ClockError, match=message):
        next_at(LAST, now, Deviation())


def test_the_bounds_are_the_callers() -> None:
    deviation = Deviation(behind=timedelta(seconds=1), ahead=timedelta(seconds=2))

    assert next_at(LAST, NINE + timedelta(seconds=2), deviation) == "2026-11-20T09:00:02.000000Z"
    with pytest.raises(ClockError):
        next_at(LAST, NINE - timedelta(seconds=2), deviation)


def times(log: Ledger) -> list[str]:
    return [record.at for record in log.read()]


def test_a_clock_a_little_behind_repeats_the_time_of_the_entry_before(ledgers: Ledgers) -> None:
    log = ledgers.create(memory=True)
    ledgers.now -= timedelta(minutes=5)

    log.append([thing(1), thing(2)])

    assert len(set(times(log))) == 1
    assert fsck(log.store).findings == ()


@pytest.mark.parametrize("jump", [timedelta(days=367), -timedelta(hours=1)])
def test_after_a_jump_nothing_is_written_until_somebody_confirms_it(ledgers: Ledgers, jump: timedelta) -> None:
    log = ledgers.create(memory=True)
    before = times(log)
    ledgers.now += jump
    with pytest.raises(ClockError):
        log.append(thing(1))
    with pytest.raises(ClockError):
        log.take_census()
    assert times(log) == before

    receipt = log.confirm_clock()
    log.append(thing(1))
    log.take_census()

    confirmed = log.entry(receipt.seq)
    body = json.loads(confirmed.body or b"")
    assert confirmed.type == "tallystick.ledger.clock-adjusted.v1"
    assert body["from"] == before[-1]
    assert parse_at(body["to"]) - parse_at(body["from"]) > jump
    assert times(log) == sorted(times(log))
    assert fsck(log.store).findings == ()


def test_a_confirmation_holds_for_another_process_while_the_clock_is_behind(ledgers: Ledgers) -> None:
    ledgers.create()
    ledgers.now -= timedelta(hours=1)
    ledgers.opened[0].confirm_clock()
    ledgers.close()

    log = ledgers.open()

    assert log.take_census().seq == 3
    assert log.append(thing(1)).seq == 4


@pytest.mark.parametrize("way", ["append", "append_each"])
def test_I4_a_confirmation_holds_for_the_conflict_of_a_loser_too(ledgers: Ledgers, way: str) -> None:
    ledgers.create().append(thing(1))
    ledgers.now -= timedelta(hours=1)
    ledgers.opened[0].confirm_clock()
    ledgers.close()
    log = ledgers.open()
    loser = Event.of("com.example.thing.v1", "urn:things", {"n": "other"}, id="1")

    told: Any = None
    if way == "append":
        with pytest.raises(LoserError) as raised:
            log.append(loser)
        told = raised.value
    else:
        (told,) = log.group.append_each([loser])

    assert (type(told), told.seq, len(told.salt)) == (LoserError, 2, 32)
    assert log.entry(4).type == "tallystick.intake.conflicted.v1"


def test_a_confirmation_is_spent_when_the_logs_time_moves_on(ledgers: Ledgers) -> None:
    log = ledgers.create(memory=True)
    ledgers.now -= timedelta(hours=1)
    log.confirm_clock()
    ledgers.now += timedelta(hours=5)
    log.append(thing(1))
    ledgers.now -= timedelta(hours=3)

    with pytest.raises(ClockError):
        log.append(thing(2))


def test_a_clock_that_goes_back_behind_what_was_confirmed_is_refused(ledgers: Ledgers) -> None:
    log = ledgers.create(memory=True)
    ledgers.now -= timedelta(hours=1)
    log.confirm_clock()
    ledgers.now -= timedelta(minutes=11)

    with pytest.raises(ClockError):
        log.append(thing(1))


def test_there_is_no_clock_to_confirm_without_an_entry(ledgers: Ledgers) -> None:
    from ledger.stores.sqlite import SqliteStore

    SqliteStore.create(str(ledgers.path()), origin="ledger.example/test").close()

    with pytest.raises(MissingError):
        ledgers.open().confirm_clock()


def test_a_uuid_is_of_its_moment_and_of_version_7() -> None:
    drawn = [uuid7(NINE) for _ in range(200)]

    assert {id[:13] for id in drawn} == {"01a1f82f-1e80"}
    assert {id[14] for id in drawn} == {"7"}
    assert {id[19] for id in drawn} <= set("89ab")
    assert len(set(drawn)) == 200
    assert uuid7(NINE) < uuid7(NINE + timedelta(milliseconds=1))
