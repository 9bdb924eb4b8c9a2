"""Whether every combination of values stands in another dataset, which may lie in another engine.

Its distinct combinations are handed over as texts that are equal where the values are; so no file is opened in a connection
that may not read it, and nothing is written into one of the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from contracts.checks import References
from contracts.columns import Column
from contracts.compile import typed_value
from contracts.metric import Metric
from contracts.model import FieldSpec
from contracts.rules import Rule
from contracts.scan.numbers import unmeasured
from contracts.scan.query import UnfitError, Value
from contracts.source import Opened, Source, opened
from proofs.errors import TallyError

MAX_KEYS: Final = 5_000_000

Pairs = Sequence[tuple[Column, FieldSpec]]


def references(rule: Rule, check: References, batch: Opened, pairs: Pairs, other: Source | None, rows: int) -> Metric:
    """Return the metric of a reference into `other`.

    Args:
        pairs: The referring columns, each with what the contract says of it.

    Raises:
        UnfitError: The columns of the two cannot be compared.
    """
    if other is None:
        return unmeasured(rule, f"dataset {check.dataset} is not at hand")
    inner: list[str] = []
    ours = [typed_value(column, spec, place, inner) for place, (column, spec) in enumerate(pairs)]
    try:
        with opened(other) as there:
            texts, keys = _keys(there, check, ours, [spec for _, spec in pairs])
    except TallyError:
        return unmeasured(rule, f"dataset {check.dataset} cannot be read")
    names = [f"k{place}" for place in range(len(pairs))]
    mine = ", ".join(f"{text} AS {name}" for text, name in zip(texts, names, strict=True))
    whole = " AND ".join(f"{value.typed} IS NOT NULL" for value in ours)
    source = f"(SELECT {mine} FROM (SELECT {', '.join(inner)} FROM {batch.relation}) WHERE {whole})"  # noqa: S608 quoted
    listed = ", ".join(f"unnest(${place + 1}::VARCHAR[]) AS {name}" for place, name in enumerate(names))
    sql = f"SELECT count(*) FROM {source} ANTI JOIN (SELECT {listed}) USING ({', '.join(names)})"  # noqa: S608 quoted
    [[strangers]] = batch.connection.execute(sql, keys).fetchall()
    return Metric(rule, strangers, rows)


def _keys(
    there: Opened, check: References, ours: Sequence[Value], specs: Sequence[FieldSpec]
) -> tuple[list[str], list[list[str]]]:
    """What our values are compared as, and the combinations of the other dataset, a list of texts for each column."""
    columns = {column.name: column for column in reversed(there.columns)}
    if missing := [name for name in check.to if name not in columns]:
        raise UnfitError(f"dataset {check.dataset} has no column {missing[0]!r}")
    inner: list[str] = []
    named = zip(check.to, specs, strict=True)
    theirs = [typed_value(columns[name], spec, place, inner) for place, (name, spec) in enumerate(named)]
    pairs = [comparable(one, two) for one, two in zip(ours, theirs, strict=True)]
    texts = ", ".join(text for _, text in pairs)
    whole = " AND ".join(f"{value.typed} IS NOT NULL" for value in theirs)
    sql = f"SELECT DISTINCT {texts} FROM (SELECT {', '.join(inner)} FROM {there.relation}) WHERE {whole}"  # noqa: S608 quoted
    found = there.connection.execute(f"{sql} LIMIT {MAX_KEYS + 1}").fetchall()
    if len(found) > MAX_KEYS:
        raise UnfitError(f"dataset {check.dataset} has more than {MAX_KEYS} combinations")
    return [text for text, _ in pairs], [[row[place] for row in found] for place in range(len(pairs))]


def comparable(one: Value, two: Value) -> tuple[str, str]:
    """Return two values as texts that are equal where the values are.

    Raises:
        UnfitError: They are of types that have nothing in common.
    """
    if one.is_text and two.is_text:
        return one.typed, two.typed
    if one.is_number and two.is_number:
        if one.is_float or two.is_float:
            return _as_double(one), _as_double(two)
        return _as_decimal(one), _as_decimal(two)
    if one.column.type == two.column.type:
        return f"CAST({one.typed} AS VARCHAR)", f"CAST({two.typed} AS VARCHAR)"
    if one.column.type.startswith("timestamp") and two.column.type.startswith("timestamp"):
        return f"CAST(epoch_us({one.typed}) AS VARCHAR)", f"CAST(epoch_us({two.typed}) AS VARCHAR)"
    raise UnfitError("the columns of the two datasets are of different types")


def _as_double(value: Value) -> str:
    return f"CAST(CAST({value.typed} AS DOUBLE) + 0 AS VARCHAR)"


def _as_decimal(value: Value) -> str:
    text = f"CAST({value.typed} AS VARCHAR)"
    return f"rtrim(rtrim({text}, '0'), '.')" if value.column.scale else text
