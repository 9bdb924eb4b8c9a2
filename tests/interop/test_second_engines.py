"""Great Expectations and Soda asked about their own checks of dialect (d), for real: one answer, or an error with both."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts import publish
from contracts.decision import Decision
from contracts.document import Document, parse
from contracts.enforce import carry_out, evaluate
from contracts.engines.second import Second
from contracts.metric import Found, Metric
from contracts.policies import evaluate_for
from contracts.record import Context
from contracts.replay import read_decision, replay
from contracts.scan.beside import Given
from contracts.source import CsvFile

if TYPE_CHECKING:
    from tests.conftest import Ledgers

ROOT = Path(__file__).parents[2]
NOW = dt.datetime(2026, 11, 28, 10, tzinfo=dt.UTC)
# Row 2 breaks the address, row 3 the key and the balance, row 4 has no account; all are 6 hours old. The digit of row 1 is one
# to Python, and none to RE2.
ROWS = """account_id,email,balance,code,updated_at
a-1,ada@example.org,120.50,٣,2026-11-28T01:30:00Z
a-2,grace@,-3.00,4,2026-11-28T02:31:00Z
a-2,edsger@example.org,99999999.99,5,2026-11-28T03:32:00Z
,alan@example.org,,6,2026-11-28T03:32:00Z
"""
COLUMNS = """asset:
  name: accounts
  schema:
    - {name: account_id, type: string}
    - {name: email, type: string}
    - {name: balance, type: decimal}
    - {name: code, type: string}
    - {name: updated_at, type: timestamp}
"""
CONTRACT = r"""data_contract:
  name: accounts
  version: 1.0.0
  asset_ref: accounts
  quality_checks:
    soda:
      checks:
        - {name: address, type: regex, column: email, pattern: '^[^@]+@[^@]+$'}
        - {name: one, type: uniqueness, column: account_id}
        - {name: span, type: range, column: balance, min: -10000, max: 1000000}
        - {name: there, type: not_null, column: account_id}
        - {name: young, type: freshness, column: updated_at, max_age_hours: 2}
        - {name: some, type: row_count, min: 1, max: 10}
        - {name: known, type: enum, column: code, values: [٣, '4', '5', '6']}
        - {name: strict, type: range, column: balance, min: 0, strict_min: true}
    great_expectations:
      checks:
        - {name: there, type: expect_column_values_to_not_be_null, kwargs: {column: account_id, mostly: 0.5}}
        - {name: address, expectation_type: expect_column_values_to_match_regex, column: email, regex: '^[^@]+@[^@]+$'}
        - {name: young, expect_column_max_to_be_between: {column: updated_at, min_value: 2 hours ago, max_value: now}}
        - {name: mean, type: expect_column_mean_to_be_between, kwargs: {column: balance, min_value: 0, max_value: 10}}
        - {name: digit, type: expect_column_values_to_match_regex, kwargs: {column: code, regex: '^\d$'}}
        - name: code
          type: expect_column_values_to_not_be_null
          kwargs: {column: email, row_condition: "code > 1", condition_parser: pandas}
        - {name: pair, type: expect_column_pair_values_to_be_equal, kwargs: {column_A: email, column_B: code}}
  violation_handling: {on_quality_violation: block}
"""


def engine(name: str) -> Second:
    python = ROOT / f".venv-{name}" / "bin" / "python"
    assert python.exists(), f".venv-{name} is not there; `make engines` makes it"
    return Second(name, python)


@pytest.fixture(scope="module")
def document() -> Document:
    return parse(CONTRACT.encode(), beside=lambda named: (COLUMNS.encode(), named))


@pytest.fixture
def batch(tmp_path: Path) -> CsvFile:
    path = tmp_path / "accounts.csv"
    path.write_text(ROWS)
    return CsvFile(path)


def by_rule(metrics: tuple[Metric, ...], prefix: str) -> dict[str, tuple[Found, int]]:
    return {
        metric.rule.id.removeprefix(prefix): (metric.found, metric.failed)
        for metric in metrics
        if metric.rule.id.startswith(prefix)
    }


def test_soda_answers_as_we_do_and_its_version_is_told(document: Document, batch: CsvFile) -> None:
    alone = evaluate(document, batch, given=Given(clock=lambda: NOW)).measurement
    both = evaluate(document, batch, given=Given(clock=lambda: NOW, engines=(engine("soda"),))).measurement

    assert both.metrics == alone.metrics
    assert {rule: (found.value, failed) for rule, (found, failed) in by_rule(both.metrics, "soda:").items()} == {
        "address": ("failed", 1),
        "one": ("failed", 1),
        "span": ("failed", 1),
        "there": ("failed", 1),
        "young": ("failed", 1_000_000),
        "some": ("passed", 0),
        "known": ("passed", 0),
        "strict": ("failed", 1),
    }
    assert [told.engine for told in both.told] == ["soda 3.5.6"]
    assert both.engine.endswith(", soda 3.5.6")


def test_where_the_engines_differ_nobody_is_believed_and_both_are_shown(
    document: Document, batch: CsvFile, ledgers: Ledgers
) -> None:
    log = ledgers.create()
    given = Given(clock=lambda: NOW, engines=(engine("gx"),))

    evaluated = evaluate_for(log, document, batch, given=given)
    publish.publish(log, document, Context())
    known = read_decision(log, carry_out(log, evaluated).decided.seq)
    told = {metric.rule.id: metric for metric in evaluated.measurement.metrics}

    assert {rule: found.value for rule, (found, _) in by_rule(evaluated.measurement.metrics, "gx:").items()} == {
        "there": "passed",
        "address": "failed",
        "young": "failed",
        "mean": "failed",
        "digit": "unmeasured",
        "code": "unmeasured",
        "pair": "failed",
    }
    assert told["gx:digit"].hint == "failed (1 of 4) here, passed (0 of 4) by great_expectations 1.24.1"
    assert told["gx:code"].hint == "passed (0 of 4) here, unmeasured by great_expectations 1.24.1"
    assert (told["gx:pair"].failed, told["gx:pair"].total) == (4, 4)
    assert evaluated.verdict.decision is Decision.BLOCK_AND_ROLLBACK
    assert "great_expectations 1.24.1" in known.fact.engine
    assert replay(log, known).differs == ()
    assert replay(log, known, source=batch, given=given).differs == ()
    native = replay(log, known, source=batch)
    assert [each["rule"] for each in native.measurements] == ["gx:digit", "gx:code"]
    assert native.measurements[0]["now"].startswith("failed (1 of 4)")
