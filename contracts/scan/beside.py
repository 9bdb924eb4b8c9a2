"""What is asked after the scan, each rule by itself: SQL of the contract's own, another dataset, a function of Python.

Whatever goes wrong there leaves that one rule unmeasured, and the batch is measured all the same.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from contracts.checks import Custom, References, Sql
from contracts.metric import Metric
from contracts.model import FieldSpec
from contracts.modelchecks import Performance
from contracts.profile import Profile
from contracts.rules import Rule
from contracts.scan.apart import apart
from contracts.scan.confine import DATA, ForeignError, check_condition, check_query
from contracts.scan.labels import performance
from contracts.scan.numbers import bounded_metric, unmeasured
from contracts.scan.query import UnfitError
from contracts.scan.referential import references
from contracts.source import Opened, Source, reason
from contracts.structure import Structure
from contracts.window import Window
from ledger.clock import Clock, system_clock
from proofs.errors import TallyError

if TYPE_CHECKING:
    import duckdb

    from contracts.engines.second import Second
    from contracts.states.store import States

SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Given:
    """What a caller gives beside the batch; what is not given leaves its rules unmeasured.

    Attributes:
        others: The datasets that the batch may refer to, by their names.
        allowed: The functions of custom checks that may run, as "package.module:function".
        scores: What performances came to in a reference batch, by the reference and the rule id.
        profiles: The distributions of a reference batch, by the reference ("last" or "first") and the column.
        seconds: How long one rule of SQL may run.
        engines: Other engines that are asked about their own checks, too.
        clock: Read once; ages are counted from then.
        window: Which part of a stream the batch is.
        states: Where the counts of a batch's files are kept; None where all are counted anew.
    """

    others: Mapping[str, Source] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    profiles: Mapping[tuple[str, str], Profile] = field(default_factory=dict)
    scores: Mapping[tuple[str, str], Fraction] = field(default_factory=dict)
    seconds: float = SECONDS
    clock: Clock = system_clock
    engines: tuple[Second, ...] = ()
    window: Window | None = None
    states: States | None = None


def measure_beside(
    rule: Rule, batch: Opened, structure: Structure, fields: Mapping[str, FieldSpec], given: Given, rows: int
) -> Metric:
    """Return the metric of a rule that the scan does not answer.

    Args:
        batch: Open as the scan had it; of a file that is opened again for SQL, with little to spend.
    """
    import duckdb

    try:
        match rule.check:
            case Sql():
                with apart(batch, structure, fields) as (connection, view):
                    return _sql(rule, rule.check, connection, view, given.seconds, rows)
            case References():
                other = given.others.get(rule.check.dataset)
                pairs = [(structure.columns[name], fields[name]) for name in rule.check.columns]
                return references(rule, rule.check, batch, pairs, other, rows)
            case Performance():
                other = given.others.get(rule.check.dataset or "")
                return performance(rule, rule.check, batch, (structure, fields), other, given.scores)
            case Custom(function=function) if function not in given.allowed:
                return unmeasured(rule, f"{function} is not allowed to run")
            case Custom():
                with apart(batch, structure, fields) as (connection, view):
                    return _custom(rule, rule.check, connection.query(view), rows)
    except (ForeignError, UnfitError) as error:
        return unmeasured(rule, str(error))
    except duckdb.InterruptException:
        return unmeasured(rule, f"it took longer than {given.seconds:g} seconds")
    except duckdb.Error as error:
        return unmeasured(rule, reason(error))  # the engine's message quotes rows
    except TallyError:
        return unmeasured(rule, "the data cannot be opened again")
    return unmeasured(rule, "no engine is asked about it")


@contextmanager
def _within(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what the connection does after `seconds`."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _sql(rule: Rule, check: Sql, connection: duckdb.DuckDBPyConnection, view: str, seconds: float, rows: int) -> Metric:
    with_data = f"WITH {DATA} AS ({view})"
    if check.rows_that_break is not None:
        condition = check.rows_that_break.replace("{table}", DATA)
        check_condition(connection, condition)
        sql = f"{with_data} SELECT count(*) FROM {DATA} WHERE ({condition}\n)"  # noqa: S608 judged above
    else:
        query = (check.query or "").strip().removesuffix(";").replace("{table}", DATA)
        check_query(connection, query)
        sql = f"{with_data} SELECT * FROM ({query}\n) LIMIT 2"  # noqa: S608 judged above
    with _within(connection, seconds):
        found = connection.execute(sql).fetchall()
    if check.bounds is None:
        return Metric(rule, int(found[0][0]), rows)
    number = _number(found)
    if number is None:
        return unmeasured(rule, "its answer is not one number")
    return bounded_metric(rule, check.bounds, number, told=False)


def _number(found: list[tuple[Any, ...]]) -> Fraction | None:
    if len(found) != 1 or len(found[0]) != 1 or isinstance(found[0][0], bool):
        return None
    [[number]] = found
    if isinstance(number, float):
        return Fraction(repr(number)) if abs(number) < float("inf") else None
    return Fraction(number) if isinstance(number, int | Decimal) and Decimal(number).is_finite() else None


def _custom(rule: Rule, check: Custom, data: duckdb.DuckDBPyRelation, rows: int) -> Metric:
    module, _, name = check.function.partition(":")
    with ThreadPoolExecutor(
        max_workers=1
    ) as pool:  # somebody else's code: whatever it raises is kept for us to look at
        called = pool.submit(_call, module, name, data, check.arguments)
    if (failure := called.exception()) is not None:
        return unmeasured(rule, f"{check.function} failed with {type(failure).__name__}")
    answer = called.result()
    if isinstance(answer, bool):
        return Metric(rule, int(not answer), 1)
    if isinstance(answer, int) and 0 <= answer <= rows:
        return Metric(rule, answer, rows)
    return unmeasured(rule, f"{check.function} answers neither with a number of rows nor with true or false")


def _call(module: str, name: str, rows: duckdb.DuckDBPyRelation, arguments: Mapping[str, Any]) -> Any:
    return getattr(importlib.import_module(module), name)(rows, **arguments)
