"""Deleting and looking in a real DuckDB file: exact rows, bound values, and errors that quote nothing."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lineage.deletion.facts import Place
from lineage.deletion.targets.duckdb import DuckDBExecutor, DuckDBVerifier, quoted
from proofs.errors import BusyError, MissingError, RefusedError, TallyError

SECRET = "7700123"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE households AS SELECT 7700000 + i AS id, 'name ' || i AS name FROM range(500) r(i)"
        )
        connection.execute("CREATE TABLE baskets AS SELECT 7700000 + i % 500 AS id, i AS basket FROM range(2000) r(i)")
        connection.execute("CREATE VIEW recent AS SELECT * FROM baskets WHERE basket > 100")
        connection.execute("CREATE TABLE emails (email VARCHAR)")
        connection.execute("INSERT INTO emails VALUES ('a@example.org'), ('b@example.org'), (NULL)")
        connection.execute("CREATE TABLE empty (id BIGINT)")
        connection.execute("CREATE TABLE scores (id DOUBLE, fixed DECIMAL(18, 3), flag BOOLEAN, u UUID)")
        connection.execute("INSERT INTO scores VALUES (7700123, 7700123, true, '0b9d0c5e-0000-4000-8000-000000000001')")
        connection.execute("INSERT INTO scores VALUES (7700124, 7700124, true, '0b9d0c5e-0000-4000-8000-000000000002')")
    return path


@pytest.fixture
def warehouse(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "warehouse.duckdb"))


def place(table: str, column: str = "id", *, schema: str | None = None) -> Place:
    names = (table,) if schema is None else (schema, table)
    return Place(store="warehouse", table=names, column=column, identity="household")


def ask(path: Path, sql: str) -> Any:
    with duckdb.connect(str(path)) as connection:
        return connection.execute(sql).fetchall()


def test_exactly_the_persons_rows_are_deleted(warehouse: Path) -> None:
    deleted = DuckDBExecutor(warehouse).delete(place("baskets"), [SECRET])

    assert (deleted.rows, deleted.method) == (4, "delete+checkpoint")
    assert ask(warehouse, "SELECT count(*), count(*) FILTER (id = 7700123) FROM baskets") == [(1_996, 0)]


def test_a_second_deletion_deletes_nothing(warehouse: Path) -> None:
    executor = DuckDBExecutor(warehouse)
    executor.delete(place("households"), [SECRET])

    assert executor.delete(place("households"), [SECRET]).rows == 0


def test_every_value_is_deleted(warehouse: Path) -> None:
    deleted = DuckDBExecutor(warehouse).delete(place("households", schema="main"), [SECRET, "7700124", "9"])

    assert deleted.rows == 2


def test_what_may_outlive_the_deletion_is_said(warehouse: Path) -> None:
    deleted = DuckDBExecutor(warehouse).delete(place("households"), [SECRET])

    assert [(left.where, left.reason) for left in deleted.residuals] == [
        ("duckdb:file", "freed-blocks-not-overwritten")
    ]


def test_the_write_ahead_log_is_emptied_while_others_have_the_file_open(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)):
        deleted = DuckDBExecutor(warehouse).delete(place("households"), [SECRET])

        wal = warehouse.with_name("warehouse.duckdb.wal")
        assert not wal.exists() or wal.stat().st_size == 0
    assert deleted.method == "delete+checkpoint"


def test_a_write_ahead_log_that_cannot_be_emptied_is_said(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as other:
        other.execute("BEGIN")
        other.execute("UPDATE baskets SET basket = 1 WHERE basket = 2")

        deleted = DuckDBExecutor(warehouse).delete(place("households"), [SECRET])

    assert (deleted.rows, deleted.method) == (1, "delete")
    assert [left.where for left in deleted.residuals] == ["duckdb:wal", "duckdb:file"]


def test_a_view_holds_no_rows_and_is_looked_through(warehouse: Path) -> None:
    verifier = DuckDBVerifier(warehouse)
    assert verifier.probe(place("recent"), [SECRET]).matched == 4

    assert DuckDBExecutor(warehouse).delete(place("recent"), [SECRET]).method == "view-holds-no-rows"
    DuckDBExecutor(warehouse).delete(place("baskets"), [SECRET])

    assert verifier.probe(place("recent"), [SECRET]).matched == 0


def test_a_probe_counts_and_finds_others_by_the_same_query(warehouse: Path) -> None:
    found = DuckDBVerifier(warehouse).probe(place("baskets"), [SECRET])

    assert (found.matched, found.level, len(found.others)) == (4, "L2", 100)
    assert SECRET not in found.others
    assert {7_700_000 <= int(other) < 7_700_500 for other in found.others} == {True}


@pytest.mark.parametrize("column", ["id", "fixed"])
def test_others_are_written_as_an_identity_is_however_they_are_stored(warehouse: Path, column: str) -> None:
    assert DuckDBVerifier(warehouse).probe(place("scores", column), [SECRET]).others == ("7700124",)


def test_others_are_only_what_the_same_query_finds(warehouse: Path) -> None:
    # 7700124.5 is nobody's identity: written as an integer it is not found again.
    ask(warehouse, "UPDATE scores SET fixed = 7700124.5 WHERE id = 7700124")

    assert DuckDBVerifier(warehouse).probe(place("scores", "fixed"), [SECRET]).others == ()


def test_others_stand_in_no_repr(warehouse: Path) -> None:
    assert "7700124" not in repr(DuckDBVerifier(warehouse).probe(place("scores"), [SECRET]))


@pytest.mark.parametrize(
    ("values", "knows"),
    [
        (["7700124"], True),
        (["9", "7700124"], True),
        (["x", "7700124.0", "7700124"], True),
        (["9"], False),
        (["x"], False),
        ([], False),
    ],
)
def test_a_place_knows_a_value_or_does_not(warehouse: Path, values: list[str], *, knows: bool) -> None:
    assert DuckDBVerifier(warehouse).knows(place("households"), values) is knows


def test_a_probe_changes_nothing(warehouse: Path) -> None:
    before = warehouse.read_bytes()

    DuckDBVerifier(warehouse).probe(place("baskets"), [SECRET])

    assert warehouse.read_bytes() == before


def test_an_empty_table_has_no_others(warehouse: Path) -> None:
    found = DuckDBVerifier(warehouse).probe(place("empty"), [SECRET])

    assert (found.matched, found.others) == (0, ())


def test_a_table_with_the_person_alone_has_no_others(warehouse: Path) -> None:
    ask(warehouse, "DELETE FROM households WHERE id <> 7700123")

    found = DuckDBVerifier(warehouse).probe(place("households"), [SECRET])

    assert (found.matched, found.others) == (1, ())


def test_a_null_is_nobody(warehouse: Path) -> None:
    ask(warehouse, "DELETE FROM emails WHERE email IS NOT NULL")

    assert DuckDBVerifier(warehouse).probe(place("emails", "email"), ["a@example.org"]).others == ()


def test_the_query_is_the_same_before_and_after_and_differs_between_places(warehouse: Path) -> None:
    verifier = DuckDBVerifier(warehouse)
    before = verifier.probe(place("baskets"), [SECRET]).query
    DuckDBExecutor(warehouse).delete(place("baskets"), [SECRET])

    assert verifier.probe(place("baskets"), ["7700124"]).query == before
    assert verifier.probe(place("households"), [SECRET]).query != before


@pytest.mark.parametrize("column", ["id", "fixed"])
def test_numbers_of_every_kind_are_matched_by_value(warehouse: Path, column: str) -> None:
    assert DuckDBVerifier(warehouse).probe(place("scores", column), [SECRET]).matched == 1
    assert DuckDBExecutor(warehouse).delete(place("scores", column), [SECRET]).rows == 1


def test_a_uuid_is_matched_in_either_case(warehouse: Path) -> None:
    value = "0B9D0C5E-0000-4000-8000-000000000001"

    assert DuckDBVerifier(warehouse).probe(place("scores", "u"), [value]).matched == 1
    assert DuckDBExecutor(warehouse).delete(place("scores", "u"), [value]).rows == 1


@pytest.mark.parametrize(
    "value", ["7700123.4", "7.700123e6", " 7700123", "07700123", "7700123 OR true", "", "x", "+7700123"]
)
def test_a_value_that_a_cast_would_bend_is_refused_and_deletes_nothing(warehouse: Path, value: str) -> None:
    for work in (DuckDBExecutor(warehouse).delete, DuckDBVerifier(warehouse).probe):
        with pytest.raises(
            RefusedError, match="an identity of type household cannot stand in its column, which is BIGINT"
        ):
            work(place("households"), [value])

    assert ask(warehouse, "SELECT count(*) FROM households") == [(500,)]


@pytest.mark.parametrize("value", ["a@example.org' OR true --", "%", "a@example.org\0", "A@EXAMPLE.ORG"])
def test_a_text_matches_itself_alone(warehouse: Path, value: str) -> None:
    assert DuckDBVerifier(warehouse).probe(place("emails", "email"), [value]).matched == 0
    assert DuckDBExecutor(warehouse).delete(place("emails", "email"), [value]).rows == 0
    assert ask(warehouse, "SELECT count(*) FROM emails") == [(3,)]


HOSTILE_NAMES = ['x"; DROP TABLE households; --', "x' OR '1'='1", "select", "a.b", "ünï cödé", "x" * 5_000]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_of_tables_and_columns_are_names(warehouse: Path, name: str) -> None:
    ask(warehouse, f"CREATE TABLE {quoted(name)} AS SELECT id AS {quoted(name)} FROM households")

    assert DuckDBVerifier(warehouse).probe(place(name, name), [SECRET]).matched == 1
    assert DuckDBExecutor(warehouse).delete(place(name, name), [SECRET]).rows == 1
    assert ask(warehouse, "SELECT count(*) FROM households") == [(500,)]


def test_a_name_with_nul_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"an identifier holds U\+0000"):
        quoted("a\0b")


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        (place("no_such_table"), MissingError, "there is no such table with such a column in the store"),
        (place("households", "no_such_column"), MissingError, "there is no such table with such a column in the store"),
        (place("households", schema="other"), MissingError, "there is no such table with such a column in the store"),
        (place("households", "name"), None, ""),
        (place("scores", "flag"), RefusedError, "key column has the type BOOLEAN, expected a number, VARCHAR or UUID"),
        (
            Place(store="warehouse", table=("a", "b", "c"), column="id", identity="household"),
            RefusedError,
            "table has 3 names, expected [schema and] table",
        ),
    ],
)
def test_a_place_that_is_none_is_named_as_such(
    warehouse: Path, where: Place, error: type[TallyError] | None, message: str
) -> None:
    for work in (DuckDBExecutor(warehouse).delete, DuckDBVerifier(warehouse).probe):
        if error is None:
            work(where, [SECRET])
            continue
        with pytest.raises(error) as caught:
            work(where, [SECRET])
        assert str(caught.value) == message


def test_no_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "none.duckdb"
    works: list[Callable[[Place, list[str]], object]] = [DuckDBExecutor(path).delete, DuckDBVerifier(path).probe]

    for work in works:
        with pytest.raises(MissingError, match="there is no database file where the store's path points"):
            work(place("households"), [SECRET])

    assert not path.exists()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.duckdb"
    path.write_text("not a database\n" * 1_000)

    with pytest.raises((BusyError, RefusedError), match="store warehouse"):
        DuckDBVerifier(path).probe(place("households"), [SECRET])


def test_a_file_that_somebody_else_writes_is_busy(warehouse: Path) -> None:
    with (
        duckdb.connect(str(warehouse)),
        pytest.raises(BusyError, match="store warehouse could not be opened or written"),
    ):
        DuckDBVerifier(warehouse).probe(place("households"), [SECRET])


def test_a_deletion_that_duckdb_forbids_deletes_nothing_and_tells_no_value(warehouse: Path) -> None:
    ask(warehouse, "CREATE TABLE parent (id BIGINT PRIMARY KEY)")
    ask(warehouse, "INSERT INTO parent VALUES (7700123), (7700124)")
    ask(warehouse, "CREATE TABLE child (id BIGINT REFERENCES parent (id))")
    ask(warehouse, "INSERT INTO child VALUES (7700123)")

    with pytest.raises(RefusedError) as caught:
        DuckDBExecutor(warehouse).delete(place("parent"), ["7700124", SECRET])

    assert str(caught.value) == "store warehouse refused with a ConstraintException"
    assert SECRET not in "".join(traceback.format_exception(caught.value, chain=True))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert ask(warehouse, "SELECT count(*) FROM parent") == [(2,)]


def test_the_two_components_bear_different_names(warehouse: Path) -> None:
    assert DuckDBExecutor(warehouse).component.name != DuckDBVerifier(warehouse).component.name
