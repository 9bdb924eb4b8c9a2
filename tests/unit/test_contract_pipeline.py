"""A gate in a pipeline of Python: frames, paths and tables go on when they are let through, and runs are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

import ledger
from contracts.actions import staged
from contracts.document import parse
from contracts.facts import ACTION_TAKEN
from contracts.gate import Acts
from contracts.pipeline import Gate
from contracts.source import Table
from ledger.log import Ledger
from proofs.errors import BlockedError, ConflictError, MissingError, RefusedError

CONTRACT = parse(b"""\
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema: [{name: id, type: integer, unique: true}]
""")
KEEPING = parse(
    CONTRACT.text.encode().replace(b"1.0.0", b"1.0.1")
    + b"policy: {block_at: 0.9, block_on: never, quarantine_on: critical}\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Ledger]:
    with ledger.create("memory://", origin="test/gate", home=tmp_path / "home", passphrase=lambda: b"secret") as log:
        yield log


def told(log: Ledger) -> list[Any]:
    """The log's events about runs and decisions, in order."""
    found: list[Any] = []
    for record in log.read():
        body: Any = record.json() if record.type.startswith("tallystick.") and record.body else {}
        if record.type == "tallystick.lineage.run-observed.v1":
            found.append((body["eventType"], body["job"]["name"], body["run"]["runId"]))
        if record.type == "tallystick.validation.decided.v1":
            found.append((body["decision"], None, body.get("run")))
    return found


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame, pl.LazyFrame])
def test_a_function_returns_a_frame_that_is_let_through(log: Ledger, kind: Any) -> None:
    @Gate(log, CONTRACT)
    def clean(start: int, *, step: int = 1) -> Any:
        """Clean orders."""
        return kind({"id": [start, start + step]})

    frame = clean(1, step=2)

    assert (clean.__name__, clean.__doc__) == ("clean", "Clean orders.")
    assert sorted(getattr(frame, "collect", lambda: frame)()["id"]) == [1, 3]
    assert told(log) == [("ALLOW", None, None)]


def test_what_is_blocked_is_raised_and_the_run_failed(log: Ledger) -> None:
    @Gate(log, CONTRACT, job="clean", inputs=("raw",))
    def clean() -> pl.DataFrame:
        return pl.DataFrame({"id": [1, 1]})

    with pytest.raises(BlockedError, match=r"contract orders 1\.0\.0 blocks the batch"):
        clean()

    events = told(log)
    run = events[0][2]
    assert events == [("START", "clean", run), ("BLOCK_AND_ROLLBACK", None, run), ("FAIL", "clean", run)]
    [start] = [r.json() for r in log.read() if r.type.endswith("run-observed.v1")][:1]
    assert start["inputs"] == [{"namespace": "shop", "name": "raw"}]
    assert start["outputs"] == [{"namespace": "shop", "name": "orders"}]


def test_a_function_that_breaks_is_a_failed_run_without_a_decision(log: Ledger) -> None:
    @Gate(log, CONTRACT, job="clean")
    def clean() -> pl.DataFrame:
        raise KeyError("theirs")

    with pytest.raises(KeyError, match="theirs"):
        clean()

    assert [event[0] for event in told(log)] == ["START", "FAIL"]


def test_a_block_writes_a_version_that_consumers_then_read(log: Ledger, tmp_path: Path) -> None:
    gate = Gate(log, CONTRACT, Acts(current=tmp_path / "current"), job="load")

    with gate.writing(tmp_path / "versions" / "1") as folder:
        pl.DataFrame({"id": [1]}).write_parquet(folder / "part.parquet")
    with pytest.raises(BlockedError), gate.writing(tmp_path / "versions" / "2") as folder:
        pl.DataFrame({"id": [1, 1]}).write_parquet(folder / "part.parquet")

    assert (tmp_path / "current").resolve() == tmp_path / "versions" / "1"
    assert [event[0] for event in told(log)] == ["START", "ALLOW", "COMPLETE", "START", "BLOCK_AND_ROLLBACK", "FAIL"]


def test_a_block_writes_a_file_and_never_over_another(log: Ledger, tmp_path: Path) -> None:
    gate = Gate(log, CONTRACT, Acts(move_blocked=tmp_path / "aside"))
    with gate.writing(tmp_path / "1.csv") as path:
        path.write_text("id\n1\n")

    with pytest.raises(ConflictError, match="something lies where the batch is to be written"), gate.writing(path):
        pytest.fail("the block is not entered")
    with pytest.raises(BlockedError), gate.writing(tmp_path / "2.csv") as bad:
        bad.write_text("id\n1\n1\n")

    assert path.read_text() == "id\n1\n"
    assert not bad.exists()
    assert len(list((tmp_path / "aside").iterdir())) == 1


def test_a_block_that_breaks_decides_nothing(log: Ledger, tmp_path: Path) -> None:
    def breaks() -> None:
        with Gate(log, CONTRACT).writing(tmp_path / "v") as folder:
            (folder / "part.csv").write_text("id\n1\n")
            raise KeyError("theirs")

    with pytest.raises(KeyError, match="theirs"):
        breaks()

    assert told(log) == []


def test_rows_that_are_kept_apart_do_not_go_on_with_the_good_ones(log: Ledger, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("id\n1\n2\n2\n")
    gate = Gate(log, KEEPING, Acts(quarantine=tmp_path / "kept"))

    passed = gate.hold(tmp_path / "d.csv")
    with pytest.raises(BlockedError, match="quarantines rows") as stopped:
        gate(lambda: tmp_path / "d.csv")()

    assert passed.error() is None
    assert passed.kept is not None
    assert [note for note in stopped.value.__notes__ if note.endswith("good.parquet")]


def test_a_table_is_held_where_it_lies(log: Ledger) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")

        passed = Gate(log, CONTRACT).hold(Table(connection, "orders"))

    assert passed.outcome.measurement.rows == 1


def test_a_staged_table_is_promoted_or_rolled_back(log: Ledger, tmp_path: Path) -> None:
    def load(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
        query = f"SELECT id FROM (VALUES {rows}) t(id)"
        target = Table(connection, "orders")
        with staged(target, lambda on, name: on.execute(f"CREATE TABLE {name} AS {query}")) as batch:
            Gate(log, CONTRACT, Acts(maker=lambda _log, _evaluated: batch)).hold(batch.source)

    with duckdb.connect(str(tmp_path / "shop.db")) as connection:
        load(connection, "(1), (2)")
        load(connection, "(3), (3)")

        assert connection.execute("SELECT id FROM orders").fetchall() == [(1,), (2,)]

    actions: list[Any] = [record.json() for record in log.read() if record.type == ACTION_TAKEN]
    assert [action["action"] for action in actions] == ["promoted", "rolled-back"]


def test_what_is_no_batch_is_refused(log: Ledger, tmp_path: Path) -> None:
    gate = Gate(log, CONTRACT)

    for batch in (None, 7, [1], object()):
        with pytest.raises(RefusedError, match="is no frame"):
            gate.hold(batch)
    with pytest.raises(MissingError):
        gate.hold(tmp_path / "none.csv")
    with pytest.raises(RefusedError, match="lies in one place"):
        Gate(log, CONTRACT, Acts(move_blocked=tmp_path)).hold(pl.DataFrame({"id": [1]}))

    assert told(log) == []


def test_what_has_no_batch_when_it_returns_is_no_function_for_a_gate(log: Ledger) -> None:
    async def later() -> None: ...

    def each() -> Iterator[int]:
        yield 1

    for function in (later, each):
        with pytest.raises(TypeError, match="does not return its batch at once"):
            Gate(log, CONTRACT)(function)
