"""All rules of a contract as one query: one aggregate over one reading of the source.

The inner query reads each column once, under a name of ours; the outer one counts, for each rule, the rows that break it.
Whatever the contract says enters as a parameter, whatever the source says as a quoted identifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from contracts.bounds import Bounds
from contracts.checks import (
    Completeness,
    CountCheck,
    Drift,
    Expression,
    Freshness,
    HasFormat,
    HasLength,
    InEnum,
    InRange,
    Matches,
    Statistic,
)
from contracts.columns import Column
from contracts.expression import columns_of, parse
from contracts.metric import Metric
from contracts.model import FieldSpec
from contracts.modelchecks import Dimensions, Finite, Norm, Share
from contracts.rules import Rule
from contracts.scan.expressions import expression_part
from contracts.scan.fields import has_format, has_length, in_bounds, in_values, matches, negation
from contracts.scan.fragments import json_value
from contracts.scan.freshness import freshness_part
from contracts.scan.histogram import profile_part
from contracts.scan.numbers import number_part, unmeasured
from contracts.scan.performance import share_part
from contracts.scan.query import Part, Query, UnfitError, Value, Values, breaking, rows_part, surplus
from contracts.scan.vectors import vector_holds
from contracts.structure import Structure
from contracts.terms import Kind
from contracts.written import TYPES, read_as

# What is asked after the scan, each by itself.
BESIDE: Final = frozenset((Kind.SQL, Kind.CUSTOM, Kind.REFERENTIAL, Kind.FOREIGN, Kind.PERFORMANCE))


@dataclass(frozen=True, slots=True)
class Scan:
    """A query whose one row is the number of rows, then what each of `parts` asks.

    Attributes:
        unfit: The metrics of rules that do not fit the columns, by rule id.
        rows: The SELECT of the columns that are asked about, under names of ours; with `file`, where rows are asked by it.
        values: What they are there, by column.
    """

    sql: str
    parameters: list[Any]
    parts: tuple[Part, ...]
    unfit: Mapping[str, Metric]
    rows: str = ""
    values: Values = field(default_factory=dict)

    def read(self, row: Sequence[Any]) -> dict[str, Metric]:
        """Return the metrics that the answer comes to, by rule id."""
        metrics, place = dict(self.unfit), 1
        for part in self.parts:
            answer = row[place : place + len(part.sql)]
            metrics[part.rule.id] = part.read(answer, row[0])
            place += len(part.sql)
        return metrics

    def doubtful(self, row: Sequence[Any]) -> frozenset[str]:
        """Return the ids of the rules whose answer is a bound alone, and has to be counted by value."""
        found, place = set(), 1
        for part in self.parts:
            if part.by_hash and row[place]:
                found.add(part.rule.id)
            place += len(part.sql)
        return frozenset(found)


def compile_scan(
    rules: Sequence[Rule],
    structure: Structure,
    relation: str,
    clock: datetime | None = None,
    *,
    by_hash: bool = False,
    by_file: str | None = None,
) -> Scan:
    """Return the one query that measures those of `rules` which the structure has not decided.

    Args:
        relation: What stands after FROM, quoted.
        clock: The moment against which ages are read; without one they are not measured.
        by_hash: Tell rows apart by their hash, which costs less; what then is doubtful has to be asked once more without.
        by_file: The expression that numbers a row's file: one row of answers for each, behind that number.
    """
    counted = [rule for rule in rules if rule.id not in structure.judged and rule.kind not in (Kind.ROW_COUNT, *BESIDE)]
    counted = [rule for rule in counted if not (isinstance(rule.check, Freshness) and rule.check.column is None)]
    fields = fields_of(rules)
    used = sorted({name for rule in counted for name in spoken_of(rule, fields) if name in structure.columns})
    query = Query(by_hash)
    inner: list[str] = []
    values = {name: typed_value(structure.columns[name], fields[name], n, inner) for n, name in enumerate(used)}
    parts, unfit = [], {}
    for rule in counted:
        bound = len(query.parameters)
        try:
            if missing := [name for name in spoken_of(rule, fields) if name not in values]:
                raise UnfitError(f"column {missing[0]!r} is missing")
            parts.append(_part(rule, values, query, clock))
        except UnfitError as error:
            del query.parameters[bound:]  # the engine wants every parameter to be used
            unfit[rule.id] = unmeasured(rule, str(error))
    asked = ["count(*)", *(sql for part in parts for sql in part.sql)]
    if by_file is not None:
        inner.append(f"{by_file} AS file")
        asked.insert(0, "file")
    rows = f"SELECT {', '.join(inner) or '1'} FROM {relation}"  # noqa: S608 quoted
    sql = f"SELECT {', '.join(asked)} FROM ({rows}){' GROUP BY file' if by_file else ''}"  # noqa: S608 quoted
    return Scan(sql, query.parameters, tuple(parts), unfit, rows, values)


def fields_of(rules: Sequence[Rule]) -> dict[str, FieldSpec]:
    """Return the fields of the contract whose rules these are, by name."""
    return {rule.columns[0]: rule.field for rule in rules if rule.kind is Kind.PRESENT and rule.field}


def spoken_of(rule: Rule, fields: Mapping[str, FieldSpec]) -> tuple[str, ...]:
    """Return the columns that a rule needs; a completeness without any needs all."""
    if isinstance(rule.check, Expression):
        return columns_of(parse(rule.check.expression))
    return rule.columns or (tuple(fields) if isinstance(rule.check, Completeness) else ())


def typed_value(column: Column, field: FieldSpec, place: int, inner: list[str]) -> Value:
    """Return a column under names of ours, and add what selects it to `inner`."""
    if column.as_json:
        return json_value(column, field, place, inner)
    if column.as_text and field.type in TYPES:
        inner.append(f"{column.sql} AS r{place}")
        inner.append(f"{read_as(field.type, column.sql)} AS v{place}")
        typed = Column(column.name, f"v{place}", TYPES[field.type].lower())
        return Value(f"r{place}", f"v{place}", typed, as_text=True)
    # An enum type of the engine's compares by position; its text is what the contract speaks of.
    inner.append(f"CAST({column.sql} AS VARCHAR) AS v{place}" if column.type == "enum" else f"{column.sql} AS v{place}")
    return Value(f"v{place}", f"v{place}", column, as_text=column.as_text)


def _part(rule: Rule, values: Values, query: Query, clock: datetime | None) -> Part:
    """What one rule asks of the rows.

    Raises:
        UnfitError: It does not fit the columns.
    """
    match rule.check:
        case Expression(expression=text):
            return expression_part(rule, text, values, query)
        case CountCheck() | Completeness() | Statistic():
            return number_part(rule, rule.check, values, query)
        case Freshness(column=str(column)) if clock is not None:
            return freshness_part(rule, rule.check, values[column], clock)
        case Share():
            return share_part(rule, rule.check, values, query)
        case Drift():
            return profile_part(rule, values[rule.columns[0]])
    by_hash = query.by_hash and rule.kind in (Kind.KEY, Kind.UNIQUE)
    return rows_part(rule, _count(rule, values, query), by_hash=by_hash)


def _count(rule: Rule, values: Values, query: Query) -> str:
    """The expression that counts the rows which break `rule`."""
    if rule.kind is Kind.KEY or (rule.kind is Kind.UNIQUE and rule.check):
        return surplus([values[name] for name in rule.columns], query)
    value = values[rule.columns[0]]
    match rule.kind:
        case Kind.REQUIRED | Kind.MAX_NULL:
            return f"count(*) FILTER ({value.raw} IS NULL)"
        case Kind.TYPE if value.raw == value.typed:
            return "0"  # any text is a string
        case Kind.TYPE:
            return f"count(*) FILTER ({value.raw} IS NOT NULL AND {value.typed} IS NULL)"
        case Kind.UNIQUE:
            return surplus([value], query)
    return breaking(value, condition_of(rule, value, query))


def condition_of(rule: Rule, value: Value, query: Query) -> str:
    """Return the condition that a value satisfies.

    Raises:
        UnfitError: No engine is asked about it.
    """
    match rule.check:
        case None:
            return _field_holds(rule, value, query)
        case InRange(bounds=bounds):
            return in_bounds(value, bounds, query)
        case InEnum(values=listed, negated=negated):
            return negation(in_values(value, listed, query), negated=negated)
        case Matches(pattern=pattern, match=how, negated=negated):
            return negation(matches(value, pattern, query, how), negated=negated)
        case HasLength(bounds=bounds):
            return has_length(value, bounds, query)
        case HasFormat(format=form):
            return has_format(value, form, query)
        case Dimensions() | Norm() | Finite():
            return vector_holds(rule.check, value, query)
    raise UnfitError("no engine is asked about it")


def _field_holds(rule: Rule, value: Value, query: Query) -> str:
    assert rule.field is not None, "rules on the table are counted above"
    match rule.kind, getattr(rule.field, rule.kind.value):
        case Kind.RANGE, Bounds() as bounds:
            return in_bounds(value, bounds, query)
        case Kind.ENUM, tuple() as listed:
            return in_values(value, listed, query)
        case Kind.PATTERN, str() as pattern:
            return matches(value, pattern, query)
        case Kind.LENGTH, Bounds() as bounds:
            return has_length(value, bounds, query)
        case Kind.FORMAT, str() as form:
            return has_format(value, form, query)
    raise UnfitError("no engine is asked about it")
