"""Time and ids, as arguments: the ledger's own clock, never a producer's, and never an order.

Source: docs/formats/entry.md, "Time"; RFC 9562 section 5.7 for UUIDv7.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from proofs.errors import RefusedError

Clock = Callable[[], datetime]
"""Returns the time now, aware, in UTC."""

AT_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


def system_clock() -> datetime:
    """Return the machine's time in UTC."""
    return datetime.now(UTC)


def print_at(moment: datetime) -> str:
    """Return `moment` as an entry prints it: six decimals and Z."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def parse_at(at: str) -> datetime:
    """Return the moment that an entry's `at` says."""
    return datetime.strptime(at, AT_FORMAT).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far the clock may stand from the entry before without being asked about it.

    Attributes:
        behind: The clock may be this much earlier; the entry then takes the time of the one before.
        ahead: The clock may be this much later: longer than any pause in writing that nobody would ask about.
    """

    behind: timedelta = timedelta(minutes=10)
    ahead: timedelta = timedelta(days=366)


class ClockError(RefusedError):
    """The clock is further from the last entry than allowed; nothing was written.

    Attributes:
        before: The `at` of the last entry.
    """

    code = "clock"

    def __init__(self, what: str, *, before: str) -> None:
        super().__init__(what, hint="set the clock right, or confirm it with `tally clock confirm`")
        self.before = before


def next_at(before: str | None, now: datetime, deviation: Deviation, confirmed: datetime | None = None) -> str:
    """Return the `at` of an entry that follows one of `before`: never earlier than that.

    Args:
        confirmed: What the clock said when somebody confirmed it; it is then held to that instead of to `before`.

    Raises:
        ClockError: The clock is further away than `deviation` allows.
    """
    at = print_at(now)
    if before is None:
        return at
    last = parse_at(before) if confirmed is None else confirmed
    if last - now > deviation.behind:
        raise ClockError(f"the clock says {at}, more than {deviation.behind} before {print_at(last)}", before=before)
    if now - last > deviation.ahead:
        raise ClockError(f"the clock says {at}, more than {deviation.ahead} after {print_at(last)}", before=before)
    return max(at, before)


def uuid7(now: datetime) -> str:
    """Return a fresh UUIDv7 of the moment `now`: sortable by time, 74 random bits."""
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    drawn = int.from_bytes(os.urandom(10), "big")
    value = milliseconds << 80 | 7 << 76 | (drawn >> 62 & 0xFFF) << 64 | 2 << 62 | drawn & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def seconds() -> float:
    """Return a clock for durations, in seconds."""
    return time.monotonic()
