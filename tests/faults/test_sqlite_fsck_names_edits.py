"""A SQLite file edited in what other drivers have not: its door, its schema, its triggers, its pages.

Edits of the rows, which every driver has, are in tests/conformance/test_fsck_names_every_edit.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from proofs.errors import MalformedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.editor import SqliteCopy


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(
            "INSERT INTO forgetting VALUES (1)", {("file", "table forgetting")}, id="the door to deletion held open"
        ),
        pytest.param("DROP INDEX part_commitment", {("file", "index part_commitment")}, id="an index dropped"),
        pytest.param("DROP TABLE retry", {("file", "table retry"), ("damaged", "identities")}, id="a table dropped"),
        pytest.param(
            "CREATE TRIGGER late AFTER INSERT ON entry BEGIN DELETE FROM retry; END",
            {("file", "trigger late")},
            id="a trigger more",
        ),
        pytest.param(
            "CREATE INDEX more ON entry (header)",
            {("file", "index more")},
            id="an index more on a table of the ledger",
        ),
        pytest.param(
            "UPDATE meta SET value = 'ledger.example/other' WHERE name = 'origin'",
            {("source", "entry 0"), ("keys", "entry 0"), ("checkpoint", "checkpoint 301"), ("head", "head")},
            id="another origin",
        ),
    ],
)
def test_what_was_edited_is_named(sqlite_copy: SqliteCopy, statement: str, expected: set[tuple[str, str]]) -> None:
    with sqlite_copy.lifted() as db:
        db.execute(statement)

    assert expected <= sqlite_copy.places()


@contextmanager
def guarded(copy: SqliteCopy) -> Iterator[sqlite3.Connection]:
    """A plain connection, in which every trigger stands."""
    with closing(sqlite3.connect(copy.path, isolation_level=None)) as db:
        yield db


@pytest.mark.parametrize(
    "trigger",
    [
        "entry_in_order",
        "entry_no_update",
        "entry_no_delete",
        "body_once",
        "part_once",
        "tile_once",
        "checkpoint_no_delete",
    ],
)
def test_a_dropped_trigger_is_named(sqlite_copy: SqliteCopy, trigger: str) -> None:
    with guarded(sqlite_copy) as db:
        db.execute(f"DROP TRIGGER {trigger}")

    assert sqlite_copy.places() == {("file", f"trigger {trigger}")}


def test_a_trigger_that_was_weakened_is_named(sqlite_copy: SqliteCopy) -> None:
    with guarded(sqlite_copy) as db:
        db.execute("DROP TRIGGER entry_no_delete")
        db.execute("CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry WHEN OLD.seq < 0 BEGIN SELECT 1; END")

    assert sqlite_copy.places() == {("file", "trigger entry_no_delete")}


@pytest.fixture
def whole(sound_file: Ledgers) -> bytes:
    return sound_file.path().read_bytes()


def holding(data: bytes, editor: ModuleType, sound: Ledgers, folder: Path) -> SqliteCopy:
    """A copy whose file holds `data` instead."""
    folder.mkdir()
    copy: SqliteCopy = editor.SqliteCopy(sound, folder)
    copy.path.write_bytes(data)
    return copy


def test_a_file_with_a_damaged_page_is_a_finding_or_no_ledger_but_never_an_accident(
    sound_file: Ledgers, editor: ModuleType, whole: bytes, tmp_path: Path
) -> None:
    named = refused = 0
    for number, at in enumerate(range(100, len(whole), len(whole) // 60)):
        damaged = whole[:at] + bytes(64) + whole[at + 64 :]
        try:
            report = holding(damaged, editor, sound_file, tmp_path / str(number)).check()
        except MalformedError:
            refused += 1
            continue
        named += not report.ok

    assert named + refused > 40  # the rest fell into free space


def test_a_file_that_ends_early_is_a_finding_or_no_ledger(
    sound_file: Ledgers, editor: ModuleType, whole: bytes, tmp_path: Path
) -> None:
    for keep in (len(whole) // 4096 // 2 * 4096, len(whole) - 4096, len(whole) - 1):
        try:
            assert not holding(whole[:keep], editor, sound_file, tmp_path / str(keep)).check().ok
        except MalformedError:
            continue
