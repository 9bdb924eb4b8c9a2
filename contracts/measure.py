"""Measure a batch against a contract: look at the columns, scan once, and hash the file meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts import structure
from contracts.checks import CountCheck, Drift, Freshness, Matches
from contracts.compile import BESIDE, compile_scan, fields_of
from contracts.drift import drift_metric
from contracts.layout import check_layout, count_lines
from contracts.metric import NO_ENGINE, Measurement, Metric, Told
from contracts.model import Contract
from contracts.rules import Rule, rules_of
from contracts.scan.beside import Given, measure_beside
from contracts.scan.freshness import age_metric
from contracts.scan.numbers import unmeasured
from contracts.source import (
    CsvFile,
    Fingerprint,
    Hashed,
    Opened,
    ParquetFile,
    Source,
    Table,
    fingerprint,
    header,
    opened,
    reason,
    unreadable,
)
from contracts.streams.rules import in_window
from contracts.terms import Kind
from ledger.clock import Clock
from proofs.errors import MalformedError, MissingError, RefusedError

if TYPE_CHECKING:
    import duckdb

    from contracts.states.scan import ByFile

# What lies by column in an engine of ours is cheap to ask twice; text is not, and a table may have changed in between.
_ASKED_TWICE: Final = frozenset(("parquet", "sqlite", "postgresql", "delta", "iceberg"))


def measure(
    contract: Contract, source: Source, *, clock: Clock | None = None, given: Given | None = None
) -> Measurement:
    """Return what `source` makes of the rules of `contract`.

    Where the contract's enforcement is disabled, nothing is read but, of files, their bytes for the fingerprint.

    A table is read in the connection that names it, inside whatever transaction is open there; results still pending in
    that connection are lost.

    Args:
        clock: Read in place of that which is given.
        given: Other datasets, functions that may run, distributions to compare with, and which window of a stream it is.

    Raises:
        MissingError: There is no such file or table.
        MalformedError: The source is not what its kind says, holds what the engine would drop, or a pattern of the contract is
            not RE2.
        RefusedError: The file changed while it was read, or its path is one that the engine misreads.
    """
    given = given or Given()
    return in_window(_measured(contract, source, (clock or given.clock)(), given), contract, given.window)


def _measured(contract: Contract, source: Source, now: datetime, given: Given) -> Measurement:
    files = files_of(source)
    if not files:
        return _measure(contract, source, lambda: _examine(source, sees_content=not contract.is_disabled), now, given)
    before = [_state(path) for path in files]
    by_file = _by_file(contract, source, given, lambda: _check_unchanged(files, before))
    if by_file is not None:
        measurement = _measure(contract, source, lambda: _Bytes(by_file.parted.fingerprint), now, given, by_file)
        return _unchanged(measurement, files, before)
    # Hashing costs as much as all checks, and both let go of the interpreter's lock.
    with ThreadPoolExecutor(max_workers=1) as pool:
        examined = pool.submit(_examine, source, sees_content=not contract.is_disabled)
        measurement = _measure(contract, source, examined.result, now, given)
    return _unchanged(measurement, files, before)


def _by_file(contract: Contract, source: Source, given: Given, check: Callable[[], None]) -> ByFile | None:
    """What is known of the source's files, where that is kept and can be."""
    if given.states is None or contract.is_disabled:
        return None
    from contracts.states.parted import parted
    from contracts.states.scan import ByFile

    if (files := parted(source)) is None:
        return None
    states = given.states.of(contract)
    states.make()
    return ByFile(files, states, check)


def _unchanged(measurement: Measurement, files: Sequence[Path], before: Sequence[tuple[int, ...]]) -> Measurement:
    _check_unchanged(files, before)
    return measurement


def _check_unchanged(files: Sequence[Path], before: Sequence[tuple[int, ...]]) -> None:
    for path, state in zip(files, before, strict=True):
        if _state(path) != state:
            raise RefusedError("the file changed while it was measured", where=str(path))


def files_of(source: Source) -> tuple[Path, ...]:
    """Return the files that a source is made of."""
    if isinstance(source, Table):
        return ()
    return (source.path,) if isinstance(source, ParquetFile | CsvFile) else source.files


@dataclass(frozen=True, slots=True)
class _Bytes:
    """What a file is as bytes, and how many records its lines make; None where that is settled, or the file is no CSV."""

    fingerprint: Fingerprint | None
    lines: int | None = None


def _examine(source: Source, *, sees_content: bool) -> _Bytes:
    """Read the file as bytes: what they are, and of a CSV, where its content counts, whether the engine sees all of them."""
    if isinstance(source, Table):
        return _Bytes(None)
    if not isinstance(source, ParquetFile | CsvFile):
        return _Bytes(source.examine() if sees_content else source.hashed())
    if isinstance(source, ParquetFile) or not sees_content:
        return _Bytes(fingerprint(source.path))
    hashed = Hashed()
    lines = count_lines(source.path, hashed.take)
    is_single = len(header(source)) == 1
    if lines is None:
        check_layout(source.path, delimiter=source.delimiter, is_single=is_single)
    return _Bytes(hashed.fingerprint(), None if is_single else lines)


def _whole(source: Source, file: _Bytes, rows: int) -> Fingerprint | None:
    """Refuse a CSV of which the engine passed over a line; which one it was, a second reading tells."""
    if isinstance(source, CsvFile) and file.lines is not None and file.lines != rows + 1:
        check_layout(source.path, delimiter=source.delimiter, is_single=False)
    return file.fingerprint


def _measure(
    contract: Contract,
    source: Source,
    examined: Callable[[], _Bytes],
    clock: datetime,
    given: Given,
    by_file: ByFile | None = None,
) -> Measurement:
    if contract.is_disabled:
        return Measurement(_kind(source), 0, (), (), examined().fingerprint, NO_ENGINE, clock)
    import duckdb

    rules = rules_of(contract)
    with opened(source, writes=[by_file.states.make()] if by_file else ()) as batch:
        content = batch.content
        _check_patterns(rules, batch.connection)
        shape = structure.judge(rules, batch.columns)
        rows, scanned = _scan(rules, shape, batch, source, clock, by_file)
        known = {**shape.judged, **scanned}
        fields = fields_of(rules)
        for rule in rules:
            if rule.id not in known:
                known[rule.id] = (
                    _row_count(rule, contract, rows)
                    or _age_of_file(rule, source, clock)
                    or (measure_beside(rule, batch, shape, fields, given, rows))
                )
        told: tuple[Told, ...] = ()
        if given.engines:
            from contracts.scan.asking import ask_others

            told = ask_others(contract, known, batch, shape, given, clock)
    metrics = tuple(_against(known[rule.id], given) for rule in rules)
    file = _whole(source, examined(), rows) or content
    engine = ", ".join((f"duckdb {duckdb.__version__}", *(each.engine for each in told)))
    return Measurement(batch.kind, rows, metrics, shape.extra, file, engine, clock, told)


def _kind(source: Source) -> str:
    """What a source is, as `Opened` has it."""
    match source:
        case ParquetFile():
            return "parquet"
        case CsvFile():
            return "csv"
        case Table():
            return "table"
    return source.kind


def _scan(
    rules: Sequence[Rule],
    shape: structure.Structure,
    batch: Opened,
    source: Source,
    clock: datetime,
    by_file: ByFile | None,
) -> tuple[int, dict[str, Metric]]:
    """Take from the files what they make together, and ask for the rest."""
    import duckdb

    if by_file is not None:
        from contracts.states.scan import scan_by_file

        try:
            found = scan_by_file(by_file, rules, shape, batch, clock)
        except (duckdb.Error, OSError):
            found = None  # whatever it was, asking for all together finds it again, or need not keep anything
        if found is not None:
            rows, metrics, left = found
            if any(_is_asked(rule) and rule.id not in shape.judged for rule in left):
                rows, others = _scan_all(left, shape, batch, source, clock)
                metrics |= others
            return rows, metrics
        by_file.parted.check(range(len(by_file.parted.keys)))
    return _scan_all(rules, shape, batch, source, clock)


def _is_asked(rule: Rule) -> bool:
    """True for what a scan counts, and neither the shape nor what is asked beside."""
    of_file = isinstance(rule.check, Freshness) and rule.check.column is None
    return rule.kind not in (Kind.PRESENT, Kind.ROW_COUNT, Kind.EXTRA_COLUMNS, *BESIDE) and not of_file


def _scan_all(
    rules: Sequence[Rule], shape: structure.Structure, batch: Opened, source: Source, clock: datetime
) -> tuple[int, dict[str, Metric]]:
    """Ask for everything in one query; where the engine refuses that, for each check alone, and none spoils the others."""
    import duckdb

    try:
        return _run(rules, shape, batch, clock)
    except duckdb.Error as error:
        checks = [rule for rule in rules if rule.check is not None and rule.id not in shape.judged]
        if not checks:
            raise unreadable(error, source) from None  # the engine's message quotes rows
    plain = [rule for rule in rules if rule.check is None]
    try:
        rows, metrics = _run(plain, shape, batch, clock)
    except duckdb.Error as error:
        raise unreadable(error, source) from None
    fields = [rule for rule in plain if rule.kind is Kind.PRESENT]
    for rule in checks:
        try:
            metrics |= _run([*fields, rule], shape, batch, clock)[1]
        except duckdb.Error as error:
            metrics[rule.id] = unmeasured(rule, reason(error))
    return rows, metrics


def _run(
    rules: Sequence[Rule], shape: structure.Structure, batch: Opened, clock: datetime
) -> tuple[int, dict[str, Metric]]:
    """Ask for all of `rules` in one query, and count by value what looks like a duplicate by its hash."""
    scan = compile_scan(rules, shape, batch.relation, clock, by_hash=batch.kind in _ASKED_TWICE)
    # A result that is not read up holds the connection.
    [row] = batch.connection.execute(scan.sql, scan.parameters).fetchall()
    metrics = scan.read(row)
    if doubtful := scan.doubtful(row):
        asked = [rule for rule in rules if rule.kind is Kind.PRESENT or rule.id in doubtful]
        again = compile_scan(asked, shape, batch.relation, clock)
        [row] = batch.connection.execute(again.sql, again.parameters).fetchall()
        metrics |= again.read(row)
    return row[0], metrics


def _against(metric: Metric, given: Given) -> Metric:
    """A drift is held to the reference that was given."""
    check = metric.rule.check
    if not isinstance(check, Drift) or metric.profile is None:
        return metric
    before = given.profiles.get((check.reference, check.column))
    return replace(drift_metric(metric.rule, check, metric.profile, before), profile=metric.profile)


def _age_of_file(rule: Rule, source: Source, clock: datetime) -> Metric | None:
    check = rule.check
    if not isinstance(check, Freshness):
        return None
    files = files_of(source)
    if not files:
        return unmeasured(rule, "it is no file, and has no time of change")
    changed = max(_state(path)[2] for path in files) // 1000
    return age_metric(rule, check.max_age_seconds, changed, clock)


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
        for pattern in _patterns(rule):
            try:
                connection.execute("SELECT regexp_full_match('', $1)", [pattern]).fetchall()
            except duckdb.Error as error:
                what = repr(rule.columns[0]) if rule.field else rule.id
                raise MalformedError(f"the pattern of {what} is not an RE2 expression") from error


def _patterns(rule: Rule) -> Iterator[str]:
    if rule.kind is Kind.PATTERN and rule.field and rule.field.pattern:
        yield rule.field.pattern
    if isinstance(rule.check, Matches):
        yield rule.check.pattern
    if isinstance(rule.check, CountCheck) and rule.check.valid and rule.check.valid.pattern:
        yield rule.check.valid.pattern


def _state(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except (OSError, ValueError) as error:
        raise MissingError("there is no such file", where=str(path)) from error
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns  # the last is nobody's to put back
