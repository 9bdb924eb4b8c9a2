"""Predictions beside their labels: in one row, or in another dataset by a key, where they arrive later."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from contracts.compile import typed_value
from contracts.engine import literal
from contracts.metric import Metric
from contracts.model import FieldSpec
from contracts.modelchecks import BINARY, Performance
from contracts.rules import Rule
from contracts.scan.numbers import unmeasured
from contracts.scan.performance import against, group_of, measured, reference, worst
from contracts.scan.query import UnfitError, Value
from contracts.scan.referential import MAX_KEYS, comparable
from contracts.source import Opened, Source, opened
from contracts.structure import Structure
from proofs.errors import TallyError

_TRUE: Final = "('1', '1.0', 'true')"
_FALSE: Final = "('0', '0.0', 'false')"


def performance(
    rule: Rule,
    check: Performance,
    batch: Opened,
    shape: tuple[Structure, Mapping[str, FieldSpec]],
    other: Source | None,
    scores: Mapping[tuple[str, str], Fraction],
) -> Metric:
    """Return the metric of predictions against labels.

    Args:
        shape: How the batch meets the contract, and the contract's fields.
        other: Where the labels are, unless they are in the batch.
        scores: What the references came to.

    Raises:
        UnfitError: Predictions, labels or keys cannot be compared.
    """
    structure, fields = shape
    inner: list[str] = []
    ours = {
        name: typed_value(structure.columns[name], fields[name], place, inner) for place, name in enumerate(check.names)
    }
    if check.dataset is None:
        joined = f"(SELECT {', '.join(inner)} FROM {batch.relation})"  # noqa: S608 quoted
        label, parameters = ours[check.label], list[list[str]]()
    elif other is None:
        return unmeasured(rule, f"dataset {check.dataset} is not at hand")
    else:
        try:
            with opened(other) as there:
                texts, label, listed = _labels(there, check, ours, fields)
        except TallyError:
            return unmeasured(rule, f"dataset {check.dataset} cannot be read")
        if len({tuple(row[:-1]) for row in listed}) != len(listed):
            return unmeasured(rule, "a key has two labels")
        joined, parameters = _join(batch, inner, texts, listed)
    group = group_of(ours[check.by].typed if check.by else None)
    p, y = _compared(check, ours[check.prediction], label)
    there_are = f"{ours[check.prediction].typed} IS NOT NULL AND {label.typed} IS NOT NULL"
    pairs = f"SELECT {p} AS p, {y} AS y, {group} AS g FROM {joined} WHERE {there_are}"  # noqa: S608 quoted
    found = measured(batch.connection, check, pairs, parameters)
    if sum(each.rows for each in found) < check.min_labels:
        return unmeasured(rule, f"fewer than {check.min_labels} predictions have a label")
    if check.bounds is not None:
        return worst(rule, check.bounds, found)
    return against(rule, check, found, reference(scores, check, rule))


def _labels(
    there: Opened, check: Performance, ours: Mapping[str, Value], fields: Mapping[str, FieldSpec]
) -> tuple[list[str], Value, list[tuple[Any, ...]]]:
    """What our keys are compared as, what a label is, and all keys of the other dataset with their labels as text."""
    columns = {column.name: column for column in reversed(there.columns)}
    if missing := [name for name in (*check.to, check.label) if name not in columns]:
        raise UnfitError(f"dataset {check.dataset} has no column {missing[0]!r}")
    inner: list[str] = []
    specs = [fields[name] for name in check.key]
    theirs = [
        typed_value(columns[name], spec, place, inner)
        for place, (name, spec) in enumerate(zip(check.to, specs, strict=True))
    ]
    wanted = fields[check.prediction].type if check.measure == "accuracy" else "any"
    column = columns[check.label]
    label = typed_value(column, FieldSpec(name=check.label, type=wanted), len(theirs), inner)
    pairs = [comparable(ours[name], value) for name, value in zip(check.key, theirs, strict=True)]
    texts = ", ".join(text for _, text in pairs)
    whole = " AND ".join(f"{value.typed} IS NOT NULL" for value in (*theirs, label))
    read = label.text or f"CAST({label.typed} AS VARCHAR)"
    sql = f"SELECT DISTINCT {texts}, {read} FROM (SELECT {', '.join(inner)} FROM {there.relation}) WHERE {whole}"  # noqa: S608 quoted
    found = there.connection.execute(f"{sql} LIMIT {MAX_KEYS + 1}").fetchall()
    if len(found) > MAX_KEYS:
        raise UnfitError(f"dataset {check.dataset} has more than {MAX_KEYS} labels")
    # It comes as text, and is read as what it was: of a source without types, as what the prediction is.
    as_text = Value("label", f"CAST(label AS {label.column.cast})" if label.is_number else "label", label.column)
    return [text for text, _ in pairs], as_text, found


def _join(
    batch: Opened, inner: list[str], texts: list[str], listed: list[tuple[Any, ...]]
) -> tuple[str, list[list[str]]]:
    names = [f"k{place}" for place in range(len(texts))]
    mine = ", ".join(f"{text} AS {name}" for text, name in zip(texts, names, strict=True))
    source = f"(SELECT *, {mine} FROM (SELECT {', '.join(inner)} FROM {batch.relation}))"  # noqa: S608 quoted
    aliases = [*names, "label"]
    unnested = ", ".join(f"unnest(${place + 1}::VARCHAR[]) AS {name}" for place, name in enumerate(aliases))
    parameters = [[row[place] for row in listed] for place in range(len(aliases))]
    return f"{source} JOIN (SELECT {unnested}) USING ({', '.join(names)})", parameters


def _compared(check: Performance, prediction: Value, label: Value) -> tuple[str, str]:
    """Prediction and label as what the measure compares.

    Raises:
        UnfitError: They are of types that it does not take.
    """
    if check.measure == "accuracy":
        return comparable(prediction, label)
    if not prediction.is_number:
        raise UnfitError(f"column {prediction.column.name!r} holds no numbers")
    p = f"CAST({prediction.typed} AS DOUBLE)"
    text = label.text or f"CAST({label.typed} AS VARCHAR)"
    if check.measure not in BINARY:
        # A label that is no number is not left out: it leaves the rule unmeasured.
        return p, f"coalesce(TRY_CAST({text} AS DOUBLE), 'nan'::DOUBLE)"
    match check.positive:
        case None:
            return p, f"CASE WHEN lower({text}) IN {_TRUE} THEN 1 WHEN lower({text}) IN {_FALSE} THEN 0 ELSE -1 END"
        case int() | Decimal() as number:
            return p, f"CASE WHEN TRY_CAST({text} AS DOUBLE) = {float(number)!r}::DOUBLE THEN 1 ELSE 0 END"
        case str() as word:
            return p, f"CASE WHEN {text} = {literal(word)} THEN 1 ELSE 0 END"
