"""Measure a batch against a contract: look at the columns, scan once, and hash the file meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from contracts import structure
from contracts.compile import Scan, compile_scan
from contracts.layout import check_layout
from contracts.metric import Measurement, Metric
from contracts.model import Contract
from contracts.rules import Rule, rules_of
from contracts.source import (
    CsvFile,
    Fingerprint,
    Opened,
    ParquetFile,
    Source,
    Table,
    fingerprint,
    header,
    opened,
    unreadable,
)
from contracts.terms import Kind
from ledger.clock import Clock, system_clock
from proofs.errors import MalformedError, MissingError, RefusedError

if TYPE_CHECKING:
    import duckdb


def measure(contract: Contract, source: Source, *, clock: Clock = system_clock) -> Measurement:
    """Return what `source` makes of the rules of `contract`.

    A table is read in the connection that names it, inside whatever transaction is open there; results still pending in
    that connection are lost.

    Args:
        clock: Read once; ages are counted from then.

    Raises:
        MissingError: There is no such file or table.
        MalformedError: The source is not what its kind says, holds what the engine would drop, or a pattern of the contract is
            not RE2.
        RefusedError: The file changed while it was read, or its path is one that the engine misreads.
    """
    if isinstance(source, Table):
        return _measure(contract, source, None, clock())
    before = _state(source.path)
    # Hashing costs as much as all checks, and both let go of the interpreter's lock.
    with ThreadPoolExecutor(max_workers=1) as pool:
        hashed = pool.submit(_examine, source)
        measurement = _measure(contract, source, hashed.result, clock())
    if _state(source.path) != before:
        raise RefusedError("the file changed while it was measured", where=str(source.path))
    return measurement


def _examine(source: ParquetFile | CsvFile) -> Fingerprint:
    """Read the file as bytes: what they are, and of a CSV, whether the engine sees all of them."""
    found = fingerprint(source.path)
    if isinstance(source, CsvFile):
        check_layout(source.path, delimiter=source.delimiter, is_single=len(header(source)) == 1)
    return found


def _measure(
    contract: Contract, source: Source, hashed: Callable[[], Fingerprint] | None, clock: datetime
) -> Measurement:
    import duckdb

    rules = rules_of(contract)
    with opened(source) as batch:
        _check_patterns(rules, batch.connection)
        shape = structure.judge(rules, batch.columns)
        scan = compile_scan(rules, shape, batch.relation)
        rows, counts = _run(scan, batch, source)
    metrics = tuple(
        shape.judged.get(rule.id) or _row_count(rule, contract, rows) or Metric(rule, counts[rule.id], rows)
        for rule in rules
    )
    file = hashed() if hashed else None
    return Measurement(batch.kind, rows, metrics, shape.extra, file, f"duckdb {duckdb.__version__}", clock)


def _run(scan: Scan, batch: Opened, source: Source) -> tuple[int, dict[str, int]]:
    import duckdb

    try:
        row = batch.connection.execute(scan.sql, scan.parameters).fetchone()
    except duckdb.Error as error:
        raise unreadable(error, source) from None  # the engine's message quotes rows
    assert row is not None, "an aggregate without GROUP BY has one row"
    return row[0], {rule.id: count for rule, count in zip(scan.rules, row[1:], strict=True)}


def _row_count(rule: Rule, contract: Contract, rows: int) -> Metric | None:
    if rule.kind is not Kind.ROW_COUNT:
        return None
    bounds = contract.row_count
    outside = rows < bounds.min or (bounds.max is not None and rows > bounds.max)
    return Metric(rule, int(outside), 1, structural=True)


def _check_patterns(rules: Sequence[Rule], connection: duckdb.DuckDBPyConnection) -> None:
    """Ask the engine about each pattern alone, so that a bad one is not taken for a bad file."""
    import duckdb

    for rule in rules:
        if rule.kind is Kind.PATTERN and rule.field and rule.field.pattern:
            try:
                connection.execute("SELECT regexp_full_match('', $1)", [rule.field.pattern]).fetchone()
            except duckdb.Error as error:
                raise MalformedError(f"the pattern of {rule.columns[0]!r} is not an RE2 expression") from error


def _state(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except (OSError, ValueError) as error:
        raise MissingError("there is no such file", where=str(path)) from error
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
