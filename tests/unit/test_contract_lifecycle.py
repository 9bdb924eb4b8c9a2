"""From one version of a contract to the next, and to its end: what breaks for whom, which step it needs, what waits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from contracts import lifecycle
from contracts.diff import compare, needed_bump
from contracts.document import Document, parse
from contracts.draft import default_name, draft
from contracts.enforce import evaluate
from contracts.history import versions
from contracts.publish import publish
from contracts.source import CsvFile, ParquetFile
from ledger.clock import Clock
from proofs.errors import ConflictError, MissingError, RefusedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

BASE = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true, unique: true}
  - {name: amount, type: number, range: {min: 0, max: 10}, max_null: 0.1}
  - {name: state, type: string, enum: [open, paid], pattern: '[a-z]+'}
keys: [[id, state]]
row_count: {min: 10, max: 100}
checks:
  - {kind: freshness, max_age_seconds: 600}
  - {kind: mean, column: amount, bounds: {min: 1}}
  - {kind: sql, query: "SELECT 1 FROM {table}", bounds: {min: 1}}
change_policy: {notice_days: 30, deprecation_days: 90, channels: ["#data"]}
slos: [{name: fresh, indicator: freshness, target: {max: 900}, objective: 0.99}]
privacy: {subject_key: id, deletion_propagation: [features]}
"""

# What is replaced in the text by what; the path that changes; what that is to those who read, and to those who make the data.
CHANGES = [
    (
        "type: integer, required: true, unique: true",
        "type: number, required: true, unique: true",
        "/schema/id/type",
        "loosens",
    ),
    ("type: integer, required: true", "type: integer", "/schema/id/required", "loosens"),
    ("max_null: 0.1", "max_null: 0.2", "/schema/amount/required", "loosens"),
    ("max_null: 0.1", "required: true", "/schema/amount/required", "tightens"),
    (", unique: true", "", "/schema/id/unique", "loosens"),
    ("max: 10}", "max: 11}", "/schema/amount/range", "loosens"),
    ("max: 10}", "below: 10}", "/schema/amount/range", "tightens"),
    ("{min: 0, max: 10}", "{min: 1, max: 11}", "/schema/amount/range", "both"),
    ("range: {min: 0, max: 10}, ", "", "/schema/amount/range", "loosens"),
    ("[open, paid]", "[open, paid, void]", "/schema/state/enum", "loosens"),
    ("[open, paid]", "[open]", "/schema/state/enum", "tightens"),
    ("[open, paid]", "[open, void]", "/schema/state/enum", "both"),
    ("pattern: '[a-z]+'", "pattern: '[a-z]*'", "/schema/state/pattern", "undetermined"),
    ("keys: [[id, state]]\n", "", "/rules/key:id,state", "removed loosens"),
    ("keys: [[id, state]]", "keys: [[state, id]]", None, ""),
    ("{min: 10, max: 100}", "{min: 5, max: 100}", "/row_count/min", "loosens"),
    ("{min: 10, max: 100}", "{min: 10, max: 90}", "/row_count/max", "tightens"),
    ("max_age_seconds: 600", "max_age_seconds: 900", "/rules/freshness", "loosens"),
    ("max_age_seconds: 600", "max_age_seconds: 60", "/rules/freshness", "tightens"),
    ("column: amount, bounds: {min: 1}", "column: amount, bounds: {min: 0}", "/rules/mean:amount", "loosens"),
    ("SELECT 1", "SELECT 2", "/rules/sql", "undetermined"),
    ("max: 900", "max: 1800", "/slos/fresh/target", "loosens"),
    ("objective: 0.99", "objective: 0.999", "/slos/fresh/objective", "tightens"),
    ("[features]", "[features, scores]", "/privacy/deletion_propagation", "tightens"),
    ("[features]", "[]", "/privacy/deletion_propagation", "loosens"),
    ("name: orders}\n", "name: carts}\n", "/dataset", "both"),
    ("version: 1.0.0\n", "version: 1.0.0\nowner: shop\n", "/owner", "none"),
]
MIRROR = {"loosens": "tightens", "tightens": "loosens"}


def document(*changes: tuple[str, str], version: str = "1.0.0") -> Document:
    text = BASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return parse(text.replace("version: 1.0.0", f"version: {version}").encode())


@pytest.mark.parametrize(("old", "new", "path", "what"), CHANGES, ids=[f"{old} → {new}" for old, new, *_ in CHANGES])
def test_each_change_is_named_with_what_it_does(old: str, new: str, path: str | None, what: str) -> None:
    before, after = document().contract, document((old, new)).contract

    found = compare(before, after)
    back = compare(after, before)

    direction = what.rsplit(maxsplit=1)[-1] if what else ""
    assert [(each.path, each.direction.value) for each in found] == ([(path, direction)] if path else [])
    assert [each.direction.value for each in back] == ([MIRROR.get(direction, direction)] if path else [])
    assert [each.breaking for each in found] == ([direction not in ("tightens", "none")] if path else [])
    producer = compare(before, after, perspective="producer")
    assert [each.breaking for each in producer] == ([direction not in ("loosens", "none")] if path else [])


def test_a_contract_is_no_change_from_itself_and_a_field_that_goes_breaks_for_readers() -> None:
    whole = document().contract
    less = document(
        ("  - {name: state, type: string, enum: [open, paid], pattern: '[a-z]+'}\n", ""), ("keys: [[id, state]]\n", "")
    )

    assert compare(whole, whole) == ()
    found = {each.path: (each.kind, each.breaking) for each in compare(whole, less.contract)}
    assert found["/schema/state"] == ("removed", True)
    assert needed_bump(compare(whole, less.contract)).word == "major"
    assert needed_bump(compare(less.contract, whole)).word == "minor"
    assert (
        needed_bump(compare(whole, document(("version: 1.0.0\n", "version: 1.0.0\nowner: x\n")).contract)).word
        == "patch"
    )


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


def later(log: Ledger, days: int) -> Clock:
    return lambda: log.clock() + timedelta(days=days)


def test_a_step_is_as_large_as_what_it_breaks(log: Ledger) -> None:
    publish(log, document())
    wider = ("max: 10}", "max: 11}")

    with pytest.raises(
        RefusedError, match=r"too small a step from 1\.0\.0: /schema/amount/range is changed, which needs a major"
    ):
        publish(log, document(wider, version="1.1.0"))
    with pytest.raises(RefusedError, match="needs a minor one"):
        publish(log, document(("max: 10}", "max: 9}"), version="1.0.1"))
    publish(log, document(("max: 10}", "max: 9}"), version="1.1.0"))

    assert [each.version for each in versions(log, "orders")] == ["1.0.0", "1.1.0"]


def test_what_breaks_waits_until_its_notice_is_over(log: Ledger) -> None:
    publish(log, document())
    broken = document(("max: 10}", "max: 11}"), version="2.0.0")
    other = document(("max: 10}", "max: 12}"), version="2.0.0")

    with pytest.raises(RefusedError, match="which was not announced, and 30 days' notice is promised"):
        publish(log, broken, clock=later(log, 99))
    lifecycle.announce(log, broken)
    with pytest.raises(RefusedError, match="which was announced"):
        publish(log, broken, clock=later(log, 29))
    with pytest.raises(RefusedError, match="which was not announced"):  # another text than the one that was
        publish(log, other, clock=later(log, 31))
    publish(log, broken, clock=later(log, 31))

    with pytest.raises(ConflictError, match="is in force already"):
        lifecycle.announce(log, broken)


def test_a_version_is_deprecated_and_retired_when_it_promises(log: Ledger) -> None:
    publish(log, document())
    by = {"by": "data:1", "reason": "see 2.0.0"}

    with pytest.raises(RefusedError, match="is not deprecated"):
        lifecycle.retire(log, "orders", "1.0.0", **by, clock=later(log, 0))
    assert lifecycle.check_usable(log, document()) is None
    lifecycle.deprecate(log, "orders", "1.0.0", **by)
    assert lifecycle.check_usable(log, document()) == "version 1.0.0 of contract orders is deprecated"
    with pytest.raises(ConflictError, match="is deprecated already"):
        lifecycle.deprecate(log, "orders", "1.0.0", **by)
    with pytest.raises(RefusedError, match="promises to live on for 90 days"):
        lifecycle.retire(log, "orders", "1.0.0", **by, clock=later(log, 89))
    lifecycle.retire(log, "orders", "1.0.0", **by, clock=later(log, 91))
    with pytest.raises(RefusedError, match=r"version 1\.0\.0 of contract orders is retired"):
        lifecycle.check_usable(log, document())

    with pytest.raises(MissingError, match="is not in force"):
        lifecycle.deprecate(log, "orders", "7.0.0", **by)
    publish(log, document(("max: 10}", "max: 9}"), version="1.1.0"))
    with pytest.raises(RefusedError, match="by is not acceptable"):
        lifecycle.deprecate(log, "orders", "1.1.0", by="Ada Lovelace", reason="x")


def test_a_draft_is_a_contract_that_its_data_keeps(tmp_path: Path) -> None:
    odd = 'a "quoted"\nname: {x: 1}'
    path = tmp_path / "o'rders.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT range AS id, range * 1.5 AS amount, CASE WHEN range % 2 = 0 THEN 'open' ELSE '{odd}' END AS state,"
            " CAST(NULL AS DATE) AS day, DATE '2026-01-01' AS known, [range] AS list FROM range(40))"
            f" TO '{str(path).replace(chr(39), chr(39) * 2)}'"
        )

    drafted = parse(draft(ParquetFile(path), name="orders", namespace="shop", dataset="orders").encode())
    found = evaluate(drafted, ParquetFile(path))

    fields = {field.name: field for field in drafted.contract.fields}
    assert {name: field.type for name, field in fields.items()} == {
        "id": "integer",
        "amount": "number",
        "state": "string",
        "day": "date",
        "known": "date",
        "list": "any",
    }
    assert (fields["id"].unique, fields["known"].unique, fields["day"].required) == (True, False, False)
    assert set(fields["state"].enum or ()) == {"open", odd}
    assert found.verdict.decision.value == "ALLOW"


def test_a_draft_guesses_the_types_of_a_csv_and_takes_no_postal_code_for_a_number(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,zip,day,amount,flag,empty\n1,01234,2026-01-01,1.5,true,\n2,12345,2026-01-02,2,false,\n")

    drafted = parse(draft(CsvFile(path), name="c", namespace="n", dataset="c").encode())

    assert [field.type for field in drafted.contract.fields] == [
        "integer",
        "string",
        "date",
        "number",
        "boolean",
        "string",
    ]
    assert evaluate(drafted, CsvFile(path)).verdict.decision.value == "ALLOW"


@pytest.mark.parametrize(
    ("file", "name"), [("a b.csv", "a-b"), ("..x.parquet", "x"), ("ключ.csv", "contract"), ("x_1.csv", "x_1")]
)
def test_a_file_suggests_a_name(file: str, name: str) -> None:
    assert default_name(Path(file)) == name
