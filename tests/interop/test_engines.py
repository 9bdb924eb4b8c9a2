"""Other people's engines, run for real on the batches that we measure: their outcomes and counts, read by us, are ours.

Each runs in an environment of its own (`make engines`, dbt in that of `make producers`), by the script that stands for it in
tests/interop/engines/. The counts were planted: 3 ids that stand twice, 7 addresses missing and 5 malformed, 4 amounts below 0,
2 segments that are not listed, of 400 rows. What is counted in another way there is written beside the check.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from contracts import publish
from contracts.document import Document, read
from contracts.enforce import carry_out, evaluate
from contracts.engines.foreign import Foreign, ForeignCheck, Outcome
from contracts.engines.gx_suite import gx_suite
from contracts.engines.measured import take
from contracts.engines.readers import read as read_result
from contracts.metric import Found
from contracts.policies import evaluate_for
from contracts.record import Context
from contracts.replay import read_decision, replay
from contracts.scan.beside import Given
from contracts.source import ParquetFile
from proofs.errors import MalformedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).with_name("engines")
GOOD = """SELECT i AS id, 'p' || i || '@example.org' AS email, (i * 0.5)::DOUBLE AS amount,
    ['loyal', 'regular', 'lapsing'][1 + i % 3] AS segment FROM range(400) numbers(i)"""
BAD = """SELECT CASE WHEN id < 3 THEN id + 10 ELSE id END AS id, CASE WHEN id BETWEEN 20 AND 26 THEN NULL
    WHEN id BETWEEN 30 AND 34 THEN 'SECRET' || id ELSE email END AS email,
    CASE WHEN id BETWEEN 40 AND 43 THEN -7777.0 ELSE amount END AS amount,
    CASE WHEN id IN (50, 51) THEN 'SECRET' ELSE segment END AS segment FROM good"""
ROWS = 400
# Both rows of a pair count.
PAIRS = {"unique:id": 6}


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
        environment: In which it runs.
        reader: What reads its result.
        rules: Which of our rules each of its checks states: by its kind and column, or by the beginning of its id.
        counts: What it counts otherwise than we do, by our rule.
        tells_total: Whether it says of how many rows.
    """

    environment: str
    reader: str
    rules: Mapping[str, str]
    script: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    tells_total: bool = True


GX = {
    "expect_table_row_count_to_be_between": "row_count",
    "expect_column_values_to_not_be_null id": "required:id",
    "expect_column_values_to_be_unique id": "unique:id",
    "expect_column_values_to_not_be_null email": "required:email",
    "expect_column_values_to_match_regex email": "pattern:email",
    "expect_column_values_to_be_between amount": "range:amount",
    "expect_column_values_to_be_in_set segment": "enum:segment",
}
ENGINES = {
    "soda": Engine(
        environment="soda",
        reader="soda",
        rules={
            "row_count": "row_count",
            "missing_count id": "required:id",
            "duplicate_count id": "unique:id",
            "missing_count email": "required:email",
            "invalid_count email": "pattern:email",
            "invalid_count amount": "range:amount",
            "invalid_count segment": "enum:segment",
        },
    ),
    "soda4": Engine(
        environment="soda4",
        reader="soda4",
        rules={
            "row_count": "row_count",
            "missing id": "required:id",
            "duplicate id": "unique:id",
            "missing email": "required:email",
            "invalid email": "pattern:email",
            "invalid amount": "range:amount",
            "invalid segment": "enum:segment",
        },
    ),
    "gx": Engine(environment="gx", reader="gx", rules=GX, counts=PAIRS),
    # By the suite that we wrote from the contract.
    "suite": Engine(
        environment="gx",
        reader="gx",
        script="gx",
        rules={
            **GX,
            **{f"expect_column_to_exist {name}": f"present:{name}" for name in ("id", "email", "amount", "segment")},
        },
        counts=PAIRS,
    ),
    "datacontract": Engine(
        environment="datacontract",
        reader="datacontract",
        rules={
            "row_count": "row_count",
            "field_required id": "required:id",
            "field_unique id": "unique:id",
            "field_required email": "required:email",
            "field_regex email": "pattern:email",
            "field_minimum amount": "range:amount",
            "field_invalid_values segment": "enum:segment",
            **{f"field_is_present {name}": f"present:{name}" for name in ("id", "email", "amount", "segment")},
        },
        counts=PAIRS,
    ),
    "dbt": Engine(
        environment="dbt",
        reader="dbt",
        rules={
            "test.shop.not_null_orders_id": "required:id",
            "test.shop.unique_orders_id": "unique:id",
            "test.shop.not_null_orders_email": "required:email",
            "test.shop.address": "pattern:email",
            "test.shop.amount": "range:amount",
            "test.shop.accepted_values_orders_segment": "enum:segment",
        },
        counts={"enum:segment": 1},  # different values that are not listed
        tells_total=False,
    ),
    "pandera": Engine(
        environment="checkers",
        reader="pandera",
        script="checkers",
        rules={
            "field_uniqueness id": "unique:id",
            "not_nullable email": "required:email",
            "str_matches email": "pattern:email",
            "greater_than_or_equal_to amount": "range:amount",
            "isin segment": "enum:segment",
        },
        counts=PAIRS,
        tells_total=False,
    ),
    "pointblank": Engine(
        environment="checkers",
        reader="pointblank",
        script="checkers",
        rules={
            "col_vals_not_null id": "required:id",
            "rows_distinct id": "unique:id",
            "col_vals_not_null email": "required:email",
            "col_vals_regex email": "pattern:email",
            "col_vals_ge amount": "range:amount",
            "col_vals_in_set segment": "enum:segment",
        },
        counts=PAIRS,
    ),
}
Run = Callable[[str], Path]


@pytest.fixture(scope="module")
def document() -> Document:
    return read(SCRIPTS / "orders.yaml")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, document: Document) -> Run:
    """Run an engine over both batches, once; returns the folder in which its results stand."""
    folder = tmp_path_factory.mktemp("engines")
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW good AS {GOOD}")
        connection.execute(f"COPY good TO '{folder}/good.parquet'")
        connection.execute(f"COPY ({BAD}) TO '{folder}/bad.parquet'")
    (folder / "suite.json").write_bytes(gx_suite(document))
    (folder / ".soda").mkdir()
    (folder / ".soda" / "config.yml").write_text("send_anonymous_usage_stats: false\n")
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
    silent = {"GX_ANALYTICS_ENABLED": "false", "SODA_CORE_TELEMETRY_ENABLED": "false", "DO_NOT_TRACK": "1"}
    ran: set[str] = set()

    def run(name: str) -> Path:
        engine, script = ENGINES[name], ENGINES[name].script or name
        if script not in ran:
            python = ROOT / f".venv-{engine.environment}" / "bin" / "python"
            assert python.exists(), f"{python.parents[1].name} is not there; `make engines producers` makes it"
            command = [str(python), str(SCRIPTS / f"run_{script}.py"), str(folder)]
            environment = {**kept, **silent, "HOME": str(folder)}
            ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stdout[-4_000:] + ended.stderr[-4_000:]
            ran.add(script)
        return folder

    return run


def written(folder: Path, batch: str, name: str) -> Path:
    return folder / f"{batch}-{name}.{'csv' if name == 'pandera' else 'json'}"


def rule_of(engine: Engine, check: ForeignCheck) -> str | None:
    if engine.reader == "dbt":
        return next((rule for id, rule in engine.rules.items() if check.id.startswith(id)), None)
    return engine.rules.get(" ".join((check.kind, *check.columns)))


def by_rule(engine: Engine, found: Foreign) -> dict[str, ForeignCheck]:
    """The checks by our rules; whatever else there is was not measured and weighs nothing."""
    named = [(rule_of(engine, check), check) for check in found.checks]
    assert {(check.outcome, check.severity.value) for rule, check in named if rule is None} <= {(Outcome.ERROR, "info")}
    return {rule: check for rule, check in named if rule is not None}


@pytest.mark.parametrize("name", ENGINES)
def test_outcomes_and_counts_are_ours(name: str, run: Run, document: Document) -> None:
    engine, folder = ENGINES[name], run(name)
    ours = {
        metric.rule.id: metric for metric in evaluate(document, ParquetFile(folder / "bad.parquet")).measurement.metrics
    }

    theirs = by_rule(engine, read_result(engine.reader, written(folder, "bad", name).read_bytes()))

    assert set(theirs) == set(engine.rules.values())
    for rule, check in theirs.items():
        assert (check.outcome is Outcome.PASS) is (ours[rule].found is Found.PASSED), rule
        if not ours[rule].structural:
            assert check.failed == engine.counts.get(rule, ours[rule].failed), rule
            assert check.total == (ROWS if engine.tells_total else None), rule


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "pandera"])
def test_a_good_batch_passes_everywhere(name: str, run: Run) -> None:
    engine = ENGINES[name]

    theirs = by_rule(engine, read_result(engine.reader, written(run(name), "good", name).read_bytes()))

    assert {check.outcome for check in theirs.values()} == {Outcome.PASS}
    assert set(theirs) == set(engine.rules.values())


def test_pandera_writes_nothing_of_a_good_batch(run: Run) -> None:
    folder = run("pandera")

    assert not written(folder, "good", "pandera").exists()
    with pytest.raises(MalformedError, match="holds no check"):
        read_result("pandera", written(folder, "bad", "pandera").read_bytes().splitlines(keepends=True)[0])


@pytest.mark.parametrize("name", ENGINES)
def test_a_decision_on_it_is_recorded_without_a_value_and_made_again(
    name: str, run: Run, document: Document, ledgers: Ledgers
) -> None:
    folder, log = run(name), ledgers.create()
    taken = take(ENGINES[name].reader, written(folder, "bad", name).read_bytes())

    evaluated = evaluate_for(
        log, document, ParquetFile(folder / "bad.parquet"), given=Given(clock=log.clock), results=[taken]
    )
    publish.publish(log, document, Context())
    known = read_decision(log, carry_out(log, evaluated).decided.seq)

    assert replay(log, known, source=ParquetFile(folder / "bad.parquet")).differs == ()
    assert known.fact.engine.endswith(f", {taken.foreign.name}")
    assert b"SECRET" not in known.body
    assert b"7777" not in known.body


@pytest.mark.parametrize(
    ("name", "version"),
    [("soda", "3.5."), ("soda4", "4."), ("gx", "1.24."), ("datacontract", "1."), ("dbt", "1.")],
)
def test_the_version_is_the_one_that_the_engine_tells(name: str, version: str, run: Run) -> None:
    found = read_result(ENGINES[name].reader, written(run(name), "good", name).read_bytes())

    assert (found.version or "").startswith(version)
