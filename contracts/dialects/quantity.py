"""Amounts in the dialects: thresholds, percentages, durations, moments relative to a clock, and variables.

threshold   > 20 · >= 99.5% · 99.9% · <= 5 minutes
duration    5 minutes · 90 days · 30 days advance notice
moment      now · 2 hours ago · 2 hours from now · 2026-11-28 · 2026-11-28T10:00:00Z
template    s3://bucket/${ENVIRONMENT}/${DAY:-today}
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from contracts.dialects.words import ExpressionError, Reader

Number = int | Decimal

# How long each unit is, in seconds. Months and years have no one length: they can be kept, and not measured.
_SECONDS: Final = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
    "month": None,
    "year": None,
}
_UNITS: Final = {
    **{unit: unit for unit in _SECONDS},
    **{f"{unit}s": unit for unit in _SECONDS},
    "s": "second",
    "sec": "second",
    "secs": "second",
    "min": "minute",
    "mins": "minute",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
    "yr": "year",
    "yrs": "year",
}
_GLUED: Final = re.compile(r"\s*(-?[0-9]+(?:\.[0-9]+)?)([A-Za-z]+)")
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
_PIECE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_FARTHEST: Final = 200 * 366 * 86_400  # seconds; no clock's moment with this added leaves the calendar


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time in one unit.

    Attributes:
        unit: second, minute, hour, day, week, month or year.
    """

    amount: Number
    unit: str

    @property
    def seconds(self) -> Number:
        """The same in seconds.

        Raises:
            ExpressionError: A month or a year has no one length.
        """
        if (length := _SECONDS[self.unit]) is None:
            raise ExpressionError(f"a {self.unit} has no one length; write days")
        return self.amount * length

    def __str__(self) -> str:
        return f"{_spelt(self.amount)} {self.unit}{'' if self.amount == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Percentage:
    """A share in hundredths."""

    amount: Number

    @property
    def fraction(self) -> Decimal:
        """The same as a fraction of one."""
        return Decimal(self.amount) / 100

    def __str__(self) -> str:
        return f"{_spelt(self.amount)}%"


Quantity = int | Decimal | Percentage | Duration


@dataclass(frozen=True, slots=True)
class Threshold:
    """A quantity and the side of it that is meant; without a sign, `operator` is None and the key decides what is meant."""

    operator: str | None
    quantity: Quantity

    def __str__(self) -> str:
        quantity = _spelt(self.quantity) if isinstance(self.quantity, int | Decimal) else str(self.quantity)
        return quantity if self.operator is None else f"{self.operator} {quantity}"


@dataclass(frozen=True, slots=True)
class Notice:
    """A duration and the words behind it ("30 days advance notice"), which are kept and mean nothing to us."""

    duration: Duration
    words: str = ""

    def __str__(self) -> str:
        return f"{self.duration} {self.words}".strip()


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, fixed or relative to a decision's clock.

    Attributes:
        fixed: "YYYY-MM-DD" or with the time, as it stands; None for a relative one.
        offset: How far from now; None is now itself.
        is_past: The offset leads back.
    """

    fixed: str | None = None
    offset: Duration | None = None
    is_past: bool = True

    def at(self, now: dt.datetime) -> dt.datetime:
        """Return the point in time, read against the clock `now`; a fixed one without an offset is UTC."""
        if self.fixed is not None:
            moment = dt.datetime.fromisoformat(self.fixed)
            return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        if self.offset is None:
            return now
        delta = dt.timedelta(microseconds=int(self.offset.seconds * 1_000_000))
        return now - delta if self.is_past else now + delta

    def __str__(self) -> str:
        if self.fixed is not None:
            return self.fixed
        return "now" if self.offset is None else f"{self.offset} {'ago' if self.is_past else 'from now'}"


@dataclass(frozen=True, slots=True)
class Template:
    """A text with variables in it.

    Attributes:
        pieces: Plain texts, and (name, default) of variables, in their order.
    """

    pieces: tuple[str | tuple[str, str | None], ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The names, each once, in their order."""
        return tuple(dict.fromkeys(piece[0] for piece in self.pieces if isinstance(piece, tuple)))

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with every variable replaced; an empty value counts as none.

        Raises:
            ExpressionError: A variable has neither a value nor a default.
        """
        found: list[str] = []
        for piece in self.pieces:
            if isinstance(piece, str):
                found.append(piece)
            elif values.get(piece[0]):
                found.append(values[piece[0]])
            elif piece[1] is not None:
                found.append(piece[1])
            else:
                raise ExpressionError(f"the variable {piece[0]} is not set")
        return "".join(found)

    def __str__(self) -> str:
        return "".join(piece if isinstance(piece, str) else _variable(*piece) for piece in self.pieces)


def read_threshold(text: str) -> Threshold:
    """Return the threshold that `text` spells.

    Raises:
        ExpressionError: It spells none.
    """
    reader = Reader(_spaced(text))
    operator = reader.operator()
    number = reader.number()
    quantity: Quantity = number
    if reader.take("%"):
        quantity = Percentage(number)
    elif (word := reader.next("word")) is not None:
        quantity = Duration(number, _unit(word))
    reader.end()
    return Threshold(operator, quantity)


def read_duration(text: str) -> Duration:
    """Return the duration that `text` spells.

    Raises:
        ExpressionError: It spells none, or more than that.
    """
    notice = read_notice(text)
    if notice.words:
        raise ExpressionError(f"{notice.words[:40]!r} stands behind the duration")
    return notice.duration


def read_notice(text: str) -> Notice:
    """Return the duration with which `text` begins, and the words behind it.

    Raises:
        ExpressionError: It begins with none, or something else than words stands behind it.
    """
    reader = Reader(_spaced(text))
    duration = _duration(reader)
    words: list[str] = []
    while (word := reader.next("word")) is not None:
        words.append(word)
    reader.end()
    return Notice(duration, " ".join(words))


def read_moment(text: str) -> Moment:
    """Return the moment that `text` spells.

    Raises:
        ExpressionError: It spells none.
    """
    if _MOMENT.fullmatch(text.strip()):
        try:
            dt.datetime.fromisoformat(text.strip())
        except ValueError as error:
            raise ExpressionError(f"{text.strip()!r} is not in the calendar") from error
        return Moment(fixed=text.strip())
    reader = Reader(_spaced(text))
    if reader.take("now"):
        reader.end()
        return Moment()
    offset = _duration(reader)
    is_past = reader.take("ago")
    if not is_past:
        reader.need("from")
        reader.need("now")
    reader.end()
    if offset.amount < 0 or offset.seconds > _FARTHEST:
        raise ExpressionError("lies beyond what a clock shows")
    return Moment(offset=offset, is_past=is_past)


def read_template(text: str) -> Template:
    """Return the variables of `text` and what stands between them.

    Raises:
        ExpressionError: A `${` in it begins no variable.
    """
    pieces: list[str | tuple[str, str | None]] = []
    start = 0
    for found in _PIECE.finditer(text):
        pieces.extend([text[start : found.start()]] if found.start() > start else [])
        pieces.append((found[1], found[2]))
        start = found.end()
    pieces.extend([text[start:]] if start < len(text) else [])
    if any(isinstance(piece, str) and "${" in piece for piece in pieces):
        raise ExpressionError("a variable is written ${NAME} or ${NAME:-default}")
    return Template(tuple(pieces))


def _duration(reader: Reader) -> Duration:
    number = reader.number()
    if number < 0:
        raise ExpressionError("a duration is not negative")
    word = reader.next("word")
    if word is None:
        raise reader.lost("a unit of time")
    return Duration(number, _unit(word))


def _unit(word: str) -> str:
    if word.lower() == "m":
        raise ExpressionError("m may be minutes or months; write min or months")
    if word.lower() not in _UNITS:
        raise ExpressionError(f"{word[:40]!r} is no unit of time; there are {', '.join(_SECONDS)}")
    return _UNITS[word.lower()]


def _spaced(text: str) -> str:
    """`5min` as `5 min`; nothing else of the text is touched."""
    return _GLUED.sub(r" \1 \2", text, count=1) if len(text) < 10_000 else text


def _spelt(number: Number) -> str:
    return f"{number:f}" if isinstance(number, Decimal) else str(number)


def _variable(name: str, default: str | None) -> str:
    return f"${{{name}}}" if default is None else f"${{{name}:-{default}}}"
