"""Whatever comes from outside is accepted or refused in one sentence with a code; nothing else, and nothing half written."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

import ledger
from ledger.disclosure import open_part
from ledger.document import read_document
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.stores.sqlite import SqliteStore
from proofs import limits
from proofs.entry import parse_entry
from proofs.errors import MalformedError, MissingError, RefusedError, TallyError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

NASTY = [
    "'; DROP TABLE entry; --",
    '"; DROP TABLE entry; --',
    "a' OR '1'='1",
    "%s%n%x",
    "../../etc/passwd",
    "\\",
    '"',
    '\\"',
    "{}",
    "&a [*a]",
    "!!python/object:os.system",
    "\u202egnp.exe",
    "e\u0301",
    "\U0001f4a9",
    "\u200b",
    " ",
    "NULL",
    "0",
    "-0",
    "1e999",
]


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


def test_texts_of_every_kind_come_back_as_they_went_in(log: Ledger) -> None:
    for n, text in enumerate(NASTY):
        event = Event(
            type=text,
            source=text,
            id=f"{n}{text}",
            subject=text,
            time=text,
            datacontenttype=text,
            dataschema=text,
            sequence=text,
            traceparent=text,
            ext={"x": text},
            data=text.encode(),
        )
        entry = parse_entry(log.append(event).entry)
        assert (entry.type, entry.source, entry.id, entry.subject, entry.ext) == (
            text,
            text,
            f"{n}{text}",
            text,
            {"x": text},
        )

    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_names_of_datasets_of_every_kind_are_filed_and_found(log: Ledger) -> None:
    texts = [*NASTY, "a|b", "%7C", "sha256:00", "hmac-sha256:00", "x" * 300, "\x00", "\n", "￾", "a" * 128 + "é" * 60]
    for n, text in enumerate(texts):
        body = {"dataset": {"namespace": text, "name": text}, "run": text, "job": {"namespace": text, "name": text}}
        receipt = log.append(Event.of("tallystick.slo.measured.v1", "urn:s", body, id=str(n)))
        parse_entry(receipt.entry)
        for name, position in log.entry(receipt.seq).streams.items():
            assert [record.seq for record in log.stream(name, position, position + 1)] == [receipt.seq]

    assert fsck(log.store, keyring=log.keyring).findings == ()


@pytest.mark.parametrize("name", ["type", "source", "id", "subject", "time", "dataschema", "sequence", "traceparent"])
@pytest.mark.parametrize("text", ["", "\x00", "a\nb", "\x7f", "\x85", "﷐", "￿", "\U0010ffff", "\ud800", "x" * 513])
def test_attributes_outside_the_grammar_make_no_event(name: str, text: str) -> None:
    given = {"type": "t.v1", "source": "urn:s", "id": "a", name: text}

    with pytest.raises(ValidationError) as raised:
        Event.model_validate(given)

    assert text == "" or text not in str(raised.value)


@pytest.mark.parametrize(
    "given",
    [
        {"type": 5},
        {"source": b"urn:s"},
        {"id": 7},
        {"data": "text"},
        {"data": bytearray(b"{}")},
        {"parts": "/who"},
        {"parts": ["/who"]},
        {"parts": (1,)},
        {"person": 7},
        {"person": "\ud800"},
        {"parts": ("/\ud800",)},
        {"parts": ("/\x00",)},
        {"parts": ("/\ufffe",)},
        {"parts": ("/" + "x" * 256,)},
        {"parts": ("/" + "é" * 128,)},
        {"ext": {"x": 1.5}},
        {"ext": {"x": None}},
        {"ext": {"x": 2**53}},
        {"ext": {"x": -(2**31) - 1}},
        {"ext": {"X": "a"}},
        {"ext": {"id": "a"}},
        {"ext": {"": "a"}},
        {"ext": {"a" * 21: "a"}},
        {"ext": {"x": ""}},
        {"ext": {"x": "a" * 4_096}},
        {"ext": {f"x{n}": "a" * 100 for n in range(60)}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_values_of_wrong_kinds_make_no_event(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Event.model_validate({"type": "t.v1", "source": "urn:s", **given})


@pytest.mark.parametrize("body", [{1, 2}, object(), {"a": "\ud800"}, {1: 2}, 2**70, b"{}"], ids=str)
def test_a_body_that_is_no_json_makes_no_event(body: object) -> None:
    with pytest.raises(RefusedError):
        Event.of("t.v1", "urn:s", body)


BAD_JSON = [
    b"{",
    b"[1,]",
    b'{"a":1,}',
    b"{'a':1}",
    b"\xef\xbb\xbf{}",
    b"\xff",
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b"\xed\xa0\x80",
    b'{"a":1,"a":1}',
    b'{"a":1,"\\u0061":2}',
    b'{"\\\\":1,"\\u005c":2}',
    b"NaN",
    b"Infinity",
    b"01",
    b"+1",
    b".5",
    b"1.",
    b'"\n"',
    b'"\t"',
    b"[" * 129 + b"]" * 129,
    b"[" * 100_000,
    b'{"a":' * 2_000,
    b"nul",
    b"\x00",
    b"{}\x00",
    b"{} {}",
    b"// comment\n{}",
]


@pytest.mark.parametrize("data", BAD_JSON, ids=lambda data: repr(data[:24]))
def test_data_that_claim_json_and_are_not_are_refused(log: Ledger, data: bytes) -> None:
    with pytest.raises(RefusedError, match="the data claim to be JSON and are not acceptable"):
        log.append(Event(type="t.v1", source="urn:s", id="a", data=data))

    assert log.size == 2


@pytest.mark.parametrize("data", BAD_JSON, ids=lambda data: repr(data[:24]))
def test_the_same_data_are_bytes_like_others_where_they_claim_nothing(log: Ledger, data: bytes) -> None:
    receipt = log.append(
        Event(type="tallystick.slo.measured.v1", source="urn:s", datacontenttype="text/plain", data=data)
    )

    assert log.entry(receipt.seq).body == data
    assert fsck(log.store).findings == ()


@pytest.mark.parametrize("datacontenttype", [None, "application/octet-stream"])
def test_data_over_16_mib_are_refused_whatever_they_claim(log: Ledger, datacontenttype: str | None) -> None:
    data = b'"' + b"x" * (limits.BODY_BYTES - 1) + b'"'

    with pytest.raises(RefusedError, match="the data have 16777217 bytes, at most 16777216 are allowed"):
        log.append(Event(type="t.v1", source="urn:s", datacontenttype=datacontenttype, data=data))

    assert (
        log.append(Event(type="t.v1", source="urn:s", datacontenttype=datacontenttype, data=data[:-2] + b'"')).seq == 2
    )


def test_a_body_that_grows_over_the_limit_by_its_cuts_is_refused_before_it_is_sealed(log: Ledger) -> None:
    data = b'{"a":1,"b":"' + b"x" * (limits.BODY_BYTES - 14) + b'"}'
    assert len(data) == limits.BODY_BYTES
    assert log.vault is not None

    with pytest.raises(RefusedError, match="the data have 16777219 bytes"):
        log.append(Event(type="t.v1", source="urn:s", data=data, parts=("/a",)))

    assert log.vault._file.rows("SELECT count(*) FROM part") == [(0,)]


def test_deep_and_wide_documents_that_are_acceptable_are_accepted(log: Ledger) -> None:
    for n, data in enumerate(
        [b"[" * 128 + b"]" * 128, b"[" + b"[]," * 100_000 + b"[]]", b'{"a":"' + b"\\\\" * 100_000 + b'"}']
    ):
        log.append(Event(type="tallystick.slo.measured.v1", source="urn:s", id=str(n), data=data))
        read_document(data)

    assert fsck(log.store).findings == ()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "no Tallystick ledger of schema version 1"),
        (b"not a database, but long enough to have a header of one hundred bytes " * 3, "cannot be"),
        (b"SQLite format 3\0" + bytes(200), "cannot be"),
        (None, "no Tallystick ledger of schema version 1"),
    ],
    ids=["empty", "text", "header", "another database"],
)
def test_what_is_no_ledger_is_refused_and_left_as_it_was(tmp_path: Path, content: bytes | None, error: str) -> None:
    path = tmp_path / "x.db"
    if content is None:
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE theirs (a)")
        db.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()

    with pytest.raises(MalformedError, match=error):
        ledger.open(f"sqlite:///{path}")

    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x.db"]


def test_a_ledger_of_a_later_schema_is_left_alone(ledgers: Ledgers) -> None:
    ledgers.create().close()
    db = sqlite3.connect(ledgers.path(), isolation_level=None)
    db.execute("PRAGMA user_version = 2")
    db.close()

    with pytest.raises(MalformedError, match="no Tallystick ledger of schema version 1"):
        ledgers.open()


def test_a_ledger_without_an_origin_is_none(ledgers: Ledgers) -> None:
    ledgers.create().close()
    db = sqlite3.connect(ledgers.path(), isolation_level=None)
    db.execute("DROP TRIGGER meta_no_delete")
    db.execute("DELETE FROM meta WHERE name = 'origin'")
    db.close()

    with pytest.raises(MalformedError, match="does not say of which origin it is"):
        ledgers.open()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "audit.db",
        "sqlite:audit.db",
        "sqlite://host/audit.db",
        "sqlite:///a.db?mode=ro",
        "sqlite:///a.db#x",
        "mysql://x/y",
        "file:///a.db",
        "sqlite:///",
        "sqlite:///a%00b.db",
        "memory://x",
        "memory:",
    ],
)
def test_urls_of_no_ledger_are_refused(url: str) -> None:
    with pytest.raises(RefusedError):
        ledger.open(url)


@pytest.mark.parametrize("what", ["missing", "folder", "pipe"])
def test_where_no_ledger_is_one_is_missing(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.db"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)

    with pytest.raises(MissingError, match="no ledger at"):
        ledger.open(f"sqlite:///{path}")


def test_nothing_is_written_without_the_keyring(ledgers: Ledgers) -> None:
    ledgers.create().close()

    with pytest.raises(MissingError, match="no keyring for ledger"):
        ledgers.open(home=ledgers.folder / "elsewhere")

    assert ledgers.open(home=ledgers.folder / "elsewhere", read_only=True).size == 2


def test_a_ledger_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be created"):
        ledger.create(f"sqlite:///{tmp_path}/no/such/folder.db", origin="a", home=tmp_path, passphrase=lambda: b"p")


@pytest.mark.parametrize("origin", ["", "a b", "a\n", "é", "a//b", "x" * 201, "a+b", "\x00"])
def test_an_origin_is_a_plain_name(tmp_path: Path, origin: str) -> None:
    with pytest.raises(RefusedError, match="origin"):
        ledger.create(f"sqlite:///{tmp_path}/x.db", origin=origin, home=tmp_path, passphrase=lambda: b"p")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b.db", "ä?#%.db", "x'; --.db", "%41.db"])
def test_a_path_may_hold_any_character(ledgers: Ledgers, name: str) -> None:
    from urllib.parse import quote

    url = f"sqlite:///{quote(str(ledgers.folder / name))}"
    ledger.create(url, origin="a", home=ledgers.home, passphrase=lambda: b"p").close()

    assert (ledgers.folder / name).is_file()
    log = ledger.open(url, home=ledgers.home)
    assert log.size == 2
    log.close()


@pytest.mark.parametrize("where", ["vault.db", "kek-1"])
def test_a_damaged_vault_is_an_error_of_ours(ledgers: Ledgers, where: str) -> None:
    log = ledgers.create()
    log.append(Event.of("t.v1", "urn:s", {"who": "Ada"}, id="a", parts=("/who",)))
    assert log.keyring is not None
    folder = log.keyring.folder
    ledgers.close()
    for path in folder.glob(f"{where}*"):
        path.write_bytes(b"garbage" * 1_000)

    with pytest.raises(TallyError):
        ledgers.open().append(Event.of("t.v1", "urn:s", {"who": "Eve"}, id="b", parts=("/who",)))


def test_a_vault_whose_key_encryption_keys_are_gone_is_missing_them_and_begins_no_new_epoch(ledgers: Ledgers) -> None:
    log = ledgers.create()
    receipt = log.append(Event.of("t.v1", "urn:s", {"who": "Ada"}, id="a", parts=("/who",)))
    assert log.keyring is not None
    kek = log.keyring.folder / "kek-1"
    ledgers.close()
    kek.rename(kek.with_name("elsewhere"))

    with pytest.raises(
        MissingError, match="no key-encryption key is there to open the data keys of the vault in"
    ) as told:
        ledgers.open()

    assert "TALLY_HOME" in told.value.hint
    assert not kek.exists()
    kek.with_name("elsewhere").rename(kek)
    assert open_part(ledgers.open(), receipt.seq, "/who", reader="r", purpose="p") == b'"Ada"'


def test_a_vault_that_sealed_nothing_yet_begins_again(ledgers: Ledgers) -> None:
    log = ledgers.create()
    assert log.keyring is not None
    kek = log.keyring.folder / "kek-1"
    ledgers.close()
    kek.unlink()

    ledgers.open().append(Event.of("t.v1", "urn:s", {"who": "Ada"}, id="a", parts=("/who",)))

    assert kek.exists()


def test_key_entries_edited_by_hand_are_an_error_of_ours(ledgers: Ledgers) -> None:
    ledgers.create().close()
    for body in (b"", b"{}", b"null", b'{"id":1}', b"\xff", b'{"id":"","purpose":"evidence","spki":""}'):
        db = sqlite3.connect(ledgers.path(), isolation_level=None)
        db.execute("DROP TRIGGER IF EXISTS body_no_update")
        db.execute("UPDATE body SET bytes = ? WHERE seq = 1", (body,))
        db.close()
        log = ledgers.open()

        with pytest.raises(TallyError):
            log.keys()

        ledgers.close()


def test_a_reader_reads_while_a_writer_holds_the_lock(ledgers: Ledgers) -> None:
    log = ledgers.create()
    with log.store.writing():
        reader = SqliteStore(str(ledgers.path()), read_only=True, busy_seconds=0.1)
        try:
            assert reader.size() == 2
        finally:
            reader.close()
