"""Rows that break a contract are kept apart, all of them, each with the rules that it breaks, and stay until somebody decides."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import publish
from contracts.document import Document, parse
from contracts.enforce import carry_out, evaluate
from contracts.history import ContractHistory
from contracts.measure import measure
from contracts.quarantine import store
from contracts.quarantine.keeping import KeepApart
from contracts.quarantine.split import split
from contracts.quarantine.store import Kept
from contracts.record import Context
from contracts.source import CsvFile, ParquetFile, Source
from contracts.sources.jsonlines import JsonLines
from proofs.errors import ConflictError, MalformedError, MissingError, RefusedError, TamperedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

CONTRACT = b"""name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true, unique: true, severity: warning}
  - {name: amount, type: number, range: {min: 0}, severity: warning}
  - {name: state, type: string, enum: [open, paid]}
checks:
  - {kind: expression, expression: "amount < 1000 or state = 'paid'"}
handling: {quality: quarantine, schema: quarantine}
quarantine: {retention_days: 2}
"""
ROWS = "id,amount,state\n1,5,open\n1,-3,gone\nx,2,open\n,7,paid\n5,2000,open\n6,3000,paid\n"
BAD = [
    ("1", "-3", "gone", ["unique:id", "range:amount", "enum:state"]),
    ("x", "2", "open", ["type:id"]),
    (None, "7", "paid", ["required:id"]),
    ("5", "2000", "open", ["expression"]),
]
GOOD = [("1", "5", "open"), ("6", "3000", "paid")]


def read(path: Path) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute("FROM read_parquet($1)", [str(path)]).fetchall()


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


def kept(log: Ledger, folder: Path, rows: str = ROWS, document: Document | None = None) -> Kept:
    """Check a batch that is to be quarantined, and return the quarantine."""
    (folder / "orders.csv").write_text(rows)
    document, source = document or parse(CONTRACT), CsvFile(folder / "orders.csv")
    publish.publish(log, document, Context(source="urn:shop"))
    evaluated = evaluate(document, source)
    keeper = KeepApart(evaluated, source, folder / "q")
    outcome = carry_out(log, evaluated, context=Context(source="urn:shop"), enforcement=keeper)
    assert keeper.made is not None
    store.record_opened(log, evaluated, outcome.decided, keeper.made, Context(source="urn:shop"))
    return store.find(log, keeper.made[0])


def test_every_bad_row_is_kept_with_all_rules_that_it_breaks_and_every_good_one_beside(
    log: Ledger, tmp_path: Path
) -> None:
    found = kept(log, tmp_path)

    place = tmp_path / "q" / found.id
    assert read(place / "bad.parquet") == BAD
    assert read(place / "good.parquet") == GOOD
    assert {path.stat().st_mode & 0o777 for path in (place, *place.iterdir())} == {0o700, 0o600}
    assert (found.opened.rows, found.opened.good_rows, found.opened.whole) == (4, 2, False)
    assert {each.rule: each.rows for each in found.opened.rules} == {
        "type:id": 1,
        "required:id": 1,
        "unique:id": 1,
        "range:amount": 1,
        "enum:state": 1,
        "expression": 1,
    }
    with log.viewing(ContractHistory()) as db:
        actions = db.execute("SELECT decision, action, result FROM contracts_decision").fetchall()
    assert actions == [("QUARANTINE", "quarantined", "done")]


def test_no_value_of_the_data_is_in_the_log(log: Ledger, tmp_path: Path) -> None:
    kept(log, tmp_path, ROWS.replace("gone", "S3CRETVALUE"))

    assert not any(b"S3CRETVALUE" in (record.body or b"") for record in log.read())


@pytest.mark.parametrize(
    "check", ["{kind: mean, column: amount, bounds: {max: 1}}", "{kind: sql, rows_that_break: 'amount < 0'}"]
)
def test_where_a_rule_of_the_table_is_broken_no_row_is_called_good(log: Ledger, tmp_path: Path, check: str) -> None:
    document = parse(CONTRACT.replace(b"checks:\n", f"checks:\n  - {check}\n".encode()))

    found = kept(log, tmp_path, document=document)

    assert (found.opened.rows, found.opened.good_rows, found.opened.whole) == (6, 0, True)
    assert [row[-1] for row in read(tmp_path / "q" / found.id / "bad.parquet")][1:] == [rules for *_, rules in BAD] + [
        []
    ]


def test_rows_of_other_sources_are_parted_alike(tmp_path: Path) -> None:
    document = parse(CONTRACT)
    rows = "(1, 5.0, 'open'), (1, -3.0, 'gone'), (NULL, 7.0, 'paid'), (5, 2000.0, 'open'), (6, 3000.0, 'paid')"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM (VALUES {rows}) t(id, amount, state)) TO '{tmp_path}/o.parquet'")
        connection.execute(f"COPY (FROM (VALUES {rows}) t(id, amount, state)) TO '{tmp_path}/o.json'")
    (tmp_path / "o.json").rename(tmp_path / "o.jsonl")
    sources: list[Source] = [ParquetFile(tmp_path / "o.parquet"), JsonLines(tmp_path / "o.jsonl")]

    parted = [
        split(document.contract, source, measure(document.contract, source), tmp_path / f"b{n}.parquet")
        for n, source in enumerate(sources)
    ]

    assert [(each.bad_rows, each.good_rows, each.is_whole) for each in parted] == [(3, 2, False)] * 2
    assert [[row[-1] for row in read(tmp_path / f"b{n}.parquet")] for n in range(2)] == [
        [["unique:id", "range:amount", "enum:state"], ["required:id"], ["expression"]]
    ] * 2


def test_columns_may_be_called_what_they_like(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text('id,"a ""b"";--",TALLY_RULES,tally_row,\n1,x,y,z,\n1,x,y,z,\n')
    document = parse(
        b"name: o\nversion: 1.0.0\ndataset: {namespace: n, name: o}\nschema: [{name: id, type: integer, unique: true}]\n"
    )

    found = split(document.contract, CsvFile(path), measure(document.contract, CsvFile(path)), tmp_path / "bad.parquet")

    assert (found.bad_rows, found.good_rows) == (1, 1)
    assert read(tmp_path / "bad.parquet") == [("1", "x", "y", "z", None, ["unique:id"])]


def test_a_batch_that_changed_since_it_was_measured_is_not_parted(tmp_path: Path) -> None:
    path, document = tmp_path / "o.csv", parse(CONTRACT)
    path.write_text(ROWS)
    measured = measure(document.contract, CsvFile(path))
    path.write_text(ROWS + "7,1,open\n")

    with pytest.raises(MalformedError, match="the batch has 7 rows, and 6 were measured"):
        split(document.contract, CsvFile(path), measured, tmp_path / "bad.parquet")
    assert not (tmp_path / "bad.parquet").exists()


def test_the_rows_are_held_to_a_contract_again_and_those_that_keep_it_are_written_out(
    log: Ledger, tmp_path: Path
) -> None:
    found = kept(log, tmp_path)
    mild = parse(CONTRACT.replace(b"min: 0", b"min: -5").replace(b"open, paid", b"open, paid, gone"))

    _, released, path = store.replay(log, found, tmp_path / "q", mild)
    again = store.replay(log, store.find(log, found.id), tmp_path / "q", parse(CONTRACT))

    assert released == 1
    assert path is not None
    assert [row[:3] for row in read(path)] == [("1", "-3", "gone")]
    assert again[1:] == (0, None)
    assert (store.find(log, found.id).state, store.find(log, found.id).replays) == ("replayed", 2)
    assert sorted(each.name for each in path.parent.iterdir()) == ["bad.parquet", "good.parquet", "released-1.parquet"]


def test_a_replay_that_died_before_its_event_stops_no_other(log: Ledger, tmp_path: Path) -> None:
    found = kept(log, tmp_path)
    for name in ("released-1.parquet", "left-1.parquet"):
        (tmp_path / "q" / found.id / name).write_bytes(b"half a file")

    _, released, path = store.replay(log, found, tmp_path / "q", parse(CONTRACT.replace(b"min: 0", b"min: -5")))

    assert (released, path) == (0, None)
    assert sorted(each.name for each in (tmp_path / "q" / found.id).iterdir()) == ["bad.parquet", "good.parquet"]


def test_a_quarantine_is_looked_at_and_deleted_once(log: Ledger, tmp_path: Path) -> None:
    found = kept(log, tmp_path)
    by: dict[str, Any] = {"by": "data:1", "reason": "wrong unit"}

    store.review(log, found, verdict="reject", **by)
    reviewed = store.find(log, found.id)
    store.delete(log, reviewed, tmp_path / "q", **by)
    gone = store.find(log, found.id)

    assert (reviewed.state, reviewed.verdict) == ("reviewed", "reject")
    assert (gone.state, gone.is_gone, (tmp_path / "q" / found.id).exists()) == ("deleted", True, False)
    for again in (
        lambda: store.review(log, gone, verdict="keep", **by),
        lambda: store.delete(log, gone, tmp_path / "q", **by),
        lambda: store.replay(log, gone, tmp_path / "q", parse(CONTRACT)),
    ):
        with pytest.raises(ConflictError, match="were deleted already"):
            again()
    with pytest.raises(MissingError, match="were deleted"):
        store.bad_rows(gone, tmp_path / "q")


@pytest.mark.parametrize("words", [{"by": "Ada Lovelace", "reason": "x"}, {"by": "a:1", "reason": "a\x1b[2Jb"}])
def test_a_word_that_no_entry_may_hold_deletes_nothing(log: Ledger, tmp_path: Path, words: dict[str, str]) -> None:
    found = kept(log, tmp_path)

    with pytest.raises(RefusedError, match="is not acceptable"):
        store.delete(log, found, tmp_path / "q", **words)

    assert store.bad_rows(found, tmp_path / "q").exists()


def test_what_is_over_is_deleted_and_what_is_not_stays(log: Ledger, tmp_path: Path) -> None:
    found = kept(log, tmp_path)

    early = list(store.expire(log, tmp_path / "q", log.clock() + timedelta(days=1)))
    late = list(store.expire(log, tmp_path / "q", log.clock() + timedelta(days=3)))
    again = list(store.expire(log, tmp_path / "q", log.clock() + timedelta(days=3)))

    assert ([], [found.id], []) == (early, [each.id for each in late], again)
    assert store.find(log, found.id).state == "expired"


def test_a_file_that_is_not_what_was_kept_is_told(log: Ledger, tmp_path: Path) -> None:
    found = kept(log, tmp_path)
    path = tmp_path / "q" / found.id / "bad.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"X")

    with pytest.raises(TamperedError, match="is not what was kept apart"):
        store.bad_rows(found, tmp_path / "q")


def test_an_id_leads_nowhere_else(log: Ledger, tmp_path: Path) -> None:
    found = dataclasses.replace(kept(log, tmp_path), id="../../etc")

    with pytest.raises(RefusedError, match="is no id of a quarantine"):
        store.delete(log, found, tmp_path / "q", by="a:1", reason="x")


values = st.lists(
    st.tuples(st.integers(0, 4), st.integers(-3, 3), st.sampled_from(["open", "paid", "gone"])), max_size=12
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values)
def test_the_bad_rows_are_those_that_a_slow_loop_finds(tmp_path: Path, rows: list[tuple[int, int, str]]) -> None:
    for name in ("rows.csv", "bad.parquet", "good.parquet"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "rows.csv").write_text("id,amount,state\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    document, source = parse(CONTRACT), CsvFile(tmp_path / "rows.csv")

    measured = measure(document.contract, source)
    found = split(document.contract, source, measured, tmp_path / "bad.parquet", tmp_path / "good.parquet")

    seen: set[int] = set()
    bad: list[Any] = []
    good: list[Any] = []
    for id, amount, state in rows:
        rules = ["unique:id"] * (id in seen) + ["range:amount"] * (amount < 0) + ["enum:state"] * (state == "gone")
        seen.add(id)
        (bad if rules else good).append((str(id), str(amount), state, *([rules] if rules else [])))
    if rows:
        assert (read(tmp_path / "bad.parquet"), read(tmp_path / "good.parquet")) == (bad, good)
    assert (found.bad_rows, found.good_rows) == (len(bad), len(good))
