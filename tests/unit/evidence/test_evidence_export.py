"""From a question to a bundle on the disk that its own verifier accepts, and an entry in the log that says so."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import ledger
from evidence import seal
from evidence.question import about_dataset, about_stream, everything
from evidence.terms import Disclosure, Terms
from evidence.trust import evidence_pem, trust_text
from ledger.census import census_event
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.stores.sqlite import SqliteStore
from proofs.errors import (
    ForkError,
    MalformedError,
    MissingError,
    RefusedError,
    TallyError,
    TamperedError,
    UnverifiableError,
)
from proofs.view import verify_bundle

House = Any
Files = Callable[[Path | bytes], Mapping[str, bytes]]
Lines = Callable[[bytes], list[Any]]
DECIDED = "type:tallystick.validation.decided.v1"
CLOSED = "tallystick.ledger.closed.v1"
EXPORTED = "type:tallystick.ledger.evidence-exported.v1"


def test_an_export_is_verified_before_it_is_kept_and_its_entry_names_its_hash(
    shared_house: House, files: Files
) -> None:
    sealed = shared_house.export(about_dataset("crm", "features"))

    data = sealed.path.read_bytes()
    assert sealed.verdict.word == "verified"
    assert shared_house.judge(data).word == "verified"
    record = shared_house.log.entry(sealed.seq)
    assert record.type == "tallystick.ledger.evidence-exported.v1"
    assert record.json() == {
        "asked_by": "auditor:7",
        "bundle": sealed.name,
        "census": sealed.seq - 1,
        "sha256": hashlib.sha256(data).hexdigest(),
        "streams": ["dataset:crm|features"],
    }
    assert sealed.path.name == f"{sealed.name}.zip"


def test_every_bundle_counts_the_key_streams_the_end_of_the_log_and_the_streams_of_the_census(
    shared_house: House, files: Files
) -> None:
    found = files(shared_house.export(about_stream(DECIDED)).path)
    census = json.loads(found["data/entries.jsonl"].splitlines()[-1])

    counted = {one["name"]: one["count"] for one in json.loads(found["data/census.json"])["streams"]}

    assert list(counted) == [
        "source:ledger.example.org/churn",
        "type:tallystick.ledger.census-taken.v1",
        "type:tallystick.ledger.closed.v1",
        "type:tallystick.ledger.key-added.v1",
        "type:tallystick.ledger.key-retired.v1",
        DECIDED,
    ]
    assert counted["type:tallystick.ledger.closed.v1"] == 0
    assert census["streams"] == {name: counted[name] for name in list(counted)[:2]}


def test_an_export_of_a_closed_log_lists_its_end(empty_house: House, lines: Lines, files: Files) -> None:
    empty_house.log.record([Event(type=CLOSED, source=empty_house.log.origin, data=b'{"reason":"moved"}')])

    sealed = empty_house.export(about_stream(DECIDED))

    listed = lines(files(sealed.path)["data/entries.jsonl"])
    assert sealed.verdict.word == "verified"
    assert [entry["type"] for entry in listed][-2:] == [CLOSED, "tallystick.ledger.census-taken.v1"]


def test_a_counter_that_somebody_set_back_is_found_before_everything_is_handed_over(empty_house: House) -> None:
    for number in range(3):
        empty_house.append(f"{number}", "tallystick.validation.decided.v1", {"run": "1"})
    with closing(sqlite3.connect(empty_house.url.removeprefix("sqlite:///"))) as db, db:
        db.execute("UPDATE stream SET count = 1 WHERE name = ?", [DECIDED])

    with pytest.raises(TamperedError, match="does not verify at step streams: census says") as told:
        empty_house.export(everything())

    assert told.value.where == "data/entries.jsonl line 6"


def test_an_old_census_that_is_recorded_again_is_found_by_the_verifier_and_by_fsck(empty_house: House) -> None:
    log = empty_house.log
    first = json.loads(log.entry(log.take_census().seq).body)
    empty_house.append("since", "tallystick.validation.decided.v1", {"run": "1"})
    again = census_event(bytes.fromhex(first["root"]), first["streams"], origin=log.origin)
    (receipt,) = log.record([again.model_copy(update={"id": "again"})])

    with pytest.raises(TamperedError, match="does not verify at step census: census 4 has the root of census 2"):
        empty_house.export(everything())

    assert [(finding.code, finding.where) for finding in fsck(log.store).findings] == [
        ("census", f"entry {receipt.seq}")
    ] * 2


def test_the_verdict_on_an_export_says_how_complete_each_stream_is(shared_house: House) -> None:
    stop = shared_house.at("block")
    sealed = shared_house.export(about_stream(DECIDED, None, stop))

    (stream,) = sealed.verdict.streams
    assert (stream.name, stream.count, stream.listed, stream.grade) == (DECIDED, 3, 2, "complete as filed")


def test_the_question_for_the_whole_log_lists_every_entry(shared_house: House, files: Files, lines: Lines) -> None:
    sealed = shared_house.export(everything())

    entries = lines(files(sealed.path)["data/entries.jsonl"])
    assert [entry["seq"] for entry in entries] == list(range(sealed.seq))
    assert json.loads(files(sealed.path)["data/scope.json"])["control"]["entries"] == sealed.seq


def test_a_window_lists_its_entries_and_one_neighbour_on_each_side(
    shared_house: House, files: Files, lines: Lines
) -> None:
    sealed = shared_house.export(about_stream(DECIDED, shared_house.at("alert"), shared_house.at("block")))

    entries = lines(files(sealed.path)["data/entries.jsonl"])
    expected = [
        0,
        1,
        shared_house.seqs["allow"],
        shared_house.seqs["alert"],
        shared_house.seqs["block"],
        sealed.seq - 1,
    ]
    assert [entry["seq"] for entry in entries] == expected


@pytest.mark.parametrize(
    ("from_", "to"),
    [("2020-01-01", "2020-01-02"), ("2026-11-21", "2026-11-22"), ("2026-11-20T09:00:00.1Z", "2026-11-20T09:00:00.2Z")],
)
def test_a_window_without_entries_is_answered_by_its_neighbours(shared_house: House, from_: str, to: str) -> None:
    sealed = shared_house.export(about_stream(DECIDED, from_, to))

    assert [(stream.count, stream.listed) for stream in sealed.verdict.streams] == [(3, 0)]


def test_a_stream_that_nobody_ever_wrote_to_is_proven_to_be_empty(shared_house: House, files: Files) -> None:
    sealed = shared_house.export(about_stream("dataset:crm|nothing"))

    assert [(stream.count, stream.listed) for stream in sealed.verdict.streams] == [(0, 0)]
    assert json.loads(files(sealed.path)["data/scope.json"])["control"]["streams"] == [
        {"count": 0, "listed": 0, "name": "dataset:crm|nothing"}
    ]


def test_a_ledger_in_which_nothing_happened_answers_too(empty_house: House) -> None:
    sealed = empty_house.export(about_dataset("crm", "features"))

    assert sealed.verdict.word == "verified"
    assert sealed.verdict.facts["size"] == 3


def test_the_key_streams_can_be_asked_for_themselves(shared_house: House) -> None:
    sealed = shared_house.export(about_stream("type:tallystick.ledger.key-added.v1", "2026-11-21"))

    assert [(stream.count, stream.listed) for stream in sealed.verdict.streams] == [(1, 0)]


def test_an_event_in_hundreds_of_streams_is_listed_with_all_its_continuations(
    house: House, files: Files, lines: Lines
) -> None:
    datasets = [{"namespace": "lake", "name": f"part-{n:03}"} for n in range(300)]
    wide = house.append("wide", "tallystick.residency.decided.v1", {"datasets": datasets})
    house.append("after", "org.example.other.v1", {"n": 1})

    sealed = house.export(about_dataset("lake", "part-299"))

    found = files(sealed.path)
    assert [entry["seq"] for entry in lines(found["data/entries.jsonl"])] == [
        0,
        1,
        wide,
        wide + 1,
        wide + 2,
        sealed.seq - 1,
    ]
    # The stream's only entry is the last continuation; the event itself answers with it.
    assert [(stream.count, stream.listed) for stream in sealed.verdict.streams] == [(1, 1)]
    assert "bytes" in lines(found["data/bodies.jsonl"])[2]


def test_an_entry_that_is_exactly_full_is_listed_with_the_one_after_it(
    house: House, files: Files, lines: Lines
) -> None:
    datasets = [{"namespace": "lake", "name": f"part-{n:03}"} for n in range(126)]
    full = house.append("full", "tallystick.residency.decided.v1", {"datasets": datasets})
    house.append("after", "org.example.other.v1", {"n": 1})

    sealed = house.export(about_dataset("lake", "part-000"))

    found = files(sealed.path)
    assert [entry["seq"] for entry in lines(found["data/entries.jsonl"])] == [0, 1, full, full + 1, sealed.seq - 1]
    assert lines(found["data/bodies.jsonl"])[3] == {"seq": full + 1, "state": "withheld"}


def test_equal_inputs_give_equal_bytes_also_when_the_log_has_grown(house: House, asked: Terms) -> None:
    note = seal.take_counted_checkpoint(house.log)
    question = about_dataset("crm", "features", "2026-11-20", "2026-11-21")
    first = seal.build(house.log, question, asked, note=note)

    house.append("later", DECIDED.removeprefix("type:"), {"dataset": {"namespace": "crm", "name": "features"}})
    house.log.take_census()
    house.log.checkpoint()
    with ledger.open(house.url, home=house.home, passphrase=lambda: b"test", clock=house.clock) as reopened:
        again = seal.build(reopened, question, asked, note=note)

    assert again == first
    assert house.judge(first.data).word == "verified"


def test_other_inputs_give_bundles_of_other_names(shared_house: House, asked: Terms) -> None:
    note = seal.take_counted_checkpoint(shared_house.log)
    questions = [about_dataset("crm", "features"), about_dataset("crm", "scores"), everything()]
    terms = [asked, Terms("auditor:8", asked.asked_at), Terms(asked.asked_by, asked.asked_at, Disclosure("none"))]

    names = {seal.build(shared_house.log, question, each, note=note).name for question in questions for each in terms}

    assert len(names) == 9
    assert all(name.startswith("ledger.example.org-churn-") for name in names)


def test_I14_a_bundle_since_a_kept_head_proves_that_the_log_grew_from_it(house: House, asked: Terms) -> None:
    kept = house.log.checkpoint()
    house.append("more", "org.example.other.v1", {"n": 1})

    since = house.export(everything(), Terms(asked.asked_by, asked.asked_at, since=kept.note))
    without = house.export(everything())

    assert since.verdict.facts["view"] == f"consistent with the kept head of size {kept.checkpoint.size}"
    assert house.judge(without.path.read_bytes(), expected_head=kept.note).word == "unverifiable"


def test_a_head_of_another_history_is_a_fork(
    shared_house: House, make_house: Callable[..., House], asked: Terms
) -> None:
    other = make_house(lambda each: each.append("other", "org.example.other.v1", {"n": 1}))
    kept = other.log.checkpoint().note

    with pytest.raises(ForkError, match="has another one there"):
        shared_house.export(everything(), Terms(asked.asked_by, asked.asked_at, since=kept))


@pytest.mark.parametrize("since", [b"", b"nonsense", b"\xff" * 10])
def test_what_is_no_checkpoint_is_refused_before_a_census_is_taken(
    shared_house: House, since: bytes, asked: Terms
) -> None:
    size = shared_house.log.size

    with pytest.raises(MalformedError):
        shared_house.export(everything(), Terms(asked.asked_by, asked.asked_at, since=since))
    assert shared_house.log.size == size


def test_the_stages_are_told_in_their_order(shared_house: House, asked: Terms) -> None:
    told: list[tuple[str, int, int]] = []

    seal.export(
        shared_house.log,
        everything(),
        asked,
        out_dir=shared_house.out,
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )

    assert [stage for stage, _, _ in told] == list(seal.STAGES)
    assert [(done, total) for _, done, total in told] == [(n, 5) for n in range(5)]


def test_a_ledger_that_is_open_for_reading_only_exports_nothing(shared_house: House, asked: Terms) -> None:
    with (
        ledger.open(shared_house.url, home=shared_house.home, read_only=True) as reader,
        pytest.raises(RefusedError, match="reading only"),
    ):
        seal.export(reader, everything(), asked, out_dir=shared_house.out)


def test_without_its_keys_a_ledger_exports_nothing_and_writes_nothing(shared_house: House, asked: Terms) -> None:
    size = shared_house.log.size

    with (
        Ledger(SqliteStore(shared_house.url.removeprefix("sqlite:///"))) as stranger,
        pytest.raises(MissingError, match="no keyring"),
    ):
        seal.export(stranger, everything(), asked, out_dir=shared_house.out)
    assert shared_house.log.size == size


def test_an_empty_log_has_nothing_to_count(asked: Terms, tmp_path: Path) -> None:
    from ledger.stores.memory import MemoryStore

    log = Ledger(MemoryStore(origin="ledger.example.org/void"))

    with pytest.raises(RefusedError, match="the log is empty"):
        seal.export(log, everything(), asked, out_dir=tmp_path)
    with pytest.raises(RefusedError, match="the log is empty"):
        seal.take_counted_checkpoint(log)


def test_a_folder_that_cannot_be_written_to_is_refused_before_a_census_is_taken(house: House, asked: Terms) -> None:
    size = house.log.size
    house.out.write_bytes(b"a file, not a folder")

    with pytest.raises(RefusedError, match="cannot be made"):
        seal.export(house.log, everything(), asked, out_dir=house.out)
    assert house.log.size == size


def test_nothing_is_left_in_the_folder_when_the_log_refuses_the_entry(
    house: House, asked: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(events: list[Event]) -> None:
        raise RefusedError("the disk is full")

    monkeypatch.setattr(house.log, "record", refuse)

    with pytest.raises(RefusedError, match="the disk is full"):
        seal.export(house.log, everything(), asked, out_dir=house.out)
    assert list(house.out.iterdir()) == []


def test_nothing_is_left_when_the_folder_is_gone_by_then(house: House, asked: Terms) -> None:
    def vanish(stage: str, done: int, total: int) -> None:
        if stage == "keeping it":
            house.out.rmdir()

    with pytest.raises(RefusedError, match="cannot be written"):
        seal.export(house.log, everything(), asked, out_dir=house.out, progress=vanish)
    assert house.log.positions(EXPORTED) == []


def test_nothing_is_left_in_the_folder_when_its_name_is_taken_by_a_folder(
    house: House, asked: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = house.log.record

    def record(events: list[Event]) -> Any:
        (house.out / f"{json.loads(events[0].data)['bundle']}.zip").mkdir()
        return genuine(events)

    monkeypatch.setattr(house.log, "record", record)

    with pytest.raises(RefusedError, match="cannot be written"):
        seal.export(house.log, everything(), asked, out_dir=house.out)
    assert [path.is_dir() for path in house.out.iterdir()] == [True]


def test_a_wrong_passphrase_is_found_out_before_a_census_is_taken(house: House, asked: Terms) -> None:
    size = house.log.size

    with (
        ledger.open(house.url, home=house.home, passphrase=lambda: b"wrong", clock=house.clock) as locked,
        pytest.raises(UnverifiableError, match="does not open with this passphrase"),
    ):
        seal.export(locked, everything(), asked, out_dir=house.out)
    assert house.log.size == size


def test_a_ledger_in_memory_exports_as_well(asked: Terms, tmp_path: Path) -> None:
    secrets = {"home": tmp_path / "home", "passphrase": lambda: b"test"}
    with ledger.create("memory://", origin="ledger.example.org/brief", **secrets) as log:
        with log.run("churn.features", inputs=["crm|households"], outputs=["crm|features"]):
            pass

        sealed = seal.export(log, about_dataset("crm", "features"), asked, out_dir=tmp_path / "out")

    assert [(stream.count, stream.listed) for stream in sealed.verdict.streams] == [(2, 2)]


def test_a_dataset_that_is_filed_under_a_hash_is_asked_for_by_its_name(house: House, files: Files) -> None:
    name = "x" * 300
    house.append("long", "tallystick.residency.decided.v1", {"dataset": {"namespace": "crm", "name": name}})

    sealed = house.export(about_dataset("crm", name))

    assert [(stream.count, stream.listed) for stream in sealed.verdict.streams] == [(1, 1)]
    assert json.loads(files(sealed.path)["data/scope.json"])["question"]["subject"] == f"dataset:crm|{name}"


def test_a_checkpoint_that_ends_with_no_census_seals_nothing(house: House, asked: Terms) -> None:
    house.append("last", "org.example.other.v1", {"n": 1})
    note = house.log.checkpoint().note

    with pytest.raises(RefusedError, match="is not a census"):
        seal.build(house.log, everything(), asked, note=note)


def test_a_checkpoint_of_another_history_seals_nothing(make_house: Callable[..., House], asked: Terms) -> None:
    one, other = make_house(), make_house()
    one.log.take_census()

    with pytest.raises(TamperedError, match="are not those of the checkpoint"):
        seal.build(one.log, everything(), asked, note=seal.take_counted_checkpoint(other.log))


def forge(house: House, sql: str, *values: object) -> None:
    """Change what is stored behind the ledger's back."""
    with house.log.store.projecting() as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{trigger}"')
        db.execute(sql, list(values))


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("UPDATE body SET bytes = x'7b7d' WHERE seq = ?", "stored body is not the one that the entry commits to"),
        ("UPDATE body SET salt = zeroblob(32) WHERE seq = ?", "stored body is not the one that the entry commits to"),
        ("UPDATE entry SET header = CAST(replace(CAST(header AS TEXT), '\"id\":\"id-', '\"id\":\"jd-') AS BLOB) WHERE seq = ?",
         "entry 10 does not follow the stored entry 9"),
        ("UPDATE entry SET header = x'7b7d' WHERE seq = ?", "is damaged"),
    ],
)  # fmt: skip
def test_what_was_forged_is_found_before_a_census_is_taken_and_the_head_stays(
    house: House, asked: Terms, sql: str, complaint: str
) -> None:
    house.log.positions(f"type:{DECIDED}")  # the views are up to date, so that nothing but the export reads the entries
    forge(house, sql, house.seqs["block"])
    assert house.log.keyring is not None
    before = (house.log.size, house.log.keyring.head(), len(house.log.store.checkpoints.all()))

    with pytest.raises(TallyError, match=complaint):
        seal.export(house.log, about_stream(DECIDED), asked, out_dir=house.out)

    assert (house.log.size, house.log.keyring.head(), len(house.log.store.checkpoints.all())) == before
    assert list(house.out.glob("*")) == []


def test_a_forged_part_is_found_before_its_reading_and_a_census_are_recorded(house: House) -> None:
    disclosure = Disclosure(parts=((house.seqs["requested"], "/subject"),), reader="auditor:7", purpose="check")
    forge(house, "UPDATE part SET sealed = zeroblob(length(sealed)) WHERE seq = ?", house.seqs["requested"])
    size = house.log.size

    with pytest.raises(TamperedError):
        seal.export(
            house.log, everything(), Terms("auditor:7", "2026-11-20T12:00:00.000000Z", disclosure), out_dir=house.out
        )

    assert house.log.size == size


def test_a_body_that_is_forged_after_the_checkpoint_keeps_the_bundle_in_the_house(house: House, asked: Terms) -> None:
    note = seal.take_counted_checkpoint(house.log)
    forge(house, "UPDATE body SET bytes = x'7b7d' WHERE seq = ?", house.seqs["block"])
    bundle = seal.build(house.log, about_stream(DECIDED), asked, note=note)

    with pytest.raises(TamperedError, match="does not verify at step bodies: body of entry"):
        seal.judge(house.log, bundle)


def test_a_stored_entry_that_was_altered_seals_nothing(house: House, asked: Terms) -> None:
    note = seal.take_counted_checkpoint(house.log)
    forge(house, "UPDATE entry SET header = x'7b7d' WHERE seq = ?", house.seqs["block"])

    with pytest.raises(TamperedError, match="are not those of the checkpoint"):
        seal.build(house.log, about_stream(DECIDED), asked, note=note)


def test_ten_thousand_entries_of_one_stream_among_twenty_thousand(house: House) -> None:
    body = {"dataset": {"namespace": "crm", "name": "busy"}}
    decided = [Event.of("tallystick.validation.decided.v1", "urn:x", body, id=f"d{n}") for n in range(10_000)]
    others = [Event.of("org.example.other.v1", "urn:y", n, id=f"o{n}") for n in range(10_000)]
    mixed = [event for pair in zip(decided, others, strict=True) for event in pair]
    for start in range(0, 20_000, 5_000):
        house.log.append(mixed[start : start + 5_000])

    sealed = house.export(about_dataset("crm", "busy"))

    assert [(stream.count, stream.listed) for stream in sealed.verdict.streams] == [(10_000, 10_000)]


def test_the_trust_file_and_the_evidence_key_are_those_of_the_log(shared_house: House) -> None:
    text = trust_text(shared_house.log)
    sealed = shared_house.export(everything())

    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines[0].startswith("log ledger.example.org/churn+")
    assert lines[1:] == ["quorum none"]
    assert verify_bundle(sealed.path.read_bytes(), trust=text.encode()).word == "verified"
    assert evidence_pem(shared_house.log).startswith("-----BEGIN PUBLIC KEY-----\n")
    assert shared_house.judge(sealed.path.read_bytes()).grades == ("chained", "signed")
