"""A ledger edited by hand: whatever is changed in the file, fsck says what and where.

Each case takes a whole copy of one sound ledger, lifts the triggers as whoever owns the file can, changes something, and
puts the triggers back.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.event import Event
from ledger.fsck import Report, fsck
from ledger.projection import StreamIndex
from ledger.rotation import rotate
from ledger.stores.sqlite import SqliteStore
from ledger.tree import Frontier
from proofs.errors import MalformedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

MEASURED = "tallystick.slo.measured.v1"
SIZE = 618
Edit = Callable[[sqlite3.Connection], object]


@pytest.fixture(scope="module")
def sound(ledgers_in: type[Ledgers], tmp_path_factory: pytest.TempPathFactory) -> Ledgers:
    """A ledger with something in every table: full tiles, parts, a retry hash, censuses, a handover, a projection."""
    ledgers = ledgers_in(tmp_path_factory.mktemp("sound"))
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
    return ledgers


def measured(n: int) -> Event:
    body = {"dataset": {"namespace": "warehouse", "name": f"table {n % 5}"}, "n": n}
    return Event.of(MEASURED, "urn:slo", body, id=f"m{n}")


@pytest.fixture
def copy(sound: Ledgers, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound.path(), tmp_path / "log.db"))


def checked(path: Path, sound: Ledgers) -> Report:
    log = sound.open(read_only=True)
    store = SqliteStore(str(path), read_only=True)
    try:
        return fsck(store, keyring=log.keyring, projections=[StreamIndex()])
    finally:
        store.close()
        sound.close()


@contextmanager
def lifted(path: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection without triggers, which come back behind the block unless it dropped them."""
    db = sqlite3.connect(path, isolation_level=None)
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    yield db
    for _, sql in triggers:
        db.execute(sql)
    db.close()


def places(report: Report) -> set[tuple[str, str]]:
    return {(finding.code, finding.where) for finding in report.findings}


def header(db: sqlite3.Connection, seq: int) -> bytes:
    found: bytes = db.execute("SELECT header FROM entry WHERE seq = ?", (seq,)).fetchone()[0]
    return found


def set_header(db: sqlite3.Connection, seq: int, new: bytes) -> None:
    assert db.execute("UPDATE entry SET header = ? WHERE seq = ?", (new, seq)).rowcount == 1


def replace(seq: int, old: bytes, new: bytes) -> Edit:
    def edit(db: sqlite3.Connection) -> None:
        before = header(db, seq)
        assert old in before
        set_header(db, seq, before.replace(old, new, 1))

    return edit


def sql(*statements: str) -> Edit:
    """Each statement must change something."""

    def edit(db: sqlite3.Connection) -> None:
        for statement in statements:
            assert db.execute(statement).rowcount != 0

    return edit


def note(size: int, pattern: bytes, new: bytes) -> Edit:
    """Change what a checkpoint says."""

    def edit(db: sqlite3.Connection) -> None:
        (before,) = db.execute("SELECT note FROM checkpoint WHERE size = ?", (size,)).fetchone()
        after, count = re.subn(pattern, new, before, count=1)
        assert count == 1
        db.execute("UPDATE checkpoint SET note = ? WHERE size = ?", (after, size))

    return edit


def flip(table: str, column: str, where: str) -> Edit:
    """Flip one bit in the middle of a blob."""

    def edit(db: sqlite3.Connection) -> None:
        (blob,) = db.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()
        middle = len(blob) // 2
        changed = blob[:middle] + bytes([blob[middle] ^ 1]) + blob[middle + 1 :]
        assert db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (changed,)).rowcount == 1

    return edit


def swap(db: sqlite3.Connection) -> None:
    one, other = header(db, 100), header(db, 101)
    set_header(db, 100, other)
    set_header(db, 101, one)


def cut_tail(db: sqlite3.Connection) -> None:
    """Take away the last entry and everything that tells of it inside the file."""
    last = SIZE - 1
    names = re.findall(rb'"((?:type|source|dataset):[^"]*)":[0-9]+', header(db, last))
    assert len(names) == 3
    for table in ("entry", "body", "identity"):
        assert db.execute(f"DELETE FROM {table} WHERE seq = ?", (last,)).rowcount == 1
    for name in names:
        db.execute("UPDATE stream SET count = count - 1 WHERE name = ?", (name.decode(),))
    db.execute("DELETE FROM checkpoint WHERE size > ?", (last,))
    for table in ("stream_index_entry", "stream_index_name"):
        db.execute(f"DROP TABLE {table}")
    db.execute("DELETE FROM projection")


def rewrite(db: sqlite3.Connection) -> None:
    """Change entry 400 and make everything behind it fit: links, tiles, identities."""
    frontier, prev = Frontier(0, []), b""
    db.execute("DELETE FROM tile")
    for seq in range(SIZE):
        entry = header(db, seq)
        if seq == 400:
            entry = entry.replace(b'"id":"m400"', b'"id":"forged"')
        if prev:
            link = b'"prev":"%s"' % sha256(b"\0" + prev).hexdigest().encode()
            entry = re.sub(rb'"prev":"[0-9a-f]{64}"', link, entry, count=1)
        set_header(db, seq, entry)
        for tile in frontier.extend([sha256(b"\0" + entry).digest()]):
            db.execute("INSERT INTO tile VALUES (?, ?, ?, ?)", tile)
        prev = entry
    db.execute("UPDATE identity SET id = 'forged' WHERE id = 'm400'")


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
            {("fork", f"checkpoint {SIZE}"), ("fork", "head"), ("projection", "projection stream_index")},
            id="the last header",
        ),
        pytest.param(
            replace(400, b'"at":"2026', b'"at":"2027'),
            {("time", "entry 401"), ("chain", "entry 401")},
            id="a time that goes back",
        ),
        pytest.param(
            replace(400, b'","source"', b'", "source"'),
            {("malformed", "entry 400"), ("chain", "entry 401")},
            id="a blank in a header",
        ),
        pytest.param(replace(400, b'"seq":400,', b'"seq":401,'), {("seq", "entry 400")}, id="another seq"),
        pytest.param(
            replace(400, b'"source:urn:slo":', b'"source:urn:slp":'),
            {("filing", "entry 400"), ("position", "entry 400")},
            id="another stream",
        ),
        pytest.param(
            lambda db: set_header(db, 400, re.sub(rb'(warehouse\|table 0":)([0-9]+)', rb"\g<1>999", header(db, 400))),
            {("position", "entry 400"), ("position", "entry 405")},
            id="position",
        ),
        pytest.param(
            replace(400, MEASURED.encode(), b"tallystick.ledger.closed.v1"),
            {("source", "entry 400"), ("filing", "entry 400")},
            id="a type of the ledger's own",
        ),
        pytest.param(
            replace(400, MEASURED.encode(), b"tallystick.ledger.created.v1"),
            {("created", "entry 400")},
            id="a second creation",
        ),
        pytest.param(flip("body", "bytes", "seq = 400"), {("body", "entry 400")}, id="body"),
        pytest.param(flip("body", "salt", "seq = 400"), {("body", "entry 400")}, id="salt"),
        pytest.param(sql("UPDATE body SET salt = x'00' WHERE seq = 400"), {("body", "entry 400")}, id="a short salt"),
        pytest.param(flip("body", "bytes", "seq = 0"), {("body", "entry 0")}, id="the body of entry 0"),
        pytest.param(sql("DELETE FROM body WHERE seq = 305"), {("body", "entry 305")}, id="a body that never goes"),
        pytest.param(
            sql("DELETE FROM body WHERE seq IN (301, 303, 400)"),
            {("body", "entry 301"), ("body", "entry 303"), ("body", "entry 400")},
            id="bodies that nobody said were destroyed",
        ),
        pytest.param(
            sql("DELETE FROM checkpoint"), {("head", "head"), ("checkpoint", "entry 306")}, id="every checkpoint"
        ),
        pytest.param(
            sql(f"DELETE FROM checkpoint WHERE size = {SIZE}"),
            {("head", "head")},
            id="the checkpoint that was signed last",
        ),
        pytest.param(
            sql("DELETE FROM checkpoint WHERE size = 307"),
            {("checkpoint", "entry 306"), ("checkpoint", f"checkpoint {SIZE}")},
            id="the handover",
        ),
        pytest.param(
            sql("DELETE FROM checkpoint WHERE size <= 307"),
            {("checkpoint", "entry 306"), ("checkpoint", f"checkpoint {SIZE}")},
            id="every checkpoint of a key that was retired",
        ),
        pytest.param(sql("DELETE FROM part WHERE seq = 301"), {("part", "entry 301")}, id="a part that nobody erased"),
        pytest.param(
            sql("INSERT INTO body VALUES (9999, x'00', x'00')"), {("stray", "body 9999")}, id="a body of no entry"
        ),
        pytest.param(
            sql("UPDATE body SET bytes = x'7b7d' WHERE seq = 304"),
            {("body", "entry 304")},
            id="a body for a continuation",
        ),
        pytest.param(
            sql("UPDATE stream SET count = count + 1 WHERE name = 'source:urn:slo'"),
            {("counter", "stream source:urn:slo")},
            id="counter",
        ),
        pytest.param(
            sql("UPDATE stream SET counted = counted - 1 WHERE name = 'source:urn:slo'"),
            {("counter", "stream source:urn:slo")},
            id="what was counted",
        ),
        pytest.param(
            sql("DELETE FROM stream WHERE name = 'source:urn:crm'"),
            {("counter", "stream source:urn:crm")},
            id="a missing counter",
        ),
        pytest.param(
            sql("INSERT INTO stream VALUES ('run:x', x'00', 3, 0)"),
            {("counter", "stream run:x"), ("file", "stream run:x")},
            id="a counter of nothing",
        ),
        pytest.param(
            sql("UPDATE stream SET hash = x'00' WHERE name = 'source:urn:slo'"),
            {("file", "stream source:urn:slo")},
            id="the hash by which a census finds it",
        ),
        pytest.param(flip("tile", "hashes", "level = 0 AND idx = 1"), {("tile", "tile 0/1")}, id="tile"),
        pytest.param(flip("tile", "root", "level = 0 AND idx = 0"), {("tile", "tile 0/0")}, id="tile root"),
        pytest.param(sql("DELETE FROM tile WHERE idx = 1"), {("tile", "tile 0/1")}, id="a missing tile"),
        pytest.param(
            sql("INSERT INTO tile SELECT 0, 2, root, hashes FROM tile WHERE idx = 0"),
            {("tile", "tile 0/2")},
            id="an extra tile",
        ),
        pytest.param(
            sql("INSERT INTO tile SELECT -1, 0, root, hashes FROM tile WHERE idx = 0"),
            {("tile", "tile -1/0")},
            id="a tile of no level",
        ),
        pytest.param(flip("census_tile", "hashes", "level = 1"), {("census", "census tile 1/0")}, id="census tile"),
        pytest.param(sql("DELETE FROM census_tile WHERE level = 1"), {("census", "census tile 1/0")}, id="no top tile"),
        pytest.param(
            sql("INSERT INTO census_tile VALUES (2, 0, x'00')"),
            {("census", "census tile 2/0")},
            id="an extra census tile",
        ),
        pytest.param(
            lambda db: set_header(db, 613, re.sub(rb'"tallycensus":"..', b'"tallycensus":"00', header(db, 613))),
            {("census", "entry 613")},
            id="the root of a census",
        ),
        pytest.param(
            note(301, b"\n301\n", b"\n0301\n"), {("checkpoint", "checkpoint 301")}, id="an unreadable checkpoint"
        ),
        pytest.param(
            note(301, b"\n301\n", b"\n300\n"), {("checkpoint", "checkpoint 301")}, id="a checkpoint of another size"
        ),
        pytest.param(
            note(301, b"/test\n", b"/tess\n"), {("checkpoint", "checkpoint 301")}, id="another log's checkpoint"
        ),
        pytest.param(
            sql("UPDATE checkpoint SET size = 302 WHERE size = 301"),
            {("checkpoint", "checkpoint 302")},
            id="a moved checkpoint",
        ),
        pytest.param(
            sql("INSERT INTO checkpoint SELECT 5000, note FROM checkpoint WHERE size = 301"),
            {("checkpoint", "checkpoint 5000"), ("head", "head")},
            id="a checkpoint beyond the log",
        ),
        pytest.param(
            sql(f"UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 301) WHERE size = {SIZE}"),
            {("checkpoint", f"checkpoint {SIZE}"), ("head", "head")},
            id="an older checkpoint in the place of the last",
        ),
        pytest.param(
            note(307, rb"\n[^\n]*\n\Z", b"\n"),
            {("checkpoint", "checkpoint 307")},
            id="a handover without one of its signatures",
        ),
        pytest.param(
            sql(f"DELETE FROM entry WHERE seq = {SIZE - 1}"),
            {
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
            sql("DELETE FROM entry WHERE seq = 400"),
            {
                ("missing", "entry 400"),
                ("stray", "body 400"),
                ("tile", "tile 0/1"),
                ("identity", "identity m400 of urn:slo"),
            },
            id="deleted middle",
        ),
        pytest.param(
            sql("DELETE FROM entry WHERE seq = 0"),
            {("missing", "entry 0"), ("tile", "tile 0/0")},
            id="deleted beginning",
        ),
        pytest.param(sql("DELETE FROM entry"), {("created", "entry 0"), ("fork", "head")}, id="everything deleted"),
        pytest.param(
            swap,
            {("seq", "entry 100"), ("seq", "entry 101"), ("body", "entry 100"), ("tile", "tile 0/0")},
            id="swapped rows",
        ),
        pytest.param(
            sql("INSERT INTO entry VALUES (-1, x'00')"), {("stray", "entry -1")}, id="an entry before the first"
        ),
        pytest.param(
            sql("DELETE FROM identity WHERE id = 'm400'"), {("identity", "entry 400")}, id="a missing identity"
        ),
        pytest.param(
            sql("INSERT INTO identity VALUES ('m9', 'urn:other', 9, NULL)"),
            {("identity", "identity m9 of urn:other")},
            id="an extra identity",
        ),
        pytest.param(
            sql(
                "UPDATE identity SET seq = -seq WHERE id IN ('m400', 'm401')",
                "UPDATE identity SET seq = 801 + seq WHERE id IN ('m400', 'm401')",
            ),
            {("identity", "entry 400"), ("identity", "entry 401"), ("identity", "identity m400 of urn:slo")},
            id="two identities exchanged",
        ),
        pytest.param(
            sql("UPDATE retry SET seq = 9999"), {("identity", "retry of entry 9999")}, id="a retry hash of no entry"
        ),
        pytest.param(flip("part", "commitment", "seq = 301"), {("part", "entry 301")}, id="the commitment of a part"),
        pytest.param(
            sql("UPDATE part SET pointer = '/x' WHERE seq = 301"), {("stray", "entry 301")}, id="a part elsewhere"
        ),
        pytest.param(
            sql("UPDATE part SET seq = 302 WHERE seq = 301"), {("stray", "entry 302")}, id="a part of another"
        ),
        pytest.param(
            sql("UPDATE part SET seq = 9999 WHERE seq = 301"), {("stray", "part 9999")}, id="a part of no entry"
        ),
        pytest.param(
            rewrite, {("fork", f"checkpoint {SIZE}"), ("fork", "head")}, id="history rewritten without a seam"
        ),
        pytest.param(
            sql("INSERT INTO forgetting VALUES (1)"),
            {("file", "table forgetting")},
            id="the door to deletion held open",
        ),
        pytest.param(sql("DROP INDEX part_commitment"), {("file", "index part_commitment")}, id="an index dropped"),
        pytest.param(
            sql("DROP TABLE retry"), {("file", "table retry"), ("damaged", "identities")}, id="a table dropped"
        ),
        pytest.param(
            sql("CREATE TRIGGER late AFTER INSERT ON entry BEGIN DELETE FROM retry; END"),
            {("file", "trigger late")},
            id="a trigger more",
        ),
        pytest.param(
            sql("CREATE INDEX more ON entry (header)"),
            {("file", "index more")},
            id="an index more on a table of the ledger",
        ),
        pytest.param(
            sql("UPDATE stream_index_entry SET seq = 5 WHERE stream = 1 AND position = 0"),
            {("projection", "projection stream_index")},
            id="a row of a projection",
        ),
        pytest.param(
            sql("UPDATE projection SET position = 9999"), {("projection", "projection stream_index")}, id="its position"
        ),
        pytest.param(
            sql("DROP TABLE stream_index_entry", "CREATE TABLE stream_index_entry (a)"),
            {("projection", "projection stream_index")},
            id="its table",
        ),
        pytest.param(
            sql("UPDATE meta SET value = 'ledger.example/other' WHERE name = 'origin'"),
            {("source", "entry 0"), ("keys", "entry 0"), ("checkpoint", "checkpoint 301"), ("head", "head")},
            id="another origin",
        ),
    ],
)
def test_what_was_edited_is_named(sound: Ledgers, copy: Path, edit: Edit, expected: set[tuple[str, str]]) -> None:
    with lifted(copy) as db:
        edit(db)

    assert expected <= places(checked(copy, sound))


def test_a_sound_ledger_has_no_finding(sound: Ledgers, copy: Path) -> None:
    report = checked(copy, sound)

    assert report.findings == ()
    assert report.ok
    assert (report.entries, report.bodies, report.parts) == (SIZE, SIZE, 2)
    assert (report.missing_bodies, report.erased_parts, report.missing_parts) == (0, 0, 0)
    assert (report.tiles, report.censuses, report.checkpoints, report.projections) == (2, 2, 4, 1)


def test_a_missing_body_is_counted_and_said_in_words(sound: Ledgers, copy: Path) -> None:
    with lifted(copy) as db:
        db.execute("DELETE FROM body WHERE seq IN (301, 305)")

    report = checked(copy, sound)

    assert [finding.what for finding in report.findings if finding.code == "body"] == [
        "its body is missing, and no entry says that it was destroyed",
        "its body is missing, and bodies of 'tallystick.ledger.key-added.v1' are never destroyed",
    ]
    assert (report.bodies, report.missing_bodies) == (SIZE - 2, 2)


def test_without_the_vault_a_missing_part_is_counted_and_nobody_says_that_it_was_deleted(
    sound: Ledgers, copy: Path
) -> None:
    with lifted(copy) as db:
        db.execute("DELETE FROM part WHERE seq = 301")
    store = SqliteStore(str(copy), read_only=True)
    try:
        report = fsck(store)
    finally:
        store.close()

    assert report.findings == ()
    assert (report.parts, report.erased_parts, report.missing_parts) == (1, 0, 1)


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
def test_a_dropped_trigger_is_named(sound: Ledgers, copy: Path, trigger: str) -> None:
    db = sqlite3.connect(copy, isolation_level=None)
    db.execute(f"DROP TRIGGER {trigger}")
    db.close()

    assert places(checked(copy, sound)) == {("file", f"trigger {trigger}")}


def test_a_trigger_that_was_weakened_is_named(sound: Ledgers, copy: Path) -> None:
    db = sqlite3.connect(copy, isolation_level=None)
    db.execute("DROP TRIGGER entry_no_delete")
    db.execute("CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry WHEN OLD.seq < 0 BEGIN SELECT 1; END")
    db.close()

    assert places(checked(copy, sound)) == {("file", "trigger entry_no_delete")}


def test_without_the_head_a_tail_that_is_gone_everywhere_is_not_seen(sound: Ledgers, copy: Path) -> None:
    """What the head beside the key is for: the file alone is whole."""
    with lifted(copy) as db:
        cut_tail(db)
    store = SqliteStore(str(copy), read_only=True)
    try:
        assert fsck(store).findings == ()
    finally:
        store.close()


def test_a_checkpoint_by_a_key_of_nobody_is_named(
    sound: Ledgers, copy: Path, tmp_path: Path, ledgers_in: type[Ledgers]
) -> None:
    forger = ledgers_in(tmp_path / "forger")
    forger.folder.mkdir()
    log = forger.create()
    log.append([measured(n) for n in range(2, 300)])
    note = log.checkpoint().note
    forger.close()
    with lifted(copy) as db:
        db.execute("INSERT INTO checkpoint VALUES (300, ?)", (note,))

    report = checked(copy, sound)

    assert ("checkpoint", "checkpoint 300") in places(report)
    assert "no key of the log signed it" in {finding.what for finding in report.findings}


def test_a_file_with_a_damaged_page_is_a_finding_or_no_ledger_but_never_an_accident(
    sound: Ledgers, tmp_path: Path
) -> None:
    whole = sound.path().read_bytes()
    named = refused = 0
    for number, at in enumerate(range(100, len(whole), len(whole) // 60)):
        path = tmp_path / f"{number}.db"
        path.write_bytes(whole[:at] + bytes(64) + whole[at + 64 :])
        try:
            report = checked(path, sound)
        except MalformedError:
            refused += 1
            continue
        named += not report.ok

    assert named + refused > 40  # the rest fell into free space


def test_a_file_that_ends_early_is_a_finding_or_no_ledger(sound: Ledgers, tmp_path: Path) -> None:
    whole = sound.path().read_bytes()
    for keep in (len(whole) // 4096 // 2 * 4096, len(whole) - 4096, len(whole) - 1):
        path = tmp_path / f"{keep}.db"
        path.write_bytes(whole[:keep])
        try:
            assert not checked(path, sound).ok
        except MalformedError:
            continue
