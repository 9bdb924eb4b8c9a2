"""The language in which a contract says what every row satisfies: comparisons of columns and values, and nothing that runs.

    or        and ("or" and)*
    and       not ("and" not)*
    not       "not" not | "(" or ")" | test
    test      sum (("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") sum
                   | ["not"] "in" "[" value ("," value)* "]" | ["not"] "between" sum "and" sum | "is" ["not"] "null")
    sum       term (("+" | "-") term)*
    term      unit (("*" | "/") unit)*
    unit      number | 'text' | "true" | "false" | column | "length" "(" column ")" | "(" sum ")" | "-" unit
    column    a word, or any name in "double quotes"

Words of the language are read in any case. In a list a bare word is text. Pure; bounded in length, depth and size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from contracts.terms import MAX_DIGITS

MAX_DEPTH: Final = 16
MAX_NODES: Final = 2_000
MAX_TERMS: Final = 32  # of one sum or product: whoever walks the tree goes a step down for each

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>[0-9]{1,38}(\.[0-9]{1,38})?(?![\w.]))|(?P<text>'(?:[^']|'')*')|(?P<name>"(?:[^"]|"")+")"""
    r"""|(?P<word>[^\W\d]\w*)|(?P<sign><=|>=|==|!=|<>|[=<>()\[\],+*/-]))""",
    re.VERBOSE,
)
_COMPARISONS: Final = {"=": "=", "==": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_RESERVED: Final = frozenset(("and", "or", "not", "in", "between", "is", "null", "true", "false"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Value:
    """A number, a text or a truth value."""

    value: Decimal | str | bool


@dataclass(frozen=True, slots=True)
class Length:
    """The number of characters of a column."""

    column: Column


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two operands and one of + - * /; division is exact, never of integers."""

    sign: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and one of = <> < <= > >=; unknown where either is null."""

    sign: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Listed:
    """An operand that is one of some values."""

    operand: Operand
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """An operand that is null."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Not:
    """What is not so; unknown stays unknown."""

    test: Test


@dataclass(frozen=True, slots=True)
class Joined:
    """Tests of which all ("and") or any ("or") hold, by the logic of SQL."""

    word: str
    tests: tuple[Test, ...]


Operand = Column | Value | Length | Arithmetic
Test = Comparison | Listed | IsNull | Not | Joined


def check_expression(text: str) -> str:
    """Return `text`, which is an expression.

    Raises:
        ValueError: It is none; the message says where.
    """
    parse(text)
    return text


def parse(text: str) -> Test:
    """Return what `text` says.

    Raises:
        ValueError: It is no expression of the language, or too large a one; the message names the place.
    """
    reader = _Reader(text)
    test = reader.either(0)
    reader.end()
    return test


def columns_of(part: Test | Operand) -> tuple[str, ...]:
    """Return the columns that an expression speaks of, each once, in the order in which they appear."""
    return tuple(dict.fromkeys(_columns(part)))


def _columns(part: Test | Operand) -> Iterator[str]:
    match part:
        case Column(name):
            yield name
        case Value():
            pass
        case Length(column):
            yield column.name
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            yield from _columns(left)
            yield from _columns(right)
        case Listed(operand, _) | IsNull(operand):
            yield from _columns(operand)
        case Not(test):
            yield from _columns(test)
        case Joined(_, tests):
            for test in tests:
                yield from _columns(test)


def _one_more(length: int) -> int:
    if length == MAX_TERMS:
        raise ValueError(f"joins more than {MAX_TERMS} terms")
    return length + 1


class _Reader:
    """The tokens of a text, read from the left."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []  # kind, text, place
        place, text = 0, text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None or len(self._tokens) >= MAX_NODES:
                raise ValueError(f"cannot be read at character {place + 1}")
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind], found.start(kind)))
            place = found.end()
        self._at, self._length = 0, len(text)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._wrong("the end")

    def either(self, depth: int) -> Test:
        return self._joined("or", depth)

    def _joined(self, word: str, depth: int) -> Test:
        tests = [self._part(word, depth)]
        while self._takes(word):
            tests.append(self._part(word, depth))
        return tests[0] if len(tests) == 1 else Joined(word, tuple(tests))

    def _part(self, word: str, depth: int) -> Test:
        return self._joined("and", depth) if word == "or" else self._negated(depth)

    def _negated(self, depth: int) -> Test:
        if depth > MAX_DEPTH:
            raise ValueError(f"is nested deeper than {MAX_DEPTH}")
        if self._takes("not"):
            return Not(self._negated(depth + 1))
        before = self._at
        try:
            return self._test(depth)
        except ValueError:
            self._at = before
            if not self._takes("("):
                raise
        inner = self.either(depth + 1)
        self._expect(")")
        return inner

    def _test(self, depth: int) -> Test:
        left = self._sum(depth)
        kind, text, _ = self._peek()
        if kind == "sign" and text in _COMPARISONS:
            self._at += 1
            return Comparison(_COMPARISONS[text], left, self._sum(depth))
        if self._takes("is"):
            is_not = self._takes("not")
            self._expect("null")
            return Not(IsNull(left)) if is_not else IsNull(left)
        is_not = self._takes("not")
        if self._takes("in"):
            test: Test = Listed(left, self._values())
        elif self._takes("between"):
            low = self._sum(depth)
            self._expect("and")
            test = Joined("and", (Comparison(">=", left, low), Comparison("<=", left, self._sum(depth))))
        else:
            raise self._wrong("a comparison")
        return Not(test) if is_not else test

    def _values(self) -> tuple[Value, ...]:
        self._expect("[")
        values = [self._value()]
        while self._takes(","):
            values.append(self._value())
        self._expect("]")
        return tuple(values)

    def _value(self) -> Value:
        if self._takes("-"):
            return Value(-self._number())
        kind, text, _ = self._peek()
        if kind == "number":
            return Value(self._number())
        self._at += 1
        if kind == "text":
            return Value(text[1:-1].replace("''", "'"))
        if kind == "word" and text.lower() not in _RESERVED:
            return Value(text)
        self._at -= 1
        raise self._wrong("a value")

    def _sum(self, depth: int) -> Operand:
        left, length = self._term(depth), 0
        while self._peek()[1] in ("+", "-") and self._peek()[0] == "sign":
            left = Arithmetic(self._take(), left, self._term(depth))
            length = _one_more(length)
        return left

    def _term(self, depth: int) -> Operand:
        left, length = self._unit(depth), 0
        while self._peek()[1] in ("*", "/") and self._peek()[0] == "sign":
            left = Arithmetic(self._take(), left, self._unit(depth))
            length = _one_more(length)
        return left

    def _unit(self, depth: int) -> Operand:
        if depth > MAX_DEPTH:
            raise ValueError(f"is nested deeper than {MAX_DEPTH}")
        kind, text, _ = self._peek()
        if self._takes("("):
            inner = self._sum(depth + 1)
            self._expect(")")
            return inner
        if self._takes("-"):
            inner = self._unit(depth + 1)
            if isinstance(inner, Value) and isinstance(inner.value, Decimal):
                return Value(-inner.value)
            return Arithmetic("-", Value(Decimal(0)), inner)
        if kind == "number":
            return Value(self._number())
        if kind == "text":
            return Value(self._take()[1:-1].replace("''", "'"))
        if kind == "name":
            return Column(self._take()[1:-1].replace('""', '"'))
        return self._word(kind, text, depth)

    def _word(self, kind: str, text: str, depth: int) -> Operand:
        word = text.lower()
        if kind != "word" or (word in _RESERVED and word not in ("true", "false")):
            raise self._wrong("a column or a value")
        self._at += 1
        if word in ("true", "false"):
            return Value(word == "true")
        if word == "length" and self._takes("("):
            inner = self._unit(depth + 1)
            self._expect(")")
            if not isinstance(inner, Column):
                raise ValueError("length takes a column")
            return Length(inner)
        return Column(text)

    def _number(self) -> Decimal:
        if self._peek()[0] != "number":
            raise self._wrong("a number")
        number = Decimal(self._take())
        if len(number.as_tuple().digits) > MAX_DIGITS:
            raise ValueError(f"a number has at most {MAX_DIGITS} digits")
        return number

    def _peek(self) -> tuple[str, str, int]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "", self._length)

    def _take(self) -> str:
        text = self._peek()[1]
        self._at += 1
        return text

    def _takes(self, word: str) -> bool:
        kind, text, _ = self._peek()
        if kind not in ("word", "sign") or text.lower() != word:
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._takes(word):
            raise self._wrong(repr(word))

    def _wrong(self, expected: str) -> ValueError:
        kind, text, place = self._peek()
        found = "the end" if kind == "end" else repr(text[:40])
        return ValueError(f"has {found} at character {place + 1}, expected {expected}")
