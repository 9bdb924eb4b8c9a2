"""A ledger edited by hand: whatever is changed behind its back, fsck says what and where, whoever the driver is.

Each case takes a whole copy of one sound ledger (tests/editor.py), lifts the guards as whoever owns the file or the database
can, and changes something. What a driver alone has (its guards, pages, functions) it answers for in tests/faults.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from ledger.erasure import erase_person
from ledger.event import Event
from ledger.fsck import fsck
from ledger.tree import Frontier

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.editor import Copy, Editor

MEASURED = b"tallystick.slo.measured.v1"
SIZE = 618
Edit = Callable[["Editor"], object]
Change = Callable[[bytes], bytes]
Places = set[tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """One edit.

    Attributes:
        expected: What fsck names, with every driver, if with nothing else.
        besides: What it names with one driver more, because of what only this driver keeps, or keeps so.
    """

    name: str
    edit: Edit
    expected: Places
    besides: Mapping[str, Places] = field(default_factory=dict)


# --- edits of one row -----------------------------------------------------------------------------------------------


def update(table: str, where: str, **changes: object) -> Edit:
    return lambda db: db.update(table, where, **changes)


def insert(table: str, **row: object) -> Edit:
    return lambda db: db.insert(table, **row)


def delete(table: str, where: str = "true") -> Edit:
    return lambda db: db.delete(table, where)


def double(table: str, where: str, **changes: object) -> Edit:
    """Insert a second row that is like another but for `changes`."""
    return lambda db: db.insert(table, **{**db.row(table, where), **changes})


def header(seq: int, change: Change) -> Edit:
    return update("entry", f"seq = {seq}", header=change)


def note(size: int, change: Change) -> Edit:
    """Change what a checkpoint says."""
    return update("checkpoint", f"size = {size}", note=change)


def flipped(blob: bytes) -> bytes:
    """The same but for one bit in the middle."""
    middle = len(blob) // 2
    return blob[:middle] + bytes([blob[middle] ^ 1]) + blob[middle + 1 :]


def replaced(old: bytes, new: bytes) -> Change:
    def change(before: bytes) -> bytes:
        assert old in before
        return before.replace(old, new, 1)

    return change


def matched(pattern: bytes, new: bytes | Callable[[re.Match[bytes]], bytes]) -> Change:
    def change(before: bytes) -> bytes:
        after, count = re.subn(pattern, new, before, count=1)
        assert count == 1
        return after

    return change


def another_digit(match: re.Match[bytes]) -> bytes:
    return match[1] + (b"1" if match[2] == b"0" else b"0")


# --- edits of several rows ------------------------------------------------------------------------------------------


def swap(db: Editor) -> None:
    one, other = (db.row("entry", f"seq = {seq}")["header"] for seq in (100, 101))
    db.update("entry", "seq = 100", header=other)
    db.update("entry", "seq = 101", header=one)


def exchange(db: Editor) -> None:
    db.update("identity", "id = 'm400'", seq=401)
    db.update("identity", "id = 'm401'", seq=400)


def sealed_as_another(db: Editor) -> None:
    db.update("part", "seq = 612", sealed=db.row("part", "seq = 301")["sealed"])


def content_as_another(db: Editor) -> None:
    db.update("identity", "id = 'm400'", content=db.row("identity", "id = 'm401'")["content"])


def erased_part(db: Editor, seq: int) -> None:
    """Put back a part that an erasure destroyed, where the entry says that it was."""
    found = re.search(rb'"parts":\[\["/who","([0-9a-f]{64})"\]\]', db.row("entry", f"seq = {seq}")["header"])
    assert found is not None
    db.insert("part", seq=seq, pointer="/who", commitment=bytes.fromhex(found[1].decode()), sealed=bytes(60))


def erased_part_and_hash(db: Editor) -> None:
    erased_part(db, 608)
    db.update("identity", "id = 'z'", content=bytes(32))


def erased_part_and_retry_hash(db: Editor) -> None:
    erased_part(db, 609)
    db.insert("retry", content=bytes(32), seq=609)


def replay(db: Editor) -> None:
    db.update("checkpoint", f"size = {SIZE}", note=db.row("checkpoint", "size = 301")["note"])


# What each driver keeps of a log's end besides the rows that all of them have.
KEPT_BESIDES = {
    "postgres": (
        "UPDATE head SET size = 617 WHERE log = 2",
        "DELETE FROM uncounted WHERE log = 2 AND name = 'dataset:warehouse|table 2'",  # of which it was the only one
    ),
    "sqlite": ("DROP TABLE stream_index_entry", "DROP TABLE stream_index_name", "DELETE FROM projection"),
}


def cut_tail(db: Editor) -> None:
    """Take away the last entry and everything that tells of it inside the file or the database."""
    last = f"seq = {SIZE - 1}"
    names = re.findall(rb'"((?:type|source|dataset):[^"]*)":[0-9]+', db.row("entry", last)["header"])
    assert len(names) == 3
    for table in ("entry", "body", "identity"):
        db.delete(table, last)
    for name in names:
        db.update("stream", f"name = '{name.decode()}'", count=lambda count: count - 1)
    db.delete("checkpoint", f"size = {SIZE}")
    for statement in KEPT_BESIDES[db.driver]:
        db.execute(statement)


def rewrite(db: Editor) -> None:
    """Change entry 400 and make everything behind it fit: links, tiles, identities."""
    frontier, prev = Frontier(0, []), b""
    db.delete("tile")
    for seq in range(SIZE):
        entry = before = db.row("entry", f"seq = {seq}")["header"]
        if seq == 400:
            entry = replaced(b'"id":"m400"', b'"id":"forged"')(entry)
        if prev:
            link = b'"prev":"%s"' % sha256(b"\0" + prev).hexdigest().encode()
            entry = matched(rb'"prev":"[0-9a-f]{64}"', link)(entry)
        if entry != before:
            db.update("entry", f"seq = {seq}", header=entry)
        for level, index, root, hashes in frontier.extend([sha256(b"\0" + entry).digest()]):
            db.insert("tile", level=level, idx=index, root=root, hashes=hashes)
        prev = entry
    db.update("identity", "id = 'm400'", id="forged")


# --- the cases ------------------------------------------------------------------------------------------------------

ENTRIES = (
    Case(
        "header",
        header(400, replaced(b'"id":"m400"', b'"id":"m4OO"')),
        {
            ("chain", "entry 401"),
            ("tile", "tile 0/1"),
            ("fork", "checkpoint 618"),
            ("fork", "head"),
            ("identity", "entry 400"),
            ("identity", "identity m400 of urn:slo"),
        },
    ),
    Case(
        "the last header",
        header(617, replaced(b'"at":"2026-11-20T09', b'"at":"2026-11-20T10')),
        {("fork", "checkpoint 618"), ("fork", "head")},
        # Views beside a database are dropped, and made again, when the log is another one than they were made from.
        besides={"sqlite": {("projection", "projection stream_index")}},
    ),
    Case(
        "a time that goes back",
        header(400, replaced(b'"at":"2026', b'"at":"2027')),
        {("time", "entry 401"), ("chain", "entry 401")},
    ),
    Case(
        "a blank in a header",
        header(400, replaced(b'","source"', b'", "source"')),
        {("malformed", "entry 400"), ("chain", "entry 401")},
    ),
    Case("another seq", header(400, replaced(b'"seq":400,', b'"seq":401,')), {("seq", "entry 400")}),
    Case(
        "another stream",
        header(400, replaced(b'"source:urn:slo":', b'"source:urn:slp":')),
        {("filing", "entry 400"), ("position", "entry 400")},
    ),
    Case(
        "position",
        header(400, matched(rb'(warehouse\|table 0":)([0-9]+)', rb"\g<1>999")),
        {("position", "entry 400"), ("position", "entry 405")},
    ),
    Case(
        "a type of the ledger's own",
        header(400, replaced(MEASURED, b"tallystick.ledger.closed.v1")),
        {("source", "entry 400"), ("filing", "entry 400")},
    ),
    Case(
        "a second creation",
        header(400, replaced(MEASURED, b"tallystick.ledger.created.v1")),
        {("created", "entry 400")},
    ),
    Case(
        "the root of a census", header(613, matched(rb'("tallycensus":")(.)', another_digit)), {("census", "entry 613")}
    ),
    Case(
        "deleted tail",
        delete("entry", "seq = 617"),
        {
            ("stray", "body 617"),
            ("counter", "stream source:urn:slo"),
            ("fork", "checkpoint 618"),
            ("older", "head"),
            ("identity", "identity m617 of urn:slo"),
        },
        besides={"postgres": {("file", "table head")}},
    ),
    Case("a tail deleted everywhere", cut_tail, {("older", "head"), ("older", "tip")}),
    Case(
        "deleted middle",
        delete("entry", "seq = 400"),
        {
            ("missing", "entry 400"),
            ("stray", "body 400"),
            ("tile", "tile 0/1"),
            ("identity", "identity m400 of urn:slo"),
        },
    ),
    Case("deleted beginning", delete("entry", "seq = 0"), {("missing", "entry 0"), ("tile", "tile 0/0")}),
    Case("everything deleted", delete("entry"), {("created", "entry 0"), ("fork", "head")}),
    Case(
        "swapped rows",
        swap,
        {("seq", "entry 100"), ("seq", "entry 101"), ("body", "entry 100"), ("tile", "tile 0/0")},
    ),
    Case("an entry before the first", insert("entry", seq=-1, header=b"\0"), {("stray", "entry -1")}),
    Case("history rewritten without a seam", rewrite, {("fork", "checkpoint 618"), ("fork", "head")}),
)

BODIES = (
    Case("body", update("body", "seq = 400", bytes=flipped), {("body", "entry 400")}),
    Case("salt", update("body", "seq = 400", salt=flipped), {("body", "entry 400")}),
    Case("a short salt", update("body", "seq = 400", salt=b"\0"), {("body", "entry 400")}),
    Case("the body of entry 0", update("body", "seq = 0", bytes=flipped), {("body", "entry 0")}),
    Case("a body that never goes", delete("body", "seq = 305"), {("body", "entry 305")}),
    Case("a body that nobody said was destroyed", delete("body", "seq = 400"), {("body", "entry 400")}),
    Case(
        "bodies that nobody said were destroyed",
        delete("body", "seq IN (301, 303, 400)"),
        {("body", "entry 301"), ("body", "entry 303"), ("body", "entry 400")},
    ),
    Case("a body of no entry", insert("body", seq=9999, salt=b"\0", bytes=b"\0"), {("stray", "body 9999")}),
    Case("a body for a continuation", update("body", "seq = 304", bytes=b"{}"), {("body", "entry 304")}),
)

PARTS = (
    Case("a part that nobody erased", delete("part", "seq = 301"), {("part", "entry 301")}),
    Case("the commitment of a part", update("part", "seq = 301", commitment=flipped), {("part", "entry 301")}),
    Case("a part elsewhere", update("part", "seq = 301", pointer="/x"), {("stray", "entry 301")}),
    Case("a part of another", update("part", "seq = 301", seq=302), {("stray", "entry 302")}),
    Case("a part of no entry", update("part", "seq = 301", seq=9999), {("stray", "part 9999")}),
    Case("what is sealed", update("part", "seq = 301", sealed=flipped), {("part", "entry 301")}),
    Case("a sealed part that was blanked", update("part", "seq = 301", sealed=bytes(60)), {("part", "entry 301")}),
    Case("a sealed part without bytes", update("part", "seq = 612", sealed=b""), {("part", "entry 612")}),
    Case("the sealed bytes of another", sealed_as_another, {("part", "entry 612")}),
    Case("a part that was erased", lambda db: erased_part(db, 608), {("part", "entry 608")}),
    Case(
        "a part that was erased, with its hash",
        erased_part_and_hash,
        {("part", "entry 608"), ("identity", "entry 608")},
    ),
    Case(
        "a part that was erased, with its retry hash",
        erased_part_and_retry_hash,
        {("part", "entry 609"), ("identity", "entry 609")},
    ),
)

CHECKPOINTS = (
    Case("every checkpoint", delete("checkpoint"), {("head", "head"), ("checkpoint", "entry 306")}),
    Case("the checkpoint that was signed last", delete("checkpoint", "size = 618"), {("head", "head")}),
    Case(
        "the handover",
        delete("checkpoint", "size = 307"),
        {("checkpoint", "entry 306"), ("checkpoint", "checkpoint 618")},
    ),
    Case(
        "every checkpoint of a key that was retired",
        delete("checkpoint", "size <= 307"),
        {("checkpoint", "entry 306"), ("checkpoint", "checkpoint 618")},
    ),
    Case("an unreadable checkpoint", note(301, matched(b"\n301\n", b"\n0301\n")), {("checkpoint", "checkpoint 301")}),
    Case(
        "a checkpoint of another size", note(301, matched(b"\n301\n", b"\n300\n")), {("checkpoint", "checkpoint 301")}
    ),
    Case("another log's checkpoint", note(301, matched(b"/test\n", b"/tess\n")), {("checkpoint", "checkpoint 301")}),
    Case("a moved checkpoint", update("checkpoint", "size = 301", size=302), {("checkpoint", "checkpoint 302")}),
    Case(
        "a checkpoint beyond the log",
        double("checkpoint", "size = 301", size=5000),
        {("checkpoint", "checkpoint 5000"), ("head", "head")},
    ),
    Case(
        "an older checkpoint in the place of the last",
        replay,
        {("checkpoint", "checkpoint 618"), ("head", "head")},
    ),
    Case(
        "a handover without one of its signatures",
        note(307, matched(rb"\n[^\n]*\n\Z", b"\n")),
        {("checkpoint", "checkpoint 307")},
    ),
)

STREAMS = (
    Case(
        "counter",
        update("stream", "name = 'source:urn:slo'", count=lambda count: count + 1),
        {("counter", "stream source:urn:slo")},
    ),
    Case(
        "what was counted",
        update("stream", "name = 'source:urn:slo'", counted=lambda counted: counted - 1),
        {("counter", "stream source:urn:slo")},
    ),
    Case("a missing counter", delete("stream", "name = 'source:urn:crm'"), {("counter", "stream source:urn:crm")}),
    Case(
        "a counter of nothing",
        insert("stream", name="run:x", hash=b"\0", count=3, counted=0),
        {("counter", "stream run:x"), ("file", "stream run:x")},
    ),
    Case(
        "the hash by which a census finds it",
        update("stream", "name = 'source:urn:slo'", hash=b"\0"),
        {("file", "stream source:urn:slo")},
    ),
)

TILES = (
    Case("tile", update("tile", "level = 0 AND idx = 1", hashes=flipped), {("tile", "tile 0/1")}),
    Case("tile root", update("tile", "level = 0 AND idx = 0", root=flipped), {("tile", "tile 0/0")}),
    Case("a missing tile", delete("tile", "idx = 1"), {("tile", "tile 0/1")}),
    Case("an extra tile", double("tile", "idx = 0", idx=2), {("tile", "tile 0/2")}),
    Case("a tile of no level", double("tile", "idx = 0", level=-1), {("tile", "tile -1/0")}),
    Case("census tile", update("census_tile", "level = 1", hashes=flipped), {("census", "census tile 1/0")}),
    Case("no top tile", delete("census_tile", "level = 1"), {("census", "census tile 1/0")}),
    Case(
        "an extra census tile",
        insert("census_tile", level=2, idx=0, hashes=b"\0"),
        {("census", "census tile 2/0")},
    ),
)

IDENTITIES = (
    Case("a missing identity", delete("identity", "id = 'm400'"), {("identity", "entry 400")}),
    Case(
        "an extra identity",
        insert("identity", id="m9", source="urn:other", seq=9, content=None),
        {("identity", "identity m9 of urn:other")},
    ),
    Case(
        "two identities exchanged",
        exchange,
        {("identity", "entry 400"), ("identity", "entry 401"), ("identity", "identity m400 of urn:slo")},
    ),
    Case(
        "a retry hash of no entry",
        update("retry", "seq = 302", seq=9999),
        {("identity", "retry of entry 9999"), ("identity", "entry 302")},
    ),
    Case("a missing retry hash", delete("retry", "seq = 302"), {("identity", "entry 302")}),
    Case("a retry hash", update("retry", "seq = 302", content=flipped), {("identity", "entry 302")}),
    Case(
        "a retry hash of another entry",
        update("retry", "seq = 302", seq=400),
        {("identity", "entry 302"), ("identity", "entry 400")},
    ),
    Case(
        "a second retry hash",
        double("retry", "seq = 302", content=b"\1" * 32),
        {("identity", "retry of entry 302")},
    ),
    Case("a missing retry hash of the ledger's own", delete("retry", "seq = 613"), {("identity", "entry 613")}),
    Case("a content hash", update("identity", "id = 'm400'", content=flipped), {("identity", "entry 400")}),
    Case("a content hash that is gone", update("identity", "id = 'm400'", content=None), {("identity", "entry 400")}),
    Case("a content hash without bytes", update("identity", "id = 'm400'", content=b""), {("identity", "entry 400")}),
    Case("the content hash of another", content_as_another, {("identity", "entry 400")}),
    Case(
        "the content hash of sealed data", update("identity", "id = 'p'", content=flipped), {("identity", "entry 301")}
    ),
    Case("no content hash of sealed data", update("identity", "id = 'p'", content=None), {("identity", "entry 301")}),
    Case("a hash of what came without one", update("identity", "seq = 302", content=b"x"), {("identity", "entry 302")}),
    Case("a hash of what nobody sent", update("identity", "seq = 304", content=b"x"), {("identity", "entry 304")}),
)

CASES = (*ENTRIES, *BODIES, *PARTS, *CHECKPOINTS, *STREAMS, *TILES, *IDENTITIES)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_what_was_edited_is_named(copy: Copy, case: Case) -> None:
    with copy.lifted() as db:
        case.edit(db)

    assert case.expected | case.besides.get(copy.driver, set()) <= copy.places()


def test_a_sound_ledger_has_no_finding(copy: Copy) -> None:
    report = copy.check()

    assert report.findings == ()
    assert report.ok
    assert (report.entries, report.bodies, report.parts) == (618, 618, 2)
    assert (report.missing_bodies, report.erased_parts, report.missing_parts) == (0, 2, 0)
    assert (report.tiles, report.censuses, report.checkpoints, report.projections) == (2, 2, 4, 1)


def test_a_missing_body_is_counted_and_said_in_words(copy: Copy) -> None:
    with copy.lifted() as db:
        db.delete("body", "seq IN (301, 305)")

    report = copy.check()

    assert [finding.what for finding in report.findings if finding.code == "body"] == [
        "its body is missing, and no entry says that it was destroyed",
        "its body is missing, and bodies of 'tallystick.ledger.key-added.v1' are never destroyed",
    ]
    assert (report.bodies, report.missing_bodies) == (616, 2)


def test_without_the_vault_a_missing_part_is_counted_and_nobody_says_that_it_was_deleted(copy: Copy) -> None:
    with copy.lifted() as db:
        db.delete("part", "seq = 301")
    with closing(copy.store()) as store:
        report = fsck(store)

    assert report.findings == ()
    assert (report.parts, report.erased_parts, report.missing_parts) == (1, 0, 3)  # 301, and the two that were erased


def test_without_the_vault_a_hash_that_is_gone_is_named_where_no_part_is(copy: Copy) -> None:
    with copy.lifted() as db:
        db.update("identity", "id = 'm400'", content=None)
        db.update("identity", "id = 'm401'", content=bytes(32))
        db.delete("retry", "seq = 302")
    with closing(copy.store()) as store:
        report = fsck(store)

    assert [(finding.code, finding.where, finding.what) for finding in report.findings] == [
        (
            "identity",
            f"entry {seq}",
            "the hash by which its event is known again is missing: it was taken out, or the entry written without the vault",
        )
        for seq in (302, 400)
    ]


def test_I10_a_hash_that_an_erasure_should_have_taken_is_named(ledgers: Ledgers) -> None:
    log = ledgers.create()
    for id in ("a", None):
        log.append(Event.of("com.example.x.v1", "urn:x", {"n": id, "who": "Ada"}, id=id, parts=("/who",), person="ada"))
    before = log.store.identities.find("a", "urn:x")
    erase_person(log, "ada")
    assert fsck(log.store, keyring=log.keyring).findings == ()

    with closing(sqlite3.connect(ledgers.path(), isolation_level=None)) as db:
        db.execute("UPDATE identity SET content = ? WHERE id = 'a'", (before and before[1],))
        db.execute("INSERT INTO retry VALUES (?, 3)", (bytes(32),))

    assert [(finding.where, finding.what) for finding in fsck(log.store, keyring=log.keyring).findings] == [
        (f"entry {seq}", "one of its parts was erased, and the hash by which its event is known again was not")
        for seq in (2, 3)
    ]


def test_sealed_parts_without_their_key_encryption_key_are_one_finding(ledgers: Ledgers) -> None:
    log = ledgers.create()
    for n in range(3):
        log.append(Event.of("com.example.x.v1", "urn:x", {"who": n}, id=f"{n}", parts=("/who",)))
    (key,) = ledgers.home.glob("*/kek-1")
    key.rename(key.with_name("away"))

    (finding,) = fsck(log.store, keyring=log.keyring).findings

    assert (finding.code, finding.where) == ("vault", "vault")
    assert finding.what.startswith("the key-encryption key of epoch 1 cannot be read in ")


def test_a_part_that_another_vault_sealed_is_named(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(Event.of("com.example.x.v1", "urn:x", {"who": 1}, id="a", parts=("/who",)))
    with closing(sqlite3.connect(next(ledgers.home.glob("*/vault.db")), isolation_level=None)) as vault:
        vault.execute("DELETE FROM part")

    (finding,) = fsck(log.store, keyring=log.keyring).findings

    assert (finding.code, finding.where, finding.what) == (
        "part",
        "entry 2",
        "its part at '/who' has no key in the vault, and the vault knows of no erasure that destroyed it",
    )


def test_without_the_head_a_tail_that_is_gone_everywhere_is_not_seen(copy: Copy) -> None:
    """What the head beside the key is for: the rows alone are whole."""
    with copy.lifted() as db:
        cut_tail(db)
    with closing(copy.store()) as store:
        assert fsck(store).findings == ()


def test_an_older_checkpoint_that_no_handover_needs_is_missed_by_nobody(copy: Copy) -> None:
    """What SECURITY.md says of it: nothing in the log counts checkpoints, and the later ones prove what it proved."""
    with copy.lifted() as db:
        db.delete("checkpoint", "size = 301")

    report = copy.check()

    assert report.findings == ()
    assert report.checkpoints == 3


def test_a_checkpoint_by_a_key_of_nobody_is_named(
    copy: Copy, editor: ModuleType, tmp_path: Path, ledgers_in: type[Ledgers]
) -> None:
    forger = ledgers_in(tmp_path / "forger")
    forger.folder.mkdir()
    log = forger.create()
    log.append([editor.measured(n) for n in range(2, 300)])
    forged = log.checkpoint().note
    forger.close()
    with copy.lifted() as db:
        db.insert("checkpoint", size=300, note=forged)

    report = copy.check()

    assert ("checkpoint", "checkpoint 300") in {(finding.code, finding.where) for finding in report.findings}
    assert "no key of the log signed it" in {finding.what for finding in report.findings}


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param("UPDATE stream_index_entry SET seq = 5 WHERE stream = 1 AND position = 0", id="a row"),
        pytest.param("UPDATE projection SET position = 9999", id="its position"),
        pytest.param("DROP TABLE stream_index_entry; CREATE TABLE stream_index_entry (a)", id="its table"),
    ],
)
def test_I19_a_projection_that_no_replay_gives_is_named(copy: Copy, edit: str) -> None:
    with closing(sqlite3.connect(copy.views)) as db:
        db.executescript(edit)

    assert copy.places() == {("projection", "projection stream_index")}
