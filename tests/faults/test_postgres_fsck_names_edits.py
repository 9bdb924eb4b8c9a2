"""A PostgreSQL database edited in what other drivers have not: head row, notes for the census, door, guards and functions.

Edits of the rows, which every driver has, are in tests/conformance/test_fsck_names_every_edit.py.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.stores.postgres import PostgresStore
from proofs.errors import ConflictError, MalformedError, TamperedError

if TYPE_CHECKING:
    from tests.editor import PostgresCopy

TEST, NEIGHBOUR = "ledger.example/test", "ledger.example/neighbour"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param(
            ["DELETE FROM uncounted WHERE log = 2 AND name = 'source:urn:slo'"],
            {("file", "stream source:urn:slo")},
            id="the note by which a census finds it",
        ),
        pytest.param(
            ["INSERT INTO uncounted VALUES (2, 'source:urn:crm')"],
            {("file", "stream source:urn:crm")},
            id="a note of what did not change",
        ),
        pytest.param(
            ["UPDATE head SET size = size - 1 WHERE log = 2"], {("file", "table head")}, id="the head row moved back"
        ),
        pytest.param(["DELETE FROM head WHERE log = 2"], {("file", "table head")}, id="no head row"),
        pytest.param(
            ["INSERT INTO forgetting VALUES (2)"], {("file", "table forgetting")}, id="the door to deletion held open"
        ),
        pytest.param(
            [
                "UPDATE log SET origin = 'ledger.example/x' WHERE log = 2",
                "UPDATE log SET origin = 'ledger.example/test' WHERE log = 1",
            ],
            {("source", "entry 0"), ("keys", "entry 0"), ("fork", "head")},
            id="another log under this name",
        ),
    ],
)
def test_what_was_edited_is_named(
    postgres_copy: PostgresCopy, statements: list[str], expected: set[tuple[str, str]]
) -> None:
    with postgres_copy.lifted() as db:
        for statement in statements:
            db.execute(statement)

    assert expected <= postgres_copy.places()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("ALTER TABLE entry DISABLE TRIGGER entry_frozen", "trigger entry_frozen"),
        ("ALTER TABLE entry DISABLE TRIGGER ALL", "trigger entry_in_order"),
        ("DROP TRIGGER part_kept ON part", "trigger part_kept"),
        ("ALTER TRIGGER body_kept ON body RENAME TO body_keep", "trigger body_kept"),
        (
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "function refuse",
        ),
        ("CREATE FUNCTION lock_log(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'", "function lock_log"),
        ("ALTER FUNCTION forget(integer, bytea[], bigint[]) SECURITY INVOKER", "function forget"),
        ("ALTER FUNCTION forget(integer, bytea[], bigint[]) SET search_path = public", "function forget"),
        ("CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'", "function late"),
        ("CREATE TRIGGER late AFTER INSERT ON entry EXECUTE FUNCTION refuse()", "trigger late"),
        ("CREATE TRIGGER entry_frozen BEFORE INSERT ON retry EXECUTE FUNCTION refuse()", "trigger entry_frozen"),
        ("CREATE RULE late AS ON INSERT TO retry DO INSTEAD NOTHING", "table retry"),
        ("ALTER TABLE entry ADD COLUMN note text", "table entry"),
        ("ALTER TABLE entry ENABLE ROW LEVEL SECURITY", "table entry"),
        ("CREATE TABLE more () INHERITS (entry)", "table more"),
        ("CREATE VIEW late AS SELECT 1", "relation late"),
        ("ALTER TABLE entry DROP CONSTRAINT entry_pkey", "index entry_pkey"),
        ("DROP INDEX stream_hash", "index stream_hash"),
        ("CREATE INDEX more ON entry (header)", "index more"),
        ("ALTER TABLE part ADD CONSTRAINT late CHECK (seq > 400) NOT VALID", "constraint late"),
        ("ALTER TABLE retry SET UNLOGGED", "table retry"),
        ("DROP TABLE retry", "table retry"),
    ],
)
def test_I5_a_guard_a_table_or_a_function_that_was_changed_is_named(
    postgres_copy: PostgresCopy, statement: str, expected: str
) -> None:
    with postgres_copy.session() as conn:
        conn.execute(statement.encode())

    assert ("file", expected) in postgres_copy.places()


def test_a_log_whose_tail_was_cut_is_not_written_to(postgres_copy: PostgresCopy) -> None:
    with postgres_copy.lifted() as db:
        db.delete("entry", "seq = 617")

    with (
        closing(PostgresStore(postgres_copy.url, origin=TEST)) as store,
        pytest.raises(TamperedError, match="the head row says 618 entries, and 617 are stored"),
        store.writing(),
    ):
        pass


def test_a_log_without_the_guards_is_read_and_the_other_log_too(postgres_copy: PostgresCopy) -> None:
    with postgres_copy.lifted() as db:
        db.execute("UPDATE entry SET header = '' WHERE log = 2")

    with closing(PostgresStore(postgres_copy.url, origin=NEIGHBOUR, read_only=True)) as store:
        assert fsck(store).findings == ()
        assert Ledger(store).size == 5


def test_a_store_without_its_tables_raises_one_sentence(postgres_copy: PostgresCopy) -> None:
    with closing(PostgresStore(postgres_copy.url, origin=TEST)) as store:
        with postgres_copy.session() as conn:
            conn.execute("DROP TABLE entry, retry CASCADE")

        with pytest.raises(MalformedError, match=r'relation "tallystick.entry" does not exist'):
            store.headers(0, 1)
        with pytest.raises(MalformedError, match=r'relation "tallystick.entry" does not exist'), store.writing():
            pass
    with pytest.raises((MalformedError, ConflictError)):
        PostgresStore.create(postgres_copy.url, origin=TEST)
