"""The words of the dialects' small languages: numbers, dates, quoted texts, words and signs, and how each is spelt.

A number is a plain decimal, a date is in the calendar, a word that YAML readers or people take for something else is quoted.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Final

MAX_CHARACTERS: Final = 10_000

Value = int | Decimal | str

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<moment>\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:\d{2})?)?)(?![A-Za-z0-9_.:-])
      | (?P<number>-?(?:0|[1-9][0-9]{0,37})(?:\.[0-9]{1,37})?)(?![A-Za-z0-9_.:-])
      | (?P<text>"(?:[^"\\]|\\["\\])*"|'(?:[^']|'')*')
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:[.-][A-Za-z0-9_]+)*)
      | (?P<sign><=|>=|==|!=|<>|=|<|>|\[|\]|\(|\)|,|%)
    )""",
    re.VERBOSE | re.ASCII,
)
_SAME: Final = {"=": "==", "<>": "!="}
_OPERATORS: Final = ("<", "<=", ">", ">=", "==", "!=")
_MEANT_OTHERWISE: Final = {"true", "false", "null", "none", "yes", "no", "nan", "inf"}
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*([.-][A-Za-z0-9_]+)*", re.ASCII)


class ExpressionError(ValueError):
    """An expression cannot be read; the message says why, in one sentence without its line."""


class Reader:
    """The words of one expression, from the left.

    Raises:
        ExpressionError: From the constructor, when something stands there that is no word of these languages.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARACTERS:
            raise ExpressionError(f"an expression has at most {MAX_CHARACTERS} characters, this one {len(text)}")
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        self.at = 0
        stripped, start = text.rstrip(), 0
        while start < len(stripped):
            found = _TOKEN.match(stripped, start)
            if not found or not found.lastgroup:
                raise ExpressionError(f"cannot be read from {_excerpt(stripped[start:])} on")
            self.tokens.append((found.lastgroup, found[found.lastgroup], found.end()))
            start = found.end()

    def peek(self, *words: str) -> bool:
        """Whether the next word is one of these; a quoted text is none."""
        if self.at >= len(self.tokens):
            return False
        kind, text, _ = self.tokens[self.at]
        return kind != "text" and text.lower() in words

    def take(self, *words: str) -> bool:
        """Step over the next word when it is one of these."""
        found = self.peek(*words)
        self.at += found
        return found

    def need(self, word: str) -> None:
        """Step over `word`."""
        if not self.take(word):
            raise self.lost(f"{word!r}")

    def next(self, kind: str) -> str | None:
        """Step over the next word when it is of a kind, and return it."""
        if self.at < len(self.tokens) and self.tokens[self.at][0] == kind:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def operator(self) -> str | None:
        """Step over a comparison's sign, and return its one spelling."""
        if self.peek(*_OPERATORS, *_SAME):
            sign = self.next("sign")
            assert sign is not None, "a sign was seen"
            return _SAME.get(sign, sign)
        return None

    def value(self, *, is_listed: bool = False) -> Value:
        """Step over a number, a quoted text, or, in a list, words up to its comma."""
        if (number := self.next("number")) is not None:
            return _number(number)
        if (text := self.next("text")) is not None:
            return unquoted(text)
        if (moment := self.next("moment")) is not None:
            return _moment(moment)
        words: list[str] = []
        while is_listed and (word := self.next("word")) is not None:
            words.append(word)
        if not words:
            raise self.lost("a value")
        if len(words) == 1 and words[0].lower() in _MEANT_OTHERWISE:
            raise ExpressionError(f"{words[0]} may be a word or something else; quote it")
        return " ".join(words)

    def number(self) -> int | Decimal:
        """Step over a number."""
        if (number := self.next("number")) is None:
            raise self.lost("a number")
        return _number(number)

    def bound(self) -> Value:
        """Step over a number or a date."""
        moment = self.next("moment")
        return self.number() if moment is None else _moment(moment)

    def end(self) -> None:
        """Make sure that nothing is left."""
        if self.at < len(self.tokens):
            raise ExpressionError(f"{_excerpt(self.rest())} stands behind what could be read")

    def rest(self) -> str:
        """What was not read yet, as it stands."""
        start = self.tokens[self.at - 1][2] if self.at else 0
        return self.text[start:].strip()

    def lost(self, wanted: str) -> ExpressionError:
        """Return what to raise where something else stands than must."""
        rest = self.rest()
        return ExpressionError(f"{wanted} is expected " + (f"where {_excerpt(rest)} stands" if rest else "at the end"))


def spell(value: Value) -> str:
    """Return the one spelling of a value: a number plain, a text between double quotes unless it is a plain word."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if (is_plain(value) and value.lower() not in _MEANT_OTHERWISE) or is_moment(value):
        return value
    return quoted(value)


def is_plain(text: str) -> bool:
    """Whether a text needs no quotes for being a word."""
    return bool(_PLAIN.fullmatch(text))


def is_moment(text: str) -> bool:
    """Whether a text is a date, or a date and time, of the calendar."""
    found = _TOKEN.fullmatch(text)
    if not found or found.lastgroup != "moment" or found["moment"] != text:
        return False
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _moment(text: str) -> str:
    if not is_moment(text):
        raise ExpressionError(f"{text!r} is not in the calendar")
    return text


def _number(text: str) -> int | Decimal:
    return Decimal(text) if "." in text else int(text)


def unquoted(text: str) -> str:
    """Return what stands between quotes."""
    if text[0] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text[1:-1].replace("''", "'")


def quoted(text: str) -> str:
    """Return a text between double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
