"""Other writers come between census and checkpoint: the export tries again, and knows when to give up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import ledger
from evidence import seal
from evidence.question import everything
from ledger.event import Event
from proofs.errors import BusyError

House = Any
CENSUS = "type:tallystick.ledger.census-taken.v1"


@pytest.fixture
def intrude(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets another writer append just before each of the first `times` checkpoints."""

    def intrude(times: int) -> None:
        other = ledger.open(house.url, home=house.home, passphrase=lambda: b"test", clock=house.clock)
        genuine = house.log.checkpoint
        left = [times]

        def checkpoint() -> Any:
            if left[0]:
                left[0] -= 1
                other.append(Event.of("org.example.other.v1", "urn:other", {}, id=f"intruder-{left[0]}"))
            return genuine()

        monkeypatch.setattr(house.log, "checkpoint", checkpoint)

    return intrude


def test_a_census_that_is_no_longer_the_last_entry_is_taken_again(house: House, intrude: Callable[[int], None]) -> None:
    intrude(2)

    sealed = house.export(everything())

    assert sealed.verdict.word == "verified"
    assert [seq for _, seq, _ in house.log.positions(CENSUS)][-1] == sealed.seq - 1
    assert len(house.log.positions(CENSUS)) == 3


def test_a_writer_who_always_comes_in_between_makes_the_ledger_busy(
    house: House, intrude: Callable[[int], None]
) -> None:
    intrude(seal.ATTEMPTS)

    with pytest.raises(BusyError, match="32 times in a row"):
        house.export(everything())
    assert list(house.out.iterdir()) == []
