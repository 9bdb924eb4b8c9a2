"""A PostgreSQL ledger edited by a superuser: whatever is changed, fsck says what and where.

Each case takes a whole copy of one sound database, lifts the guards as a superuser can, and changes something.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from ledger.event import Event
from ledger.fsck import Report, fsck
from ledger.log import Ledger
from ledger.projection import StreamIndex
from ledger.rotation import rotate
from ledger.stores.postgres import PostgresStore
from ledger.tree import Frontier
from proofs.errors import ConflictError, MalformedError, TamperedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.pgserver import Server

MEASURED = "tallystick.slo.measured.v1"
SIZE = 618
Conn = psycopg.Connection[Any]
Edit = Callable[[Conn], object]


@pytest.fixture(scope="module")
def sound(
    postgres: Server, pgserver: ModuleType, ledgers_in: type[Ledgers], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ledgers]:
    """A ledger with something in every table, beside another log in the same database."""
    name = postgres.database(template=pgserver.TEMPLATE)
    ledgers = ledgers_in(tmp_path_factory.mktemp("sound"), database=postgres.url(name))
    ledgers.create(origin="ledger.example/neighbour").append([measured(n) for n in range(2, 5)])
    log = ledgers.create()  # entries 0, 1
    log.append([measured(n) for n in range(2, 300)])
    log.take_census()  # 300
    log.checkpoint()
    log.append(Event.of("com.example.household.v1", "urn:crm", {"who": "Ada"}, id="p", parts=("/who",)))  # 301
    log.append(Event.of("com.example.nameless.v1", "urn:crm", {"n": 1}))  # 302: without an id
    datasets = [{"namespace": "w", "name": f"table {n}"} for n in range(200)]
    log.append(Event.of(MEASURED, "urn:slo", {"datasets": datasets}, id="wide"))  # 303, continued by 304
    rotate(log, "log")  # 305, 306
    log.append([measured(n) for n in range(307, 612)])
    log.append(Event.of("com.example.household.v1", "urn:crm", {"who": "Eve"}, id="q", parts=("/who",)))  # 612
    log.take_census()  # 613
    log.append([measured(n) for n in range(614, SIZE)])
    log.checkpoint()
    log.keys()  # fills the stream index
    assert log.size == SIZE
    ledgers.close()
    yield ledgers
    postgres.drop(name)


def database_of(url: str) -> str:
    return url.split("/")[3].partition("?")[0]


def measured(n: int) -> Event:
    body = {"dataset": {"namespace": "warehouse", "name": f"table {n % 5}"}, "n": n}
    return Event.of(MEASURED, "urn:slo", body, id=f"m{n}")


@pytest.fixture
def copy(sound: Ledgers, postgres: Server) -> Iterator[str]:
    """The name of a copy of the database; the log under test is number 2 in it."""
    name = postgres.database(template=database_of(sound.database))
    yield name
    postgres.drop(name)


def checked(server: Server, name: str, sound: Ledgers, *, views: Path | None = None) -> Report:
    path = views or next(sound.home.glob("*test*/views.db"))
    store = PostgresStore(server.url(name), origin="ledger.example/test", read_only=True, views=lambda _: path)
    try:
        return fsck(store, keyring=keyring_of(sound), projections=[StreamIndex()])
    finally:
        store.close()


def keyring_of(sound: Ledgers) -> Any:
    from ledger.keyring import Keyring

    return Keyring("ledger.example/test", sound.home, lambda: b"correct horse")


@contextmanager
def lifted(server: Server, name: str) -> Iterator[Conn]:
    """A superuser's session in which no guard fires."""
    with server.connect(name) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("SET search_path = tallystick")
        yield conn


def places(report: Report) -> set[tuple[str, str]]:
    return {(finding.code, finding.where) for finding in report.findings}


def header(db: Conn, seq: int) -> bytes:
    row = db.execute("SELECT header FROM entry WHERE log = 2 AND seq = %s", (seq,)).fetchone()
    assert row is not None
    return bytes(row[0])


def set_header(db: Conn, seq: int, new: bytes) -> None:
    assert db.execute("UPDATE entry SET header = %s WHERE log = 2 AND seq = %s", (new, seq)).rowcount == 1


def replace(seq: int, old: bytes, new: bytes) -> Edit:
    def edit(db: Conn) -> None:
        before = header(db, seq)
        assert old in before
        set_header(db, seq, before.replace(old, new, 1))

    return edit


def sql(*statements: str) -> Edit:
    """Each statement must change something."""

    def edit(db: Conn) -> None:
        for statement in statements:
            assert db.execute(statement.encode()).rowcount != 0

    return edit


def flip(table: str, column: str, where: str) -> Edit:
    """Flip one bit in the middle of a value."""

    def edit(db: Conn) -> None:
        row = db.execute(f"SELECT {column} FROM {table} WHERE log = 2 AND {where}".encode()).fetchone()
        assert row is not None
        blob, middle = bytes(row[0]), len(row[0]) // 2
        changed = blob[:middle] + bytes([blob[middle] ^ 1]) + blob[middle + 1 :]
        statement = f"UPDATE {table} SET {column} = %s WHERE log = 2 AND {where}".encode()
        assert db.execute(statement, (changed,)).rowcount == 1

    return edit


def swap(db: Conn) -> None:
    one, other = header(db, 100), header(db, 101)
    set_header(db, 100, other)
    set_header(db, 101, one)


def cut_tail(db: Conn) -> None:
    """Take away the last entry and everything that tells of it inside the database."""
    last = SIZE - 1
    names = re.findall(rb'"((?:type|source|dataset):[^"]*)":[0-9]+', header(db, last))
    assert len(names) == 3
    for table in ("entry", "body", "identity"):
        assert db.execute(f"DELETE FROM {table} WHERE log = 2 AND seq = {last}".encode()).rowcount == 1
    for name in names:
        db.execute("UPDATE stream SET count = count - 1 WHERE log = 2 AND name = %s", (name.decode(),))
    db.execute("DELETE FROM checkpoint WHERE log = 2 AND size > %s", (last,))
    db.execute("UPDATE head SET size = %s WHERE log = 2", (last,))


def rewrite(db: Conn) -> None:
    """Change entry 400 and make everything behind it fit: links, tiles, identities."""
    frontier, prev = Frontier(0, []), b""
    db.execute("DELETE FROM tile WHERE log = 2")
    for seq in range(SIZE):
        entry = header(db, seq)
        if seq == 400:
            entry = entry.replace(b'"id":"m400"', b'"id":"forged"')
        if prev:
            link = b'"prev":"%s"' % sha256(b"\0" + prev).hexdigest().encode()
            entry = re.sub(rb'"prev":"[0-9a-f]{64}"', link, entry, count=1)
        set_header(db, seq, entry)
        for tile in frontier.extend([sha256(b"\0" + entry).digest()]):
            db.execute("INSERT INTO tile VALUES (2, %s, %s, %s, %s)", tuple(tile))
        prev = entry
    db.execute("UPDATE identity SET id = 'forged' WHERE log = 2 AND id = 'm400'")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(
            replace(400, b'"id":"m400"', b'"id":"m4OO"'),
            {
                ("chain", "entry 401"),
                ("tile", "tile 0/1"),
                ("fork", f"checkpoint {SIZE}"),
                ("fork", "head"),
                ("identity", "entry 400"),
                ("identity", "identity m400 of urn:slo"),
            },
            id="header",
        ),
        pytest.param(
            replace(SIZE - 1, b'"at":"2026-11-20T09', b'"at":"2026-11-20T10'),
            {("fork", f"checkpoint {SIZE}"), ("fork", "head")},
            id="the last header",
        ),
        pytest.param(replace(400, b'"seq":400,', b'"seq":401,'), {("seq", "entry 400")}, id="another seq"),
        pytest.param(
            replace(400, b'"source:urn:slo":', b'"source:urn:slp":'),
            {("filing", "entry 400"), ("position", "entry 400")},
            id="another stream",
        ),
        pytest.param(flip("body", "bytes", "seq = 400"), {("body", "entry 400")}, id="body"),
        pytest.param(flip("body", "salt", "seq = 400"), {("body", "entry 400")}, id="salt"),
        pytest.param(
            sql("DELETE FROM body WHERE log = 2 AND seq = 305"), {("body", "entry 305")}, id="a body that stays"
        ),
        pytest.param(
            sql("DELETE FROM body WHERE log = 2 AND seq = 400"), {("body", "entry 400")}, id="a body nobody destroyed"
        ),
        pytest.param(
            sql("DELETE FROM checkpoint WHERE log = 2"),
            {("head", "head"), ("checkpoint", "entry 306")},
            id="every checkpoint",
        ),
        pytest.param(
            sql("DELETE FROM checkpoint WHERE log = 2 AND size = 307"),
            {("checkpoint", "entry 306"), ("checkpoint", f"checkpoint {SIZE}")},
            id="the handover",
        ),
        pytest.param(
            sql("DELETE FROM part WHERE log = 2 AND seq = 301"), {("part", "entry 301")}, id="a part nobody erased"
        ),
        pytest.param(
            sql("INSERT INTO body VALUES (2, 9999, '', '')"), {("stray", "body 9999")}, id="a body of no entry"
        ),
        pytest.param(
            sql("UPDATE stream SET count = count + 1 WHERE log = 2 AND name = 'source:urn:slo'"),
            {("counter", "stream source:urn:slo")},
            id="counter",
        ),
        pytest.param(
            sql("UPDATE stream SET counted = counted - 1 WHERE log = 2 AND name = 'source:urn:slo'"),
            {("counter", "stream source:urn:slo")},
            id="what was counted",
        ),
        pytest.param(
            sql("DELETE FROM stream WHERE log = 2 AND name = 'source:urn:crm'"),
            {("counter", "stream source:urn:crm")},
            id="a missing counter",
        ),
        pytest.param(
            sql("INSERT INTO stream VALUES (2, 'run:x', '', 3, 0)"),
            {("counter", "stream run:x"), ("file", "stream run:x")},
            id="a counter of nothing",
        ),
        pytest.param(
            sql("UPDATE stream SET hash = '' WHERE log = 2 AND name = 'source:urn:slo'"),
            {("file", "stream source:urn:slo")},
            id="the hash by which a census finds it",
        ),
        pytest.param(
            sql("DELETE FROM uncounted WHERE log = 2 AND name = 'source:urn:slo'"),
            {("file", "stream source:urn:slo")},
            id="the note by which a census finds it",
        ),
        pytest.param(
            sql("INSERT INTO uncounted VALUES (2, 'source:urn:crm')"),
            {("file", "stream source:urn:crm")},
            id="a note of what did not change",
        ),
        pytest.param(
            sql("UPDATE head SET size = size - 1 WHERE log = 2"), {("file", "table head")}, id="the head row moved back"
        ),
        pytest.param(sql("DELETE FROM head WHERE log = 2"), {("file", "table head")}, id="no head row"),
        pytest.param(flip("tile", "hashes", "level = 0 AND idx = 1"), {("tile", "tile 0/1")}, id="tile"),
        pytest.param(flip("tile", "root", "level = 0 AND idx = 0"), {("tile", "tile 0/0")}, id="tile root"),
        pytest.param(sql("DELETE FROM tile WHERE log = 2 AND idx = 1"), {("tile", "tile 0/1")}, id="a missing tile"),
        pytest.param(
            sql("INSERT INTO tile SELECT 2, 0, 2, root, hashes FROM tile WHERE log = 2 AND idx = 0"),
            {("tile", "tile 0/2")},
            id="an extra tile",
        ),
        pytest.param(flip("census_tile", "hashes", "level = 1"), {("census", "census tile 1/0")}, id="census tile"),
        pytest.param(
            sql("UPDATE checkpoint SET size = 302 WHERE log = 2 AND size = 301"),
            {("checkpoint", "checkpoint 302")},
            id="a moved checkpoint",
        ),
        pytest.param(
            sql("INSERT INTO checkpoint SELECT 2, 5000, note FROM checkpoint WHERE log = 2 AND size = 301"),
            {("checkpoint", "checkpoint 5000"), ("head", "head")},
            id="a checkpoint beyond the log",
        ),
        pytest.param(
            sql(f"DELETE FROM entry WHERE log = 2 AND seq = {SIZE - 1}"),
            {
                ("file", "table head"),
                ("stray", f"body {SIZE - 1}"),
                ("counter", "stream source:urn:slo"),
                ("fork", f"checkpoint {SIZE}"),
                ("fork", "head"),
                ("identity", f"identity m{SIZE - 1} of urn:slo"),
            },
            id="deleted tail",
        ),
        pytest.param(cut_tail, {("fork", "head")}, id="a tail deleted everywhere"),
        pytest.param(
            sql("DELETE FROM entry WHERE log = 2 AND seq = 400"),
            {
                ("missing", "entry 400"),
                ("stray", "body 400"),
                ("tile", "tile 0/1"),
                ("identity", "identity m400 of urn:slo"),
            },
            id="deleted middle",
        ),
        pytest.param(
            sql("DELETE FROM entry WHERE log = 2"), {("created", "entry 0"), ("fork", "head")}, id="everything deleted"
        ),
        pytest.param(
            swap,
            {("seq", "entry 100"), ("seq", "entry 101"), ("body", "entry 100"), ("tile", "tile 0/0")},
            id="swapped rows",
        ),
        pytest.param(
            sql("INSERT INTO entry VALUES (2, -1, '')"), {("stray", "entry -1")}, id="an entry before the first"
        ),
        pytest.param(
            sql("DELETE FROM identity WHERE log = 2 AND id = 'm400'"), {("identity", "entry 400")}, id="no identity"
        ),
        pytest.param(
            sql("INSERT INTO identity VALUES (2, 'm9', 'urn:other', 9, NULL)"),
            {("identity", "identity m9 of urn:other")},
            id="an extra identity",
        ),
        pytest.param(
            sql("UPDATE retry SET seq = 9999 WHERE log = 2"),
            {("identity", "retry of entry 9999")},
            id="a retry hash of no entry",
        ),
        pytest.param(flip("part", "commitment", "seq = 301"), {("part", "entry 301")}, id="the commitment of a part"),
        pytest.param(
            sql("UPDATE part SET seq = 9999 WHERE log = 2 AND seq = 301"), {("stray", "part 9999")}, id="a lost part"
        ),
        pytest.param(
            rewrite, {("fork", f"checkpoint {SIZE}"), ("fork", "head")}, id="history rewritten without a seam"
        ),
        pytest.param(sql("INSERT INTO forgetting VALUES (2)"), {("file", "table forgetting")}, id="the door held open"),
        pytest.param(
            sql(
                "UPDATE log SET origin = 'ledger.example/x' WHERE log = 2",
                "UPDATE log SET origin = 'ledger.example/test' WHERE log = 1",
            ),
            {("source", "entry 0"), ("keys", "entry 0"), ("fork", "head")},
            id="another log under this name",
        ),
    ],
)
def test_what_was_edited_is_named(
    sound: Ledgers, postgres: Server, copy: str, edit: Edit, expected: set[tuple[str, str]]
) -> None:
    with lifted(postgres, copy) as db:
        edit(db)

    assert expected <= places(checked(postgres, copy, sound))


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
    sound: Ledgers, postgres: Server, copy: str, statement: str, expected: str
) -> None:
    with postgres.connect(copy) as conn:
        conn.execute("SET search_path = tallystick")
        conn.execute(statement.encode())

    assert ("file", expected) in places(checked(postgres, copy, sound))


def test_a_sound_ledger_has_no_finding(sound: Ledgers, postgres: Server, copy: str) -> None:
    report = checked(postgres, copy, sound)

    assert report.findings == ()
    assert (report.entries, report.bodies, report.parts) == (SIZE, SIZE, 2)
    assert (report.missing_bodies, report.erased_parts, report.missing_parts) == (0, 0, 0)
    assert (report.tiles, report.censuses, report.checkpoints, report.projections) == (2, 2, 4, 1)


def test_I19_a_row_of_a_view_that_no_replay_gives_is_named(
    sound: Ledgers, postgres: Server, copy: str, tmp_path: Path
) -> None:
    path = Path(shutil.copy(next(sound.home.glob("*test*/views.db")), tmp_path / "views.db"))
    db = sqlite3.connect(path)
    db.execute("UPDATE stream_index_entry SET seq = 5 WHERE stream = 1 AND position = 0")
    db.commit()
    db.close()

    assert places(checked(postgres, copy, sound, views=path)) == {("projection", "projection stream_index")}


def test_a_log_whose_tail_was_cut_is_not_written_to(sound: Ledgers, postgres: Server, copy: str) -> None:
    with lifted(postgres, copy) as db:
        db.execute("DELETE FROM entry WHERE log = 2 AND seq = %s", (SIZE - 1,))
    store = PostgresStore(postgres.url(copy), origin="ledger.example/test")

    with pytest.raises(TamperedError, match="the head row says 618 entries, and 617 are stored"), store.writing():
        pass
    store.close()


def test_a_log_without_the_guards_is_read_and_the_other_log_too(sound: Ledgers, postgres: Server, copy: str) -> None:
    with lifted(postgres, copy) as db:
        db.execute("UPDATE entry SET header = '' WHERE log = 2")
    store = PostgresStore(postgres.url(copy), origin="ledger.example/neighbour", read_only=True)

    assert fsck(store).findings == ()
    assert Ledger(store).size == 5
    store.close()


def test_a_store_without_its_tables_raises_one_sentence(sound: Ledgers, postgres: Server, copy: str) -> None:
    store = PostgresStore(postgres.url(copy), origin="ledger.example/test")
    with postgres.connect(copy) as conn:
        conn.execute("DROP TABLE tallystick.entry, tallystick.retry CASCADE")

    with pytest.raises(MalformedError, match=r'relation "tallystick.entry" does not exist'):
        store.headers(0, 1)
    with pytest.raises(MalformedError, match=r'relation "tallystick.entry" does not exist'), store.writing():
        pass
    store.close()
    with pytest.raises((MalformedError, ConflictError)):
        PostgresStore.create(postgres.url(copy), origin="ledger.example/test")
