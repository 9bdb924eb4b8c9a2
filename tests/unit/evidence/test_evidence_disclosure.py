"""What is opened and what is only said to be there; who opened what stands in the log before it is open."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import ledger
from evidence import redact, seal
from evidence.question import about_dataset, about_stream, everything
from evidence.terms import Disclosure, Terms
from ledger.erasure import erase_person
from proofs.errors import MissingError, RefusedError

House = Any
Files = Callable[[Path | bytes], Mapping[str, bytes]]
Lines = Callable[[bytes], list[Any]]
Opening = Callable[..., Terms]
REQUESTED = "type:tallystick.deletion.requested.v1"
DECIDED = "type:tallystick.validation.decided.v1"
READ = "type:tallystick.ledger.record-read.v1"
PERSON = b"ada@example.org"


def states(lines: list[Any]) -> dict[int, str]:
    return {line["seq"]: line.get("state", "disclosed") for line in lines}


@pytest.mark.parametrize(
    ("bodies", "before", "inside"),
    [("none", "withheld", "withheld"), ("window", "withheld", "disclosed"), ("listed", "disclosed", "disclosed")],
)
def test_bodies_are_opened_as_far_as_the_terms_say(
    shared_house: House, files: Files, lines: Lines, asked: Terms, bodies: Any, before: str, inside: str
) -> None:
    terms = Terms(asked.asked_by, asked.asked_at, Disclosure(bodies))

    sealed = shared_house.export(about_stream(DECIDED, shared_house.at("block")), terms)

    found = states(lines(files(sealed.path)["data/bodies.jsonl"]))
    seqs = shared_house.seqs
    assert found == {
        0: "disclosed",
        1: "disclosed",
        seqs["alert"]: before,
        seqs["block"]: inside,
        sealed.seq - 1: "disclosed",
    }


def test_lineage_is_drawn_from_disclosed_bodies_alone(shared_house: House, files: Files, asked: Terms) -> None:
    opened = shared_house.export(about_dataset("crm", "features"))
    closed = shared_house.export(
        about_dataset("crm", "features"), Terms(asked.asked_by, asked.asked_at, Disclosure("none"))
    )

    assert len(json.loads(files(opened.path)["data/lineage.json"])["edges"]) == 3
    assert json.loads(files(closed.path)["data/lineage.json"])["edges"] == []


def test_a_personal_part_is_withheld_unless_it_is_named(house: House, files: Files, lines: Lines) -> None:
    sealed = house.export(everything())

    found = files(sealed.path)
    assert lines(found["data/parts.jsonl"]) == [
        {"pointer": "/subject", "seq": house.seqs["requested"], "state": "withheld"}
    ]
    assert not any(PERSON in content for content in found.values())
    assert house.log.positions(READ) == []


def test_a_part_is_opened_for_a_reader_and_a_purpose_that_the_log_has_on_record(
    house: House, files: Files, lines: Lines, opening: Opening
) -> None:
    seq = house.seqs["requested"]

    sealed = house.export(about_stream(REQUESTED), opening((seq, "/subject")))

    (part,) = lines(files(sealed.path)["data/parts.jsonl"])
    assert json.loads(b64decode(part["bytes"])) == {"email": "ada@example.org"}
    (read,) = house.log.stream(READ)
    assert read.json() == {"pointers": ["/subject"], "purpose": "sample-check", "reader": "auditor:7", "seq": seq}
    assert read.seq < sealed.seq - 1  # before the census, so that the bundle's own tree holds it


def test_the_same_reading_a_second_time_is_recorded_a_second_time(house: House, opening: Opening) -> None:
    terms = opening((house.seqs["requested"], "/subject"))

    house.export(about_stream(REQUESTED), terms)
    house.export(about_stream(REQUESTED), terms)

    assert len(house.log.positions(READ)) == 2


def test_a_part_that_was_chosen_and_not_opened_stays_withheld(
    house: House, files: Files, lines: Lines, opening: Opening
) -> None:
    note = seal.take_counted_checkpoint(house.log)
    terms = opening((house.seqs["requested"], "/subject"))

    bundle = seal.build(house.log, about_stream(REQUESTED), terms, note=note)

    assert [part["state"] for part in lines(files(bundle.data)["data/parts.jsonl"])] == ["withheld"]
    assert house.log.positions(READ) == []


def test_a_part_outside_of_what_is_asked_is_refused_and_nothing_is_written(
    shared_house: House, opening: Opening
) -> None:
    size = shared_house.log.size

    with pytest.raises(RefusedError, match="outside what is asked"):
        shared_house.export(about_stream(DECIDED), opening((shared_house.seqs["requested"], "/subject")))
    assert shared_house.log.size == size


@pytest.mark.parametrize("pointer", ["", "/email", "/subject/email"])
def test_a_part_that_does_not_exist_is_missing_and_no_reading_is_recorded(
    house: House, opening: Opening, pointer: str
) -> None:
    with pytest.raises(MissingError, match="has no part"):
        house.export(everything(), opening((house.seqs["requested"], pointer)))
    assert house.log.positions(READ) == []


def test_I10_a_destroyed_part_is_told_as_destroyed_and_every_proof_holds(
    house: House, files: Files, lines: Lines, asked: Terms, opening: Opening
) -> None:
    note = seal.take_counted_checkpoint(house.log)
    before = seal.build(house.log, everything(), asked, note=note)

    erase_person(house.log, "person:ada")

    after = seal.build(house.log, everything(), asked, note=note)
    assert [part["state"] for part in lines(files(before.data)["data/parts.jsonl"])] == ["withheld"]
    assert [part["state"] for part in lines(files(after.data)["data/parts.jsonl"])] == ["destroyed"]
    assert house.judge(before.data).word == house.judge(after.data).word == "verified"
    with pytest.raises(MissingError, match="was destroyed"):
        house.export(everything(), opening((house.seqs["requested"], "/subject")))


def test_without_its_vault_a_ledger_opens_no_part(shared_house: House, opening: Opening) -> None:
    terms = opening((shared_house.seqs["requested"], "/subject"))

    with (
        ledger.open(shared_house.url, home=shared_house.home, read_only=True) as reader,
        pytest.raises(MissingError, match="without the vault"),
    ):
        redact.open_parts(reader, terms.disclosure)


@pytest.mark.parametrize(
    "choice",
    [
        {"bodies": "some"},
        {"bodies": None},
        {"parts": ((1, "/a"),)},
        {"parts": ((1, "/a"),), "reader": "auditor:7"},
        {"parts": ((1, "/a"),), "purpose": "check"},
        {"reader": "auditor:7", "purpose": "check"},
        {"parts": ((1, "/a"), (1, "/a")), "reader": "auditor:7", "purpose": "check"},
        {"parts": ((-1, "/a"),), "reader": "auditor:7", "purpose": "check"},
        {"parts": ((True, "/a"),), "reader": "auditor:7", "purpose": "check"},
        {"parts": (("1", "/a"),), "reader": "auditor:7", "purpose": "check"},
        {"parts": ((2**53, "/a"),), "reader": "auditor:7", "purpose": "check"},
        {"parts": ((1, "/\0"),), "reader": "auditor:7", "purpose": "check"},
        {"parts": ((1, "/" + "a" * 256),), "reader": "auditor:7", "purpose": "check"},
        {"parts": ((1, None),), "reader": "auditor:7", "purpose": "check"},
        {"parts": ((1, "/a"),), "reader": "Ada Lovelace", "purpose": "check"},
        {"parts": ((1, "/a"),), "reader": "auditor:7", "purpose": "ask ada@example.org"},
        {"parts": ((1, "/a"),), "reader": "auditor:7", "purpose": ""},
        {"parts": ((1, "/a"),), "reader": "auditor:7", "purpose": "a\nb"},
        {"parts": ((1, "/a"),), "reader": "auditor:7", "purpose": 7},
        {"parts": tuple((n, "/a") for n in range(10_001)), "reader": "auditor:7", "purpose": "check"},
    ],
)
def test_a_choice_that_is_none_is_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        Disclosure(**choice)


@pytest.mark.parametrize(
    ("by", "at"),
    [
        ("", "2026-11-20T12:00:00.000000Z"),
        ("Ada Lovelace", "2026-11-20T12:00:00.000000Z"),
        ("ada@example.org", "2026-11-20T12:00:00.000000Z"),
        ("a" * 129, "2026-11-20T12:00:00.000000Z"),
        (7, "2026-11-20T12:00:00.000000Z"),
        ("auditor:7", "2026-11-20"),
        ("auditor:7", "2026-11-20T12:00:00.000000+00:00"),
        ("auditor:7", "2026-02-30T12:00:00.000000Z"),
        ("auditor:7", None),
    ],
)
def test_terms_name_a_pseudonym_and_a_time_of_the_ledger(by: Any, at: Any) -> None:
    with pytest.raises(RefusedError):
        Terms(by, at)
