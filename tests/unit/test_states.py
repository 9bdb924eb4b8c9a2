"""Which files are read again, and which are not: by their bytes, the question and the engine, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.scan.beside import Given
from contracts.sources.files import folder_source
from contracts.sources.named import found
from contracts.states import scan
from contracts.states.store import States
from proofs.errors import MalformedError, RefusedError

Read = list[list[int]]


def contract(*checks: dict[str, Any], name: str = "c") -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    fields = [
        {"name": "id", "type": "integer", "unique": True},
        {"name": "day", "type": "integer", "range": {"min": 0}},
    ]
    return Contract.model_validate(
        {"name": name, "version": "1.0.0", "dataset": dataset, "schema": fields, "checks": list(checks)}
    )


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """The files that each reading counted; nothing is written down where all states were known."""
    readings: Read = []
    count = scan._count

    def counted(question: Any, parted: Any, batch: Any, numbers: Sequence[int]) -> Any:
        readings.append(list(numbers))
        return count(question, parted, batch, numbers)

    monkeypatch.setattr(scan, "_count", counted)
    return readings


@pytest.fixture(params=["parquet", "csv"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write(folder: Path, day: int, form: str, ids: str = "range({day} * 100, {day} * 100 + 100)") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"day-{day}.{form}"
    options = "FORMAT parquet" if form == "parquet" else "FORMAT csv, HEADER"
    rows = f"SELECT unnest({ids.format(day=day)}) AS id, {day} AS day"
    duckdb.connect().execute(f"COPY ({rows}) TO '{path}' ({options})")
    return path


def kept(tmp_path: Path, *checks: dict[str, Any], name: str = "c") -> Measurement:
    given = Given(states=States(tmp_path / "states"))
    return measure(contract(*checks, name=name), folder_source(tmp_path / "in"), given=given)


def failed(measurement: Measurement) -> dict[str, int]:
    return {metric.rule.id: metric.failed for metric in measurement.metrics if not metric.passed}


def test_only_new_and_changed_files_are_read(tmp_path: Path, form: str, read: Read) -> None:
    for day in range(3):
        write(tmp_path / "in", day, form)
    first = kept(tmp_path)
    again = kept(tmp_path)
    write(tmp_path / "in", 3, form)
    grown = kept(tmp_path)
    write(tmp_path / "in", 1, form, ids="[-1, -1]")
    changed = kept(tmp_path)

    assert read == [[0, 1, 2], [3], [1]]
    assert (first.rows, again, grown.rows, changed.rows) == (300, again, 400, 302)
    assert (failed(grown), failed(changed)) == ({}, {"unique:id": 1})
    assert first.metrics == again.metrics


def test_what_stands_in_two_files_is_found_without_reading_the_others(tmp_path: Path, form: str, read: Read) -> None:
    for day in range(3):
        write(tmp_path / "in", day, form)
    kept(tmp_path)
    write(tmp_path / "in", 3, form, ids="[5, 5, 999]")

    measurement = kept(tmp_path, {"kind": "distinct_values", "columns": ["day"], "bounds": {"max": 3}})

    # Of three fives two are too many, in two files; the day of every file is another one.
    assert failed(measurement) == {"unique:id": 2, "distinct_values:day": 1}


def test_another_question_is_asked_of_all_files(tmp_path: Path, read: Read) -> None:
    write(tmp_path / "in", 0, "parquet")
    write(tmp_path / "in", 1, "parquet")

    kept(tmp_path)
    kept(tmp_path, {"kind": "sum", "column": "id", "bounds": {"max": 1}})
    kept(tmp_path, {"kind": "sum", "column": "id", "bounds": {"max": 2}})
    kept(tmp_path, name="other")

    assert read == [[0, 1], [0, 1], [0, 1]]  # a bound is held to the sum afterwards, and is no other question


def test_a_damaged_state_is_noticed_and_its_file_read_anew(tmp_path: Path, read: Read) -> None:
    write(tmp_path / "in", 0, "parquet")
    write(tmp_path / "in", 1, "parquet")
    whole = kept(tmp_path)
    states = sorted(path for path in (tmp_path / "states").rglob("*") if path.is_file())

    for path in states:
        data = path.read_bytes()
        for damage in (b"", data[:-1], data + b" ", bytes([data[0] ^ 1]) + data[1:], data[:-1] + bytes([data[-1] ^ 1])):
            path.write_bytes(damage)
            assert kept(tmp_path).metrics == whole.metrics
    # Of each file a state and its hashes; and what is known of all is compared anew, of which no file is read.
    assert [len(numbers) for numbers in read] == [2, *[1] * (5 * 4)]
    assert [path.name for path in states if path.name == "apart.json"] == ["apart.json"]
    assert len(states) == 5


def test_states_are_for_their_owner_alone_and_end_with_their_files(tmp_path: Path) -> None:
    write(tmp_path / "in", 0, "parquet")
    gone = write(tmp_path / "in", 1, "parquet")
    kept(tmp_path)
    gone.unlink()
    kept(tmp_path)

    [folder] = (tmp_path / "states").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert sorted(path.name.partition(".")[2] for path in folder.iterdir()) == ["0.parquet", "json", "json"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_a_file_that_the_engine_would_read_otherwise_is_refused_with_states_too(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("id,day\n1,1\n\n2,1\n")

    for _ in range(2):
        with pytest.raises(MalformedError, match="blank line"):
            kept(tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    write(tmp_path / "in", 0, "parquet")
    (tmp_path / "states").write_text("a file")

    with pytest.raises(RefusedError, match="folder of states"):
        kept(tmp_path)


def test_files_of_a_table_are_known_again_in_its_next_version(tmp_path: Path, read: Read) -> None:
    place, given = tmp_path / "orders", Given(states=States(tmp_path / "states"))
    write_deltalake(place, pa.table({"id": [1, 2], "day": [1, 1]}), partition_by=["day"])
    with found(f"delta:{place}") as source:
        measure(contract(), source, given=given)
    write_deltalake(place, pa.table({"id": [2, 3], "day": [2, -1]}), mode="append")
    with found(f"delta:{place}") as source:
        grown, full = measure(contract(), source, given=given), measure(contract(), source)

    assert [len(numbers) for numbers in read] == [1, 2]
    assert failed(grown) == {"unique:id": 1, "range:day": 1}
    assert grown.metrics == full.metrics


def test_types_that_differ_from_file_to_file_are_counted_as_one(tmp_path: Path, read: Read) -> None:
    (tmp_path / "in").mkdir()
    for number, query in enumerate(
        ("SELECT 1::INTEGER AS id, 1 AS day", "SELECT 1::BIGINT AS id, 1 AS day, 2 AS more")
    ):
        duckdb.connect().execute(f"COPY ({query}) TO '{tmp_path / 'in' / f'{number}.parquet'}' (FORMAT parquet)")

    assert failed(kept(tmp_path)) == {"unique:id": 1, "extra_columns": 1}
    assert failed(kept(tmp_path)) == {"unique:id": 1, "extra_columns": 1}
    assert read == [[0, 1]]


def test_counts_of_a_file_that_changed_while_it_was_counted_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("id,amount\n1,10\n")
    (folder / "b.csv").write_text("id,amount\n1,-9\n")
    asked = Contract.model_validate(
        {
            "name": "o",
            "version": "1.0.0",
            "dataset": {"namespace": "n", "name": "d"},
            "schema": [
                {"name": "id", "type": "integer"},
                {"name": "amount", "type": "number", "range": {"min": 0}},
            ],
        }
    )
    given = Given(states=States(tmp_path / "states"))
    count = scan._count

    def racing(*arguments: Any) -> Any:
        (folder / "b.csv").write_text("id,amount\n1,90\n")
        return count(*arguments)

    with monkeypatch.context() as raced:
        raced.setattr(scan, "_count", racing)
        with pytest.raises(RefusedError, match="changed while it was measured"):
            measure(asked, folder_source(folder), given=given)
    (folder / "b.csv").write_text("id,amount\n1,-9\n")

    found = measure(asked, folder_source(folder), given=given)

    assert {metric.rule.id: metric.failed for metric in found.metrics if not metric.passed} == {"range:amount": 1}
