"""One line of a stream: where it stands, whether it can be read, and of which moment it is.

What cannot be read is no error: it has a reason, and is set apart with its offset.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from contracts.sources.jsonlines import LINE_BYTES
from contracts.terms import timestamp_bound

MAX_NAMES: Final = 1_000  # of one object: each is a column of its whole window
AHEAD: Final = timedelta(days=1)  # a moment further ahead of the clock would make all that follows late

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

EventTime = Callable[["Line", dict[str, Any]], int]


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or one message.

    Attributes:
        offset, stop: Where it begins, and where the next one does.
        data: Its bytes, without an end of line; of one that is too long the first of them.
        moment: When it was sent, or read, in microseconds since 1970 UTC; None where nobody says so.
        is_cut: True where it is longer than any line may be.
    """

    partition: int
    offset: int
    stop: int
    data: bytes
    moment: int | None = None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Word that a partition has nothing more at the moment."""

    partition: int


class UnreadableError(Exception):
    """A line that cannot be read, and why, in words of ours."""


def read_line(line: Line) -> dict[str, Any]:
    """Return the object that a line spells.

    Raises:
        UnreadableError: It spells none, has a name twice in one object, or more than 1,000 names.
    """
    if line.is_cut or len(line.data) > LINE_BYTES:
        raise UnreadableError(f"it has more than {LINE_BYTES} bytes")
    try:
        value = orjson.loads(line.data)
    except orjson.JSONDecodeError:
        raise UnreadableError("it is not JSON") from None  # its message quotes the line
    if not isinstance(value, dict):
        raise UnreadableError("it is no object")
    if len(value) > MAX_NAMES:
        raise UnreadableError(f"it has more than {MAX_NAMES} names")
    try:
        _NAMES.decode(line.data.decode())
    except RecursionError:
        raise UnreadableError("it is nested too deeply") from None
    except ValueError:
        raise UnreadableError("it is not JSON") from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("a name stands twice in one object")
    return found


# Looks for names that stand twice alone. Numbers are not looked at: one of many digits costs more than the line.
_NAMES: Final = json.JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len)


def of_column(name: str) -> EventTime:
    """Return what reads the event time of a row from one of its members, a timestamp as a contract has it."""

    def read(_: Line, value: dict[str, Any]) -> int:
        try:
            return timestamp_bound(value.get(name, ""))
        except (ValueError, OverflowError):
            raise UnreadableError("its event time is not a timestamp") from None

    return read


def of_arrival(line: Line, _: dict[str, Any]) -> int:
    """Return the moment that the stream itself gives a line."""
    if line.moment is None:
        raise UnreadableError("it has no event time")
    return line.moment


def micros(moment: datetime) -> int:
    """Return a moment in microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(number: int) -> datetime:
    """Return the moment of so many microseconds since 1970 UTC."""
    return _EPOCH + number * _MICROSECOND
