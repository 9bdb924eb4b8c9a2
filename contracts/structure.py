"""The shape of a table against a contract: what is missing, what was renamed, what has another type, what is left to scan.

Judged before the scan, from the source's columns alone: a query over a column that is not there would tell nobody which
one it was.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.columns import Column
from contracts.metric import Metric
from contracts.rules import Rule
from contracts.terms import Kind

# Looking for the new name of a missing column is quadratic, and only of use in a table that is not all strange.
MAX_STRANGERS: Final = 50
SIMILAR: Final = 0.6

# What counts rows whatever is in them; all other kinds speak of values, and those are of the field's type or not looked at.
_TYPELESS: Final = frozenset(
    Kind(name)
    for name in (
        "type", "required", "max_null", "unique", "key", "expression", "null_values", "duplicate_values",
        "distinct_values", "completeness", "sql", "custom",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Structure:
    """How a table's columns meet a contract's rules.

    Attributes:
        columns: The columns of the contract that the table has, by name.
        judged: The metrics of the rules that need no scan, by rule id.
        extra: Names of columns that the contract does not speak of, in the table's order.
    """

    columns: Mapping[str, Column]
    judged: Mapping[str, Metric]
    extra: tuple[str, ...]


def judge(rules: Sequence[Rule], columns: Sequence[Column]) -> Structure:
    """Return what `columns` say about `rules`. Names are compared exactly, upper and lower case are different."""
    named = {field for rule in rules if rule.kind is Kind.PRESENT for field in rule.columns}
    extra = tuple(column.name for column in columns if column.name not in named)
    # Of columns with one name the first counts; a CSV can repeat a name.
    known = {column.name: column for column in reversed(columns) if column.name in named}
    strangers = [column for column in columns if column.name not in named]
    types = {rule.columns[0]: rule.field.type for rule in rules if rule.field and rule.kind is Kind.PRESENT}
    judged = {rule.id: metric for rule in rules if (metric := _judge(rule, known, strangers, types)) is not None}
    return Structure(known, judged, extra)


def _judge(
    rule: Rule, known: Mapping[str, Column], strangers: Sequence[Column], types: Mapping[str, str]
) -> Metric | None:
    """The metric of a rule that the table's shape decides; None where the rows must be counted."""
    if rule.kind is Kind.ROW_COUNT:
        return None
    if rule.kind is Kind.EXTRA_COLUMNS:
        return Metric(rule, int(bool(strangers)), 1, structural=True)
    missing = [name for name in rule.columns if name not in known]
    if rule.kind is Kind.PRESENT:
        # Where no promised column is there, the first row of the data may stand in for the header.
        hint = _new_name(rule, strangers) if missing and known else None
        return Metric(rule, len(missing), 1, structural=True, hint=hint)
    if missing or rule.kind is Kind.FOREIGN:
        why = None if missing else "it is a check of another engine"
        return Metric(rule, 0, 0, structural=True, unmeasured=True, why=why)
    if rule.kind is not Kind.TYPE and rule.kind in _TYPELESS:
        return None
    return _judge_types(rule, known, types)


def _judge_types(rule: Rule, known: Mapping[str, Column], types: Mapping[str, str]) -> Metric | None:
    wrong = [known[name] for name in rule.columns if not known[name].fits(types[name])]
    if rule.kind is not Kind.TYPE:
        return Metric(rule, 0, 0, structural=True, unmeasured=True) if wrong else None
    [name] = rule.columns
    if known[name].is_written(types[name]):
        return None  # every value is looked at
    return Metric(rule, int(bool(wrong)), 1, structural=True, hint=wrong[0].type if wrong else None)


def _new_name(rule: Rule, strangers: Sequence[Column]) -> str | None:
    """The name that a missing column seems to have now.

    It is recorded, so it may be no value of the data: only a name much like the promised one is ever returned.
    """
    if rule.field is None or len(strangers) > MAX_STRANGERS:
        return None
    [promised] = rule.columns
    names = [
        column.name for column in strangers if column.fits(rule.field.type) and len(column.name) <= len(promised) * 3
    ]
    close = difflib.get_close_matches(_plain(promised), [_plain(name) for name in names], n=1, cutoff=SIMILAR)
    return next((name for name in names if close and _plain(name) == close[0] and name.isprintable()), None)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
