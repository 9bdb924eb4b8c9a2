"""Personal values: cut out of the body, sealed, opened on the record, held to what was committed."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from ledger.disclosure import RECORD_READ, open_body, open_part
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.vault import Vault
from proofs.digest import commitment
from proofs.entry import parse_entry
from proofs.errors import MissingError, RefusedError, TamperedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

DATA = b'{"n": 1, "who": {"name": "Ada Lovelace", "born": 1815}, "tags": ["x", "Ada"]}'
WORDS = {"reader": "analyst-7", "purpose": "complaint-12"}


def household(**changes: Any) -> Event:
    given = {
        "type": "com.example.household.v1",
        "source": "urn:crm",
        "id": "h1",
        "data": DATA,
        "parts": ("/who", "/tags/1"),
        "person": "ada",
    }
    return Event.model_validate({**given, **changes})


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


def test_I6_a_part_stands_neither_in_the_entry_nor_in_the_body(log: Ledger) -> None:
    receipt = log.append(household())

    assert log.entry(receipt.seq).body == b'{"n": 1, "who": null, "tags": ["x", null]}'
    assert [pointer for pointer, _ in parse_entry(receipt.entry).parts] == ["/tags/1", "/who"]
    assert b"Ada" not in receipt.entry


def test_I6_neither_part_nor_person_stands_in_clear_in_any_file(ledgers: Ledgers, log: Ledger) -> None:
    log.append(household(person="ada@example.org"))

    for path in (path for path in ledgers.folder.rglob("*") if path.is_file()):
        for value in (b"Lovelace", b'"born": 1815', b"ada@example.org"):  # four digits alone stand in many a hash
            assert value not in path.read_bytes(), path.name


def test_I6_the_policy_of_a_type_seals_what_no_producer_named(log: Ledger) -> None:
    body = {"request": "R1", "subject": {"email": "ada@example.org"}}

    receipt = log.append(Event.of("tallystick.deletion.requested.v1", "urn:crm", body, id="r"))

    assert log.entry(receipt.seq).body == b'{"request":"R1","subject":null}'
    assert open_part(log, receipt.seq, "/subject", **WORDS) == b'{"email":"ada@example.org"}'


def test_a_pointer_that_selects_nothing_makes_no_part(log: Ledger) -> None:
    receipt = log.append(household(parts=("/nobody", "/tags/-", "/tags/01", "/who/name")))

    assert [pointer for pointer, _ in parse_entry(receipt.entry).parts] == ["/who/name"]


def test_the_empty_pointer_takes_the_whole_document(log: Ledger) -> None:
    receipt = log.append(household(parts=("",)))

    assert log.entry(receipt.seq).body == b"null"
    assert open_body(log, receipt.seq, **WORDS) == DATA


def test_filing_goes_by_the_body_as_stored(log: Ledger) -> None:
    body = {"dataset": {"namespace": "w", "name": "t"}, "run": "r-1"}

    receipt = log.append(Event.of("tallystick.slo.measured.v1", "urn:s", body, id="a", parts=("/dataset",)))

    assert [name for name in log.entry(receipt.seq).streams if name.startswith(("dataset", "run"))] == ["run:r-1"]
    assert fsck(log.store, keyring=log.keyring).findings == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parts": ("/who", "/who/name")}, "lies inside another"),
        ({"parts": ("who",)}, "does not begin with '/'"),
        ({"parts": ("/a~2",)}, "has a '~' without 0 or 1 behind it"),
        ({"datacontenttype": "text/plain"}, "parts are named in data that do not claim to be JSON"),
        ({"data": b"{"}, "the data claim to be JSON and are not acceptable"),
        ({"data": b'{"who":1,"who":2}'}, "an object has 2 members and only 1 names"),
        (
            {"data": json.dumps({str(n): n for n in range(65)}).encode(), "parts": tuple(f"/{n}" for n in range(65))},
            "the event has 65 parts, at most 64 are allowed",
        ),
    ],
)
def test_parts_that_cannot_be_are_refused_whole(log: Ledger, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        log.append(household(**changes))

    assert log.size == 2


def test_64_parts_with_names_of_every_kind_are_written(log: Ledger) -> None:
    names = ["", "a/b", "a~b", '"', "\\", "é", "\U0001f600", *(str(n) for n in range(57))]
    pointers = tuple("/" + name.replace("~", "~0").replace("/", "~1") for name in names)

    receipt = log.append(household(data=json.dumps(dict.fromkeys(names, 7)).encode(), parts=pointers))

    assert len(parse_entry(receipt.entry).parts) == 64
    assert open_part(log, receipt.seq, "/a~1b", **WORDS) == b"7"
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_without_a_vault_parts_are_refused(ledgers: Ledgers, log: Ledger) -> None:
    with pytest.raises(RefusedError, match="personal parts need a vault"):
        ledgers.open_without_keyring().append(household())

    assert log.size == 2


def test_opening_a_part_returns_the_bytes_received_and_is_on_record_before(log: Ledger) -> None:
    receipt = log.append(household())

    value = open_part(log, receipt.seq, "/who", **WORDS)

    assert value == b'{"name": "Ada Lovelace", "born": 1815}'
    read = log.entry(receipt.seq + 1)
    assert (read.type, read.source) == (RECORD_READ, "ledger.example/test")
    assert json.loads(read.body or b"") == {
        "pointers": ["/who"],
        "purpose": "complaint-12",
        "reader": "analyst-7",
        "seq": receipt.seq,
    }


def test_nothing_is_returned_where_the_reading_cannot_be_recorded(log: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    receipt = log.append(household())
    monkeypatch.setattr(log, "record", lambda events: (_ for _ in ()).throw(RefusedError("the disk is full")))

    with pytest.raises(RefusedError, match="the disk is full"):
        open_part(log, receipt.seq, "/who", **WORDS)


def test_the_same_reading_twice_is_on_record_twice(log: Ledger) -> None:
    receipt = log.append(household())

    for _ in range(2):
        open_part(log, receipt.seq, "/who", **WORDS)

    assert [record.type for record in log.read(receipt.seq + 1)] == [RECORD_READ, RECORD_READ]


def test_opening_a_body_puts_the_parts_back_byte_for_byte(log: Ledger) -> None:
    receipt = log.append(household())

    assert open_body(log, receipt.seq, **WORDS) == DATA
    assert json.loads(log.entry(receipt.seq + 1).body or b"")["pointers"] == ["/tags/1", "/who"]


def test_a_body_without_parts_is_nobodys_and_leaves_no_record(log: Ledger) -> None:
    receipt = log.append(household(parts=()))

    assert open_body(log, receipt.seq, **WORDS) == DATA
    assert log.size == 3


@pytest.mark.parametrize(
    ("seq", "pointer", "message"),
    [
        (2, "/n", "entry 2 has no part '/n'"),
        (2, "", "entry 2 has no part ''"),
        (9, "/who", "no entry 9: the log holds 3"),
    ],
)
def test_a_part_that_is_not_there_is_missing_and_no_reading_recorded(
    log: Ledger, seq: int, pointer: str, message: str
) -> None:
    log.append(household())

    with pytest.raises(MissingError, match=message):
        open_part(log, seq, pointer, **WORDS)

    assert log.size == 3


@pytest.mark.parametrize("word", ["", "x" * 129, "a\nb", "\ud800", "for Ada Lovelace", "ada@example.org", "a\n"])
@pytest.mark.parametrize("name", ["reader", "purpose"])
def test_whoever_reads_says_who_and_why(log: Ledger, name: str, word: str) -> None:
    log.append(household())

    with pytest.raises(RefusedError, match=name):
        open_part(log, 2, "/who", **{**WORDS, name: word})

    assert log.size == 3


@pytest.mark.parametrize("purpose", ["x" * 65, "Complaint", "a/b", "a b", "é"])
def test_I6_a_purpose_is_a_code_and_no_sentence_of_which_a_person_could_be_part(log: Ledger, purpose: str) -> None:
    log.append(household())

    with pytest.raises(RefusedError, match="purpose is a code of 1 to 64 of a-z 0-9"):
        open_part(log, 2, "/who", reader="r", purpose=purpose)
    assert log.size == 3


def edited(ledgers: Ledgers, statement: str) -> None:
    db = sqlite3.connect(ledgers.path(), isolation_level=None)
    for name in ("part_no_update", "body_no_update", "part_once"):
        db.execute(f"DROP TRIGGER {name}")
    assert db.execute(statement).rowcount == 1
    db.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE part SET sealed = CAST(x'00' || substr(sealed, 2) AS BLOB) WHERE pointer = '/who'",
        "UPDATE part SET sealed = x'' WHERE pointer = '/who'",
        "UPDATE part SET sealed = (SELECT sealed FROM part WHERE pointer = '/tags/1') WHERE pointer = '/who'",
    ],
)
def test_I11_a_part_that_was_changed_is_tampering_and_no_reading(ledgers: Ledgers, log: Ledger, statement: str) -> None:
    log.append(household())
    edited(ledgers, statement)

    with pytest.raises(TamperedError):
        open_part(log, 2, "/who", **WORDS)

    assert log.size == 3


def test_I11_a_part_sealed_again_with_another_value_is_tampering(
    ledgers: Ledgers, log: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the vault's keys can seal anything; the entry's commitment is what they cannot change."""
    log.append(household())
    monkeypatch.setattr(Vault, "open", lambda self, digest, sealed: bytes(32) + b'"Eve"')

    with pytest.raises(TamperedError, match="the part is not the one that the entry commits to"):
        open_part(log, 2, "/who", **WORDS)


def test_I11_a_part_under_another_commitment_is_tampering(ledgers: Ledgers, log: Ledger) -> None:
    log.append(household())
    edited(ledgers, "UPDATE part SET commitment = zeroblob(32) WHERE pointer = '/who'")

    with pytest.raises(TamperedError, match="entry 2 /who: the part is not the one"):
        open_part(log, 2, "/who", **WORDS)


def test_I11_a_body_that_was_changed_is_tampering(ledgers: Ledgers, log: Ledger) -> None:
    log.append(household())
    edited(ledgers, "UPDATE body SET bytes = CAST(replace(CAST(bytes AS TEXT), '1', '2') AS BLOB) WHERE seq = 2")

    with pytest.raises(TamperedError, match="the body is not the one that the entry commits to"):
        open_body(log, 2, **WORDS)


def test_I11_a_data_key_that_was_changed_is_tampering(log: Ledger) -> None:
    log.append(household())
    assert log.vault is not None
    db = sqlite3.connect(log.vault.folder / "vault.db", isolation_level=None)
    db.execute("UPDATE data_key SET wrapped = zeroblob(60)")
    db.close()

    with pytest.raises(TamperedError, match="a data key does not open under its key"):
        open_part(log, 2, "/who", **WORDS)


def test_the_commitment_of_a_part_is_that_of_its_salt_and_bytes(log: Ledger) -> None:
    receipt = log.append(household())
    (row,) = [row for row in log.store.parts.among([receipt.seq]) if row.pointer == "/who"]
    assert log.vault is not None

    plain = log.vault.open(row.commitment, row.sealed)

    assert commitment("part", plain[:32], plain[32:]) == dict(parse_entry(receipt.entry).parts)["/who"]
    assert len(row.sealed) == 12 + 32 + len(plain[32:]) + 16


def test_a_sealed_part_opens_only_where_it_belongs(ledgers: Ledgers, log: Ledger) -> None:
    """The origin and the commitment are bound to the ciphertext."""
    log.append(household())
    rows = log.store.parts.among([2])
    assert log.vault is not None
    other = Vault(log.vault.folder, origin="ledger.example/other")

    with pytest.raises(TamperedError):
        log.vault.open(rows[0].commitment, rows[1].sealed)
    with pytest.raises(TamperedError):
        other.open(rows[0].commitment, rows[0].sealed)
    other.close()


LINEAGE = {
    "eventType": "COMPLETE",
    "inputs": [{"namespace": "db", "name": "a", "facets": {"columnLineage": {"dataset": []}, "doc": {"x": 1}}}],
    "outputs": [{"namespace": "db", "name": "b"}],
    "job": {"namespace": "air", "name": "j", "facets": {"sql": {"query": "select 1"}, "lineage": {"entries": []}}},
    "run": {"runId": "r", "facets": {"parent": {"run": {"runId": "p"}}}},
    "producer": "https://example.org",
}
OBSERVED = "tallystick.lineage.run-observed.v1"


@pytest.mark.parametrize(
    "pointer",
    [
        "",
        "/eventType",
        "/inputs",
        "/inputs/0",
        "/inputs/0/name",
        "/inputs/0/facets",
        "/inputs/0/facets/columnLineage/dataset",
        "/outputs",
        "/outputs/0/namespace",
        "/job",
        "/job/name",
        "/job/facets",
        "/job/facets/lineage/entries",
        "/run",
        "/run/runId",
    ],
)
def test_what_lineage_is_read_from_is_never_sealed(log: Ledger, pointer: str) -> None:
    with pytest.raises(RefusedError, match="holds what a closure is computed from"):
        log.append(Event(type=OBSERVED, source="s", data=json.dumps(LINEAGE).encode(), parts=(pointer,), person="ada"))

    assert log.size == 2


def test_what_no_rule_of_lineage_looks_at_is_sealed(log: Ledger) -> None:
    pointers = ("/inputs/0/facets/doc", "/job/facets/sql/query", "/producer", "/run/facets/parent/run")
    event = Event(type=OBSERVED, source="s", data=json.dumps(LINEAGE).encode(), parts=pointers, person="ada")

    receipt = log.append(event)

    assert tuple(pointer for pointer, _ in parse_entry(receipt.entry).parts) == pointers


@pytest.mark.parametrize("pointer", ["", "/datasets", "/datasets/0/name", "/request"])
def test_where_a_deletion_begins_is_never_sealed(log: Ledger, pointer: str) -> None:
    data = b'{"datasets":[{"name":"a","namespace":"db"}],"request":"r","subject":"ada"}'
    with pytest.raises(RefusedError, match="holds what a closure is computed from"):
        log.append(
            Event(type="tallystick.deletion.requested.v1", source="s", data=data, parts=(pointer,), person="ada")
        )
