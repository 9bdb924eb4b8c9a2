"""Staged batches on real DuckDB files, seen from a second connection; and files that are moved aside."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import pytest

import ledger
from contracts.actions import MoveAside, staged
from contracts.document import Document, parse
from contracts.enforce import Outcome, check
from contracts.facts import ActionTaken
from contracts.source import CsvFile, Table
from ledger.log import Ledger
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError, UnknownOutcomeError

CONTRACT = parse(b"""\
name: scores
version: 1.0.0
dataset: {namespace: demo, name: scores}
schema:
  - {name: id, type: integer, required: true, unique: true}
  - {name: score, type: number, range: {min: 0, max: 1}, severity: {range: critical}}
""")

GOOD = "SELECT i AS id, i / 10 AS score FROM range(5) t(i)"
BAD = "SELECT i AS id, i AS score FROM range(5) t(i)"
BLOCKED_ROWS = b"id,score\n1,7\n"
RENAMED = "SELECT i AS household, i / 10 AS score FROM range(5) t(i)"


@dataclass
class Warehouse:
    """A DuckDB file with a writer and a consumer."""

    writer: duckdb.DuckDBPyConnection
    consumer: duckdb.DuckDBPyConnection
    log: Ledger

    @property
    def target(self) -> Table:
        return Table(self.writer, "scores")

    def load(self, query: str, mode: Literal["replace", "append"] = "replace") -> Outcome:
        with staged(self.target, creating(query), mode=mode) as batch:
            return check(self.log, CONTRACT, batch.source, enforcement=batch)

    def seen(self) -> list[Any]:
        return self.consumer.execute("SELECT id FROM scores ORDER BY id").fetchall()

    def tables(self) -> list[str]:
        return [
            name for (name,) in self.consumer.execute("SELECT table_name FROM information_schema.tables").fetchall()
        ]


def creating(query: str) -> Callable[[duckdb.DuckDBPyConnection, str], object]:
    return lambda connection, name: connection.execute(f"CREATE TABLE {name} AS {query}")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    writer = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    with ledger.create("memory://", origin="test/actions", home=tmp_path, passphrase=lambda: b"secret") as log:
        yield Warehouse(writer, writer.cursor(), log)
    writer.close()


def actions(log: Ledger) -> list[tuple[str, str]]:
    records = [record for record in log.read(2) if record.type == "tallystick.validation.action-taken.v1"]
    facts = [ActionTaken.parse(record.body or b"") for record in records]
    return [(fact.action, fact.result) for fact in facts]


def test_an_allowed_batch_becomes_the_table(warehouse: Warehouse) -> None:
    outcome = warehouse.load(GOOD)

    assert outcome.action == "promoted"
    assert warehouse.seen() == [(0,), (1,), (2,), (3,), (4,)]
    assert warehouse.tables() == ["scores"]
    assert actions(warehouse.log) == [("promoted", "done")]


@pytest.mark.parametrize("query", [BAD, RENAMED, f"SELECT * FROM ({GOOD}) WHERE false"])
def test_a_blocked_batch_leaves_the_table_as_it_was(warehouse: Warehouse, query: str) -> None:
    warehouse.load(GOOD)
    document = parse(CONTRACT.text.encode().replace(b"schema:", b"row_count: {min: 1, severity: critical}\nschema:"))

    with staged(warehouse.target, creating(query)) as batch:
        outcome = check(warehouse.log, document, batch.source, enforcement=batch)

    assert outcome.blocked
    assert warehouse.seen() == [(0,), (1,), (2,), (3,), (4,)]
    assert warehouse.tables() == ["scores"]
    assert actions(warehouse.log) == [("promoted", "done"), ("rolled-back", "done")]


def test_consumers_never_see_a_batch_that_was_not_decided(warehouse: Warehouse) -> None:
    warehouse.load(GOOD)

    with staged(warehouse.target, creating("SELECT 77 AS id, 0.5 AS score")) as batch:
        during = warehouse.seen(), warehouse.tables()
        batch.release()

    assert during == ([(0,), (1,), (2,), (3,), (4,)], ["scores"])
    assert warehouse.seen() == [(77,)]


def test_an_appended_batch_adds_its_rows_by_name(warehouse: Warehouse) -> None:
    warehouse.load(GOOD, "append")

    warehouse.load("SELECT 0.5 AS score, 9 AS id", "append")

    assert warehouse.seen() == [(0,), (1,), (2,), (3,), (4,), (9,)]


def test_an_appended_batch_that_does_not_fit_is_refused_and_the_failure_recorded(warehouse: Warehouse) -> None:
    warehouse.load(GOOD)

    with pytest.raises(RefusedError, match="'scores': it names a column or a table that is not there"):
        warehouse.load("SELECT 9 AS id, 0.5 AS score, 'maria' AS more", "append")

    assert warehouse.seen() == [(0,), (1,), (2,), (3,), (4,)]
    assert actions(warehouse.log) == [("promoted", "done"), ("promoted", "failed")]


def test_a_view_of_the_same_name_is_not_replaced(warehouse: Warehouse) -> None:
    warehouse.writer.execute("CREATE VIEW scores AS SELECT 1 AS id")

    with pytest.raises(RefusedError, match="does not fit into the table 'scores'"):
        warehouse.load(GOOD)

    assert warehouse.seen() == [(1,)]


def test_whatever_leaves_the_block_without_a_decision_is_rolled_back(warehouse: Warehouse) -> None:
    warehouse.load(GOOD)

    with pytest.raises(KeyError), staged(warehouse.target, creating(BAD)):
        raise KeyError("the pipeline's own")
    with staged(warehouse.target, creating(BAD)):
        pass

    assert warehouse.seen() == [(0,), (1,), (2,), (3,), (4,)]
    assert warehouse.writer.execute("SELECT 1").fetchall() == [(1,)]


def test_a_log_that_does_not_take_the_decision_keeps_the_batch_out(warehouse: Warehouse) -> None:
    class FullLog:
        def append(self, event: object) -> Any:
            raise BusyError("somebody else is writing")

    with pytest.raises(BusyError), staged(warehouse.target, creating(GOOD)) as batch:
        check(FullLog(), CONTRACT, batch.source, enforcement=batch)

    assert warehouse.tables() == []


def test_a_batch_that_cannot_be_loaded_is_malformed_and_not_quoted(warehouse: Warehouse) -> None:
    with pytest.raises(MalformedError) as caught:
        warehouse.load("SELECT 'maria'::INTEGER AS id")

    assert str(caught.value) == "the batch for table 'scores' cannot be loaded: a value is not of its column's type"
    assert warehouse.tables() == []


def test_a_load_that_makes_no_table_is_missing(warehouse: Warehouse) -> None:
    with (
        pytest.raises(MissingError, match="there is no table 'scores__staged_"),
        staged(warehouse.target, lambda _connection, _name: None) as batch,
    ):
        check(warehouse.log, CONTRACT, batch.source, enforcement=batch)


def test_a_load_that_ends_the_transaction_is_refused_and_its_table_taken_away(warehouse: Warehouse) -> None:
    warehouse.load(GOOD)

    with pytest.raises(RefusedError, match="loading the batch ended the transaction"):
        warehouse.load(f"{BAD}; COMMIT")

    assert warehouse.seen() == [(0,), (1,), (2,), (3,), (4,)]
    assert warehouse.tables() == ["scores"]


def test_a_batch_is_promoted_in_the_transaction_that_staged_it_or_not_at_all(warehouse: Warehouse) -> None:
    warehouse.load(GOOD)

    with staged(warehouse.target, creating("SELECT 77 AS id, 0.5 AS score")) as batch:
        warehouse.writer.execute("COMMIT")
        with pytest.raises(RefusedError, match="somebody else ended the transaction"):
            batch.release()

    assert warehouse.seen() == [(0,), (1,), (2,), (3,), (4,)]


def test_a_batch_whose_transaction_is_gone_cannot_be_rolled_back(warehouse: Warehouse) -> None:
    with staged(warehouse.target, creating(GOOD)) as batch:
        warehouse.writer.execute("ROLLBACK")
        with pytest.raises(RefusedError, match="somebody else ended the transaction"):
            batch.withhold()

    assert warehouse.tables() == []


def test_what_went_wrong_is_told_although_the_batch_cannot_be_rolled_back_either(warehouse: Warehouse) -> None:
    def end_and_fail() -> None:
        warehouse.writer.execute("ROLLBACK")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as told, staged(warehouse.target, creating(GOOD)):
        end_and_fail()

    (note,) = told.value.__notes__
    assert note.startswith("and the batch was not rolled back: somebody else ended the transaction")


def test_a_transaction_that_is_open_already_is_refused(warehouse: Warehouse) -> None:
    warehouse.writer.execute("BEGIN")

    with pytest.raises(RefusedError, match="a transaction is open in this connection"):
        warehouse.load(GOOD)


def test_of_two_writers_the_second_is_told_that_somebody_else_was_there(warehouse: Warehouse) -> None:
    warehouse.load(GOOD)

    with staged(warehouse.target, creating("SELECT 77 AS id, 0.5 AS score")) as batch:
        warehouse.consumer.execute("ALTER TABLE scores ADD COLUMN more INTEGER")
        with pytest.raises(BusyError, match="somebody else is changing the table 'scores'; nothing was promoted"):
            batch.release()

    assert warehouse.seen() == [(0,), (1,), (2,), (3,), (4,)]


class Interrupted:
    """The real connection, with something else happening just before it commits."""

    def __init__(self, real: duckdb.DuckDBPyConnection, before: Callable[[], object]) -> None:
        self.real = real
        self.before = before

    def execute(self, query: str, *parameters: Any) -> Any:
        if query == "COMMIT":
            self.before()
        return self.real.execute(query, *parameters)


def test_a_commit_that_loses_against_another_is_busy_and_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.writer.execute("CREATE TABLE scores (id INTEGER PRIMARY KEY)")
    warehouse.consumer.execute("BEGIN; INSERT INTO scores VALUES (1)")
    connection: Any = Interrupted(warehouse.writer, lambda: warehouse.consumer.execute("COMMIT"))

    told = pytest.raises(BusyError, match="somebody else changed the table 'scores'; nothing was promoted")
    with staged(Table(connection, "scores"), creating("SELECT 1 AS id"), mode="append") as batch, told:
        batch.release()

    assert warehouse.seen() == [(1,)]


def test_a_commit_that_does_not_answer_is_of_unknown_outcome(warehouse: Warehouse) -> None:
    def fail() -> None:
        raise duckdb.IOException("disk full")

    connection: Any = Interrupted(warehouse.writer, fail)

    told = pytest.raises(UnknownOutcomeError, match="the commit of table 'scores' did not answer")
    with staged(Table(connection, "scores"), creating(GOOD)) as batch, told:
        batch.release()


@pytest.mark.parametrize("name", ['a"b', "select", 'x"; DROP TABLE scores; --', "ä " + "n" * 80])
def test_a_hostile_table_name_is_a_name(warehouse: Warehouse, name: str) -> None:
    with staged(Table(warehouse.writer, name), creating(GOOD)) as batch:
        check(warehouse.log, CONTRACT, batch.source, enforcement=batch)

    assert warehouse.tables() == [name]


def test_a_process_that_dies_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    script = """
import os, sys, duckdb
from contracts.actions import staged
from contracts.source import Table
connection = duckdb.connect(sys.argv[1])
connection.execute("CREATE TABLE scores AS SELECT 1 AS id")
with staged(Table(connection, "scores"), lambda c, name: c.execute(f"CREATE TABLE {name} AS SELECT 77 AS id")):
    os._exit(9)
"""
    root = Path(__file__).parents[2]
    path = str(tmp_path / "warehouse.duckdb")

    done = subprocess.run([sys.executable, "-c", script, path], cwd=root, check=False)

    assert done.returncode == 9
    with duckdb.connect(path) as connection:
        assert connection.execute("FROM scores").fetchall() == [(1,)]
        assert connection.execute("SELECT count(*) FROM information_schema.tables").fetchall() == [(1,)]


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    path = tmp_path / "batch.csv"
    path.write_bytes(BLOCKED_ROWS)
    return path


def held(log: Ledger, document: Document, path: Path, folder: Path) -> Outcome:
    return check(log, document, CsvFile(path), enforcement=MoveAside(path, folder))


def test_a_blocked_file_is_moved_aside_under_its_hash(warehouse: Warehouse, batch: Path, tmp_path: Path) -> None:
    outcome = held(warehouse.log, CONTRACT, batch, tmp_path / "aside")

    file = outcome.measurement.file
    assert file is not None
    assert not batch.exists()
    assert [path.name for path in (tmp_path / "aside").iterdir()] == [f"{file.sha256[:16]}-batch.csv"]
    assert (tmp_path / "aside").stat().st_mode & 0o777 == 0o700
    assert actions(warehouse.log) == [("moved-aside", "done")]


def test_an_allowed_file_stays_and_nothing_is_said_of_it(warehouse: Warehouse, batch: Path, tmp_path: Path) -> None:
    batch.write_bytes(b"id,score\n1,0.7\n")

    outcome = held(warehouse.log, CONTRACT, batch, tmp_path / "aside")

    assert (outcome.action, batch.exists(), actions(warehouse.log)) == (None, True, [])


def test_a_blocked_file_that_is_delivered_again_is_taken_away_again(
    warehouse: Warehouse, batch: Path, tmp_path: Path
) -> None:
    first = held(warehouse.log, CONTRACT, batch, tmp_path / "aside")
    batch.write_bytes(BLOCKED_ROWS)

    again = held(warehouse.log, CONTRACT, batch, tmp_path / "aside")

    assert (first.action, again.action) == ("moved-aside", "moved-aside")
    assert not batch.exists()
    assert [path.read_bytes() for path in (tmp_path / "aside").iterdir()] == [BLOCKED_ROWS]
    assert actions(warehouse.log) == [("moved-aside", "done"), ("moved-aside", "done")]


def test_other_bytes_that_lie_aside_under_its_name_are_never_overwritten(batch: Path, tmp_path: Path) -> None:
    name = f"{hashlib.sha256(BLOCKED_ROWS).hexdigest()[:16]}-batch.csv"
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / name).write_bytes(b"other")
    (tmp_path / "aside" / f"{name}-1").symlink_to(batch)

    moving = MoveAside(batch, tmp_path / "aside")
    moving.withhold()

    assert moving.aside == tmp_path / "aside" / f"{name}-2"
    assert moving.aside.read_bytes() == BLOCKED_ROWS
    assert (tmp_path / "aside" / name).read_bytes() == b"other"
    assert not batch.exists()


def test_a_file_that_is_gone_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="the file to be moved aside is gone"):
        MoveAside(tmp_path / "none.csv", tmp_path / "aside").withhold()


def test_a_folder_that_cannot_be_made_is_refused(batch: Path, tmp_path: Path) -> None:
    (tmp_path / "aside").write_text("a file")

    with pytest.raises(RefusedError, match="the file cannot be moved aside"):
        MoveAside(batch, tmp_path / "aside").withhold()

    assert batch.exists()
