"""The small languages inside the dialects: types and rules.

Each is read whole or not at all; what would have to be guessed is an ExpressionError. Every value prints as the one
spelling that reads back as itself.

    type        float >= 0 · enum[view, add_to_cart] · string (UUID) · date (YYYY-MM-DD) · integer between 0 and 10
    rule        amount_usd >= 0 · event_type in [view, purchase] · id is not null · age between 18 and 99
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from contracts.dialects.words import ExpressionError, Reader, Value, is_moment, is_plain, quoted, spell, unquoted

_FORM: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*\(([^()]*)\)", re.ASCII)
# An alternative to these would be needed for a column of that name; it is quoted then.
_RESERVED: Final = {"and", "or", "not", "in", "between", "is", "null", "enum"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether a value is on one side of another."""

    operator: str
    value: Value

    def __str__(self) -> str:
        is_text = isinstance(self.value, str) and not is_moment(self.value)
        return f"{self.operator} {quoted(str(self.value)) if is_text else spell(self.value)}"


@dataclass(frozen=True, slots=True)
class Between:
    """Whether a value lies within two others, both included; numbers, or dates as text."""

    least: Value
    most: Value

    def __str__(self) -> str:
        return f"between {spell(self.least)} and {spell(self.most)}"


@dataclass(frozen=True, slots=True)
class Listed:
    """Whether a value is listed, or is not."""

    values: tuple[Value, ...]
    is_excluded: bool = False

    def __str__(self) -> str:
        return f"{'not in' if self.is_excluded else 'in'} [{', '.join(map(spell, self.values))}]"


@dataclass(frozen=True, slots=True)
class Present:
    """Whether there is a value."""

    def __str__(self) -> str:
        return "is not null"


Condition = Comparison | Between | Listed | Present


@dataclass(frozen=True, slots=True)
class TypeExpression:
    """A column's type, and what its values hold to.

    Attributes:
        name: The type's word, as it stands; "enum" for a list of values.
        form: What stands in parentheses behind it ("UUID", "YYYY-MM-DD", "18").
        conditions: All of them hold.
    """

    name: str
    form: str | None = None
    conditions: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        if self.name == "enum" and isinstance(listed := self.conditions[0], Listed):
            return f"enum[{', '.join(map(spell, listed.values))}]"
        form = "" if self.form is None else f" ({self.form})"
        return f"{self.name}{form}{''.join(' and' * bool(n) + f' {c}' for n, c in enumerate(self.conditions))}"


@dataclass(frozen=True, slots=True)
class RuleExpression:
    """What the values of one column hold to."""

    column: str
    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return f"{_word(self.column)} {' and '.join(map(str, self.conditions))}"


def read_type(text: str) -> TypeExpression:
    """Return the type that `text` spells.

    Raises:
        ExpressionError: It spells none.
    """
    form = None
    if found := _FORM.match(text):
        form = " ".join(found[2].split())
        text = f"{found[1]}{text[found.end() :]}"
    if form == "":
        raise ExpressionError("the parentheses are empty")
    reader = Reader(text)
    if form is None and reader.take("enum"):
        listed = _list(reader)
        reader.end()
        return TypeExpression("enum", conditions=(listed,))
    name = reader.next("word")
    if name is None or name.lower() in _RESERVED:
        raise ExpressionError("does not begin with a type")
    conditions = _conditions(reader) if reader.at < len(reader.tokens) else ()
    reader.end()
    return TypeExpression(name, form, conditions)


def read_rule(text: str) -> RuleExpression:
    """Return the rule on one column that `text` spells.

    Raises:
        ExpressionError: It spells none.
    """
    reader = Reader(text)
    quoted = reader.next("text")
    column = reader.next("word") if quoted is None else unquoted(quoted)
    if column is None or (quoted is None and column.lower() in _RESERVED):
        raise ExpressionError("does not begin with a column; quote its name where it is a word of the language")
    if not column:
        raise ExpressionError("names a column without a name")
    conditions = _conditions(reader)
    reader.end()
    return RuleExpression(column, conditions)


def _conditions(reader: Reader) -> tuple[Condition, ...]:
    found = [_condition(reader)]
    while reader.take("and", ","):
        found.append(_condition(reader))
    if reader.peek("or"):
        raise ExpressionError("'or' is not read here; write two rules, or a list with 'in'")
    return tuple(found)


def _condition(reader: Reader) -> Condition:
    if operator := reader.operator():
        text = reader.next("text")
        value = reader.bound() if text is None else unquoted(text)
        if isinstance(value, str) and not is_moment(value) and operator not in ("==", "!="):
            raise ExpressionError(f"a text is compared with == and !=, not with {operator}")
        return Comparison(operator, value)
    if reader.take("between"):
        least = reader.bound()
        reader.need("and")
        return _between(least, reader.bound())
    if reader.take("is"):
        reader.need("not")
        reader.need("null")
        return Present()
    is_excluded = reader.take("not")
    reader.need("in")
    return Listed(_list(reader).values, is_excluded)


def _between(least: Value, most: Value) -> Between:
    if isinstance(least, str) != isinstance(most, str):
        raise ExpressionError(f"between {least} and {most}: one is a date, the other a number")
    if str(least) > str(most) if isinstance(least, str) else Decimal(least) > Decimal(most):
        raise ExpressionError(f"between {least} and {most} lies nothing")
    return Between(least, most)


def _list(reader: Reader) -> Listed:
    reader.need("[")
    values = [reader.value(is_listed=True)]
    while reader.take(","):
        values.append(reader.value(is_listed=True))
    reader.need("]")
    if len({(type(value), value) for value in values}) != len(values):
        raise ExpressionError("a list names a value twice")
    return Listed(tuple(values))


def _word(column: str) -> str:
    return column if is_plain(column) and column.lower() not in _RESERVED else quoted(column)
