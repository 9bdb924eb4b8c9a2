"""Part the rows of a batch: those that break a rule, each with the ids of all rules that it breaks, and the others.

    bad.parquet     the columns of the source, and `tally_rules`, a list of rule ids
    good.parquet    the columns of the source

Of rows with one key all but the first are bad. A rule that speaks of the table (a mean, an age, a missing column) parts no rows:
where such a rule is broken, no row can be called good, and all of them are bad.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts import structure
from contracts.checks import Expression, Sql
from contracts.compile import condition_of, fields_of, spoken_of, typed_value
from contracts.engine import identifier, literal
from contracts.metric import Measurement, Metric
from contracts.model import Contract
from contracts.rules import Rule, rules_of
from contracts.scan.expressions import expression_part
from contracts.scan.query import Query, UnfitError, Values
from contracts.source import Fingerprint, Opened, Source, fingerprint, opened, reason
from contracts.terms import Kind, Severity
from ledger.durable import sync_folder
from proofs.errors import MalformedError, RefusedError

RULES: Final = "tally_rules"
_FILTER: Final = "count(*) FILTER ("
_UNIQUE: Final = frozenset((Kind.UNIQUE, Kind.KEY))


@dataclass(frozen=True, slots=True)
class Split:
    """What became of the rows.

    Attributes:
        by_rule: Rule id → rows that break it, in the contract's order.
        is_whole: True where all rows are bad, because a rule of the table is broken.
        bad, good: The files; `good` None where it was not asked for.
    """

    bad_rows: int
    good_rows: int
    by_rule: dict[str, int]
    is_whole: bool
    bad: Fingerprint
    good: Fingerprint | None


def split(contract: Contract, source: Source, measurement: Measurement, bad: Path, good: Path | None = None) -> Split:
    """Write the bad rows of a measured batch, and the good ones where a file is named for them; both are then durable.

    Args:
        measurement: Of this very batch, by this very contract.
        bad, good: Files that are not there yet.

    Raises:
        RefusedError: Something is there already, or cannot be written.
        MalformedError: The source cannot be read any more, or is not the batch that was measured.
    """
    import duckdb

    paths = [path.resolve() for path in (bad, good) if path is not None]
    for path in paths:
        if path.exists():
            raise RefusedError("a file is there already", where=str(path))
    broken = [
        metric for metric in measurement.metrics if not metric.passed and metric.rule.severity is not Severity.INFO
    ]
    with opened(source, writes=paths) as batch:
        shape = structure.judge(rules_of(contract), batch.columns)
        parts = _Parts(contract, batch, shape)
        conditions, whole = parts.of(broken)
        try:
            counts = _write(batch, parts, conditions, paths, whole=whole)
        except duckdb.Error as error:
            for path in paths:
                path.unlink(missing_ok=True)
            raise MalformedError(f"the rows cannot be parted: {reason(error)}") from None  # its own words quote rows
    if measurement.rows != counts[0] + counts[1]:
        for path in paths:
            path.unlink(missing_ok=True)
        raise MalformedError(f"the batch has {counts[0] + counts[1]} rows, and {measurement.rows} were measured")
    return Split(*counts, whole, _kept(paths[0]), _kept(paths[1]) if good is not None else None)


def _kept(path: Path) -> Fingerprint:
    """Make a file durable, for its owner alone, and return what it is."""
    try:
        path.chmod(0o600)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        raise RefusedError(f"the file cannot be kept: {error.strerror}", where=str(path)) from error
    return fingerprint(path)


class _Parts:
    """The columns of a batch, and the condition under which a row breaks a rule."""

    def __init__(self, contract: Contract, batch: Opened, shape: structure.Structure) -> None:
        self.query = Query()
        self.inner: list[str] = []
        self._fields = fields_of(rules_of(contract))
        known = sorted(self._fields.keys() & shape.columns.keys())
        self._values: Values = {
            name: typed_value(shape.columns[name], self._fields[name], place, self.inner)
            for place, name in enumerate(known)
        }
        taken: set[str] = set()
        self.columns: list[tuple[str, str]] = []  # its alias inside, its name in the file
        for place, column in enumerate(batch.columns):
            self.inner.append(f"{column.sql} AS s{place}")
            self.columns.append((f"s{place}", _free(column.name or f"column{place + 1}", taken)))
        self.rules_name = _free(RULES, taken)

    def of(self, broken: Sequence[Metric]) -> tuple[dict[str, str], bool]:
        """Return the condition of each broken rule that parts rows, and whether another one is broken, too."""
        found: dict[str, str] = {}
        whole = False
        for metric in broken:
            if metric.unmeasured or metric.structural:
                whole = True
                continue
            try:
                found[metric.rule.id] = self._breaks(metric.rule)
            except UnfitError:
                whole = True
        return found, whole

    def _breaks(self, rule: Rule) -> str:
        if missing := [name for name in spoken_of(rule, self._fields) if name not in self._values]:
            raise UnfitError(f"column {missing[0]!r} is missing")
        match rule.check:
            case Expression(expression=text):
                return expression_part(rule, text, self._values, self.query).sql[0].removeprefix(_FILTER)[:-1]
            case Sql():
                raise UnfitError("its rows are asked for elsewhere")
        if rule.kind in _UNIQUE:
            typed = [self._values[name].typed for name in rule.columns]
            whole = " AND ".join(f"{name} IS NOT NULL" for name in typed)
            return f"{whole} AND row_number() OVER (PARTITION BY {', '.join(typed)} ORDER BY tally_row) > 1"
        if rule.kind in (Kind.REQUIRED, Kind.MAX_NULL):
            return f"{self._values[rule.columns[0]].raw} IS NULL"
        value = self._values[rule.columns[0]] if rule.columns else None
        if value is None:
            raise UnfitError("it speaks of the table")
        if rule.kind is Kind.TYPE:
            return f"{value.raw} IS NOT NULL AND {value.typed} IS NULL"
        return f"{value.typed} IS NOT NULL AND NOT coalesce({condition_of(rule, value, self.query)}, false)"


def _free(name: str, taken: set[str]) -> str:
    """The name, or one like it that no column has yet; upper and lower case count as the same."""
    while name.casefold() in taken:
        name += "_"
    taken.add(name.casefold())
    return name


def _write(
    batch: Opened, parts: _Parts, conditions: dict[str, str], paths: Sequence[Path], *, whole: bool
) -> tuple[int, int, dict[str, int]]:
    connection = batch.connection
    flags = ", ".join(
        f"coalesce({condition}, false) AS b{place}" for place, condition in enumerate(conditions.values())
    )
    # The order of rows is that of the source: of rows with one key the first is the good one.
    rows = f"SELECT {', '.join([*parts.inner, 'row_number() OVER () AS tally_row'])} FROM {batch.relation}"  # noqa: S608 quoted
    flagged = f"SELECT *{f', {flags}' if flags else ''} FROM ({rows})"  # noqa: S608 quoted
    any_bad = " OR ".join(f"b{place}" for place in range(len(conditions))) or "false"
    is_bad = "true" if whole else f"({any_bad})"
    counts = ", ".join(f"count(*) FILTER (b{place})" for place in range(len(conditions)))
    [found] = connection.execute(
        f"SELECT count(*) FILTER ({is_bad}), count(*) FILTER (NOT {is_bad}){f', {counts}' if counts else ''} FROM ({flagged})",  # noqa: S608
        parts.query.parameters,
    ).fetchall()
    kept = ", ".join(f"{alias} AS {identifier(name)}" for alias, name in parts.columns)
    ids = ", ".join(f"CASE WHEN b{place} THEN {literal(id)} END" for place, id in enumerate(conditions))
    rules = f"list_filter([{ids or 'NULL'}]::VARCHAR[], lambda x: x IS NOT NULL) AS {identifier(parts.rules_name)}"
    selects = [f"SELECT {kept}, {rules} FROM ({flagged}) WHERE {is_bad} ORDER BY tally_row"]  # noqa: S608 quoted
    if len(paths) > 1:
        selects.append(f"SELECT {kept} FROM ({flagged}) WHERE NOT {is_bad} ORDER BY tally_row")  # noqa: S608 quoted
    for path, select in zip(paths, selects, strict=True):
        connection.execute(
            f"COPY ({select}) TO {literal(str(path))} (FORMAT parquet)", parts.query.parameters
        ).fetchall()
    return found[0], found[1], {id: count for id, count in zip(conditions, found[2:], strict=True) if count}
