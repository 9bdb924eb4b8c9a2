"""A contract whose enforcement is disabled: nothing is measured, and that is decided, recorded and replayed as such."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from contracts import publish
from contracts.ci import junit
from contracts.decision import Cause, Decision
from contracts.document import parse
from contracts.enforce import carry_out, evaluate
from contracts.engines.measured import Taken, take
from contracts.explain import explain
from contracts.facts import ValidationDecided
from contracts.overrides import Word, override
from contracts.policies import evaluate_for
from contracts.policyfile import PolicyDocument, parse_policy
from contracts.record import Context
from contracts.replay import Known, read_decision, replay
from contracts.scan.beside import Given
from contracts.source import CsvFile, ParquetFile, Source, Table
from contracts.sources.files import folder_source
from contracts.sources.frames import Frame
from contracts.sources.jsonlines import JsonLines
from contracts.sources.postgres import PostgresTable
from contracts.sources.sqlite import SqliteTable
from proofs.errors import MissingError, RefusedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
CONTRACT = b"""name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
enforcement: disabled
row_count: {min: 100}
schema:
  - {name: id, type: integer, required: true}
"""
# What would be refused if it were measured: a value too many, and bytes that are no text.
STRANGE = b'id\n1,2\n\xff\n"'
SODA = json.dumps(
    {
        "hasErrors": False,
        "logs": [{"message": "Soda Core 3.5.6"}],
        "metrics": [{"identity": "m", "metricName": "missing_count", "value": None}],
        "checks": [
            {"identity": "a1", "outcome": "fail", "column": "id", "metrics": ["m"], "diagnostics": {"value": 1}}
        ],
    }
).encode()


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


@pytest.fixture
def strange(tmp_path: Path) -> CsvFile:
    (tmp_path / "orders.csv").write_bytes(STRANGE)
    return CsvFile(tmp_path / "orders.csv")


def checked(log: Ledger, source: Source | None, *results: Taken, policy: PolicyDocument | None = None) -> Known:
    document = parse(CONTRACT)
    given = Given(clock=lambda: NOON)
    evaluated = evaluate_for(log, document, source, given=given, policy=policy, results=results)
    publish.publish(log, document, Context(source="urn:shop"))
    return read_decision(log, carry_out(log, evaluated, context=Context(source="urn:shop")).decided.seq)


def test_whatever_the_data_is_it_is_let_through_for_one_reason(log: Ledger, strange: CsvFile) -> None:
    fact = checked(log, strange).fact

    assert (fact.decision, fact.risk, fact.metrics, fact.engine) == (Decision.ALLOW, 0, (), "none")
    assert [(reason.cause, reason.rule) for reason in fact.reasons] == [(Cause.DISABLED, None)]
    assert fact.batch.model_dump(exclude_none=True) == {
        "kind": "csv",
        "rows": 0,
        "extra_columns": 0,
        "sha256": hashlib.sha256(STRANGE).hexdigest(),
        "size_bytes": len(STRANGE),
    }


def test_it_is_replayed_to_the_same_bytes_with_the_data_or_without(log: Ledger, strange: CsvFile) -> None:
    known = checked(log, strange)

    assert replay(log, known).differs == ()
    assert replay(log, known, source=strange).differs == ()
    strange.path.write_bytes(b"id\n1\n")
    assert replay(log, known, source=strange).differs == ("batch",)


@pytest.mark.parametrize(("member", "value"), [("decision", "BLOCK_AND_ROLLBACK"), ("risk", 1), ("reasons", [])])
def test_a_replay_sees_what_was_bent(log: Ledger, strange: CsvFile, member: str, value: object) -> None:
    known = checked(log, strange)
    body = json.dumps({**json.loads(known.body), member: value}).encode()

    assert replay(log, replace(known, fact=ValidationDecided.parse(body), body=body)).differs == (member,)


@pytest.mark.parametrize("with_data", [True, False])
def test_results_of_other_engines_are_named_and_do_not_count(log: Ledger, strange: CsvFile, *, with_data: bool) -> None:
    taken = take("soda", SODA)

    known = checked(log, strange if with_data else None, taken)

    assert (known.fact.decision, known.fact.metrics, known.fact.engine) == (Decision.ALLOW, (), "none")
    assert [each.sha256 for each in known.fact.batch.results or ()] == [taken.told.file.sha256]
    assert known.fact.batch.kind == ("csv" if with_data else "external")
    assert replay(log, known).differs == ()
    if with_data:
        assert replay(log, known, source=strange).differs == ()


def test_no_policy_turns_it_on(log: Ledger, strange: CsvFile) -> None:
    ruled = parse_policy(b"policy: p\nversion: 1.0.0\nowner: o\nweights: {critical: 0.5}\n")

    evaluated = evaluate(parse(CONTRACT), strange)
    known = checked(log, strange, policy=ruled)

    assert evaluated.verdict.decision is known.fact.decision is Decision.ALLOW
    assert known.fact.ruled_by is not None


def test_the_source_is_opened_for_its_fingerprint_alone(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (folder / name).write_bytes(STRANGE)
    (tmp_path / "x.parquet").write_bytes(STRANGE)
    digest = hashlib.sha256(STRANGE).hexdigest()
    listed = hashlib.sha256(f"{digest}  a.jsonl\n{digest}  b.jsonl\n".encode()).hexdigest()
    with duckdb.connect() as connection:
        frame = connection.sql("SELECT 1 AS id").to_arrow_table()
        sources: list[tuple[Source, str, str | None]] = [
            (ParquetFile(tmp_path / "x.parquet"), "parquet", digest),
            (JsonLines(folder / "a.jsonl"), "jsonl", digest),
            (folder_source(folder), "jsonl", listed),
            (Table(connection, "no_such_table"), "table", None),
            (Frame(frame), "frame", None),
            (SqliteTable(tmp_path / "none.db", "none"), "sqlite", None),
            (PostgresTable("postgresql://nowhere.invalid/x", "none"), "postgresql", None),
        ]
        for source, kind, sha256 in sources:
            found = evaluate(parse(CONTRACT), source).measurement
            assert (found.kind, found.file and found.file.sha256) == (kind, sha256)


def test_a_file_that_is_not_there_is_told_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        evaluate(parse(CONTRACT), CsvFile(tmp_path / "none.csv"))


def test_neither_data_nor_results_decide_nothing() -> None:
    with pytest.raises(RefusedError, match="nothing to decide by"):
        evaluate(parse(CONTRACT), None)


def test_there_is_nothing_to_overrule(log: Ledger, strange: CsvFile) -> None:
    known = checked(log, strange)

    with pytest.raises(RefusedError, match="does not soften"):
        override(log, known.seq, Word(Decision.ALLOW, by="ops:1", reason="x", until=NOON))


def test_it_is_explained_and_reported(log: Ledger, strange: CsvFile) -> None:
    known = checked(log, strange)

    assert explain(known, parse(CONTRACT)).reasons == ("the contract's enforcement is disabled: nothing was measured",)
    assert b'tests="0"' in junit([evaluate(parse(CONTRACT), strange)])
