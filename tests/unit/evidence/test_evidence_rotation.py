"""Readers who trust an old log key, a new one, or kept an old bundle: each is led to the right key, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evidence import seal
from evidence.question import about_stream, everything
from evidence.terms import Terms
from evidence.trust import evidence_pem, trust_text
from ledger.fsck import fsck
from ledger.keys import added_event, current, retired_event
from ledger.rotation import add, rotate
from proofs.view import verify_bundle

House = Any
Files = Callable[[Path | bytes], Mapping[str, bytes]]


def grown(house: House, name: str) -> None:
    house.append(name, "org.example.other.v1", {"name": name})


def handovers(found: Mapping[str, bytes]) -> list[int]:
    return [int(path.rpartition("/")[2]) for path in sorted(found) if path.startswith("data/handovers/")]


def test_a_reader_of_the_first_key_is_led_through_every_handover(empty_house: House, files: Files) -> None:
    first = trust_text(empty_house.log).encode()
    sizes = []
    for name in ("one", "two"):
        grown(empty_house, name)
        rotate(empty_house.log, "log")
        sizes.append(empty_house.log.size)
        grown(empty_house, f"after {name}")

    sealed = empty_house.export(everything())

    found = files(sealed.path)
    assert handovers(found) == sizes
    assert [head["size"] for head in json.loads(found["data/consistency.json"])["heads"]] == sizes
    assert verify_bundle(sealed.path.read_bytes(), trust=first).word == "verified"
    assert empty_house.judge(sealed.path.read_bytes()).word == "verified"


def test_a_bundle_of_before_a_rotation_is_sealed_again_with_the_keys_of_then(empty_house: House, asked: Terms) -> None:
    note = seal.take_counted_checkpoint(empty_house.log)
    size = empty_house.log.size
    before = seal.build(empty_house.log, everything(), asked, note=note)
    old_trust, old_pem = trust_text(empty_house.log), evidence_pem(empty_house.log)
    rotate(empty_house.log, "evidence")
    rotate(empty_house.log, "log")

    assert seal.build(empty_house.log, everything(), asked, note=note) == before
    assert trust_text(empty_house.log, size=size) == old_trust != trust_text(empty_house.log)
    assert evidence_pem(empty_house.log, size=size) == old_pem != evidence_pem(empty_house.log)
    # Who begins with the new key was never told of the old one.
    assert empty_house.judge(before.data).word == "unverifiable"


def test_a_checkpoint_that_is_itself_the_handover_stands_nowhere_else(empty_house: House, files: Files) -> None:
    log = empty_house.log
    first = trust_text(log).encode()
    log.checkpoint()
    old = current(log.keys(), "log", size=log.size)
    fresh = log.keyring.generate("log").public_key
    log.record([added_event(log.origin, "log", fresh), retired_event(log.origin, old, reason="rotated")])

    sealed = empty_house.export(everything())

    found = files(sealed.path)
    assert handovers(found) == []
    assert found["data/checkpoint"].count("\n— ".encode()) == 2
    assert verify_bundle(sealed.path.read_bytes(), trust=first).word == "verified"


def test_one_checkpoint_hands_over_twice_where_none_was_taken_between_two_rotations(
    empty_house: House, files: Files
) -> None:
    log = empty_house.log
    trusts = [trust_text(log).encode()]
    log.checkpoint()
    for _ in range(2):
        old = current(log.keys(), "log", size=log.size)
        fresh = log.keyring.generate("log").public_key
        log.record([added_event(log.origin, "log", fresh), retired_event(log.origin, old, reason="rotated")])
        trusts.append(trust_text(log).encode())
    handover = log.checkpoint()
    grown(empty_house, "after both")

    sealed = empty_house.export(everything())

    found = files(sealed.path)
    assert handovers(found) == [handover.checkpoint.size]
    assert handover.note.count("\n— ".encode()) == 3
    assert [verify_bundle(sealed.path.read_bytes(), trust=trust).word for trust in trusts] == ["verified"] * 3
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_new_evidence_key_seals_from_its_entry_on(empty_house: House, files: Files) -> None:
    before = empty_house.export(about_stream("run:1"))
    rotate(empty_house.log, "evidence", "compromised")
    rotated = empty_house.export(about_stream("run:1"))
    add(empty_house.log, "evidence")
    added = empty_house.export(about_stream("run:1"))

    keys = [json.loads(files(sealed.path)["data/keys.json"])["evidence"] for sealed in (before, rotated, added)]
    assert len(set(keys)) == 3
    assert [empty_house.judge(sealed.path.read_bytes()).word for sealed in (before, rotated, added)] == ["verified"] * 3


def test_a_head_kept_before_a_rotation_is_still_a_beginning(empty_house: House, asked: Terms) -> None:
    kept = empty_house.log.checkpoint().note
    first = trust_text(empty_house.log).encode()
    rotate(empty_house.log, "log")

    sealed = empty_house.export(everything(), Terms(asked.asked_by, asked.asked_at, since=kept))

    verdict = verify_bundle(sealed.path.read_bytes(), trust=first, expected_head=kept)
    assert verdict.facts["view"] == "consistent with the kept head of size 2"


@pytest.mark.parametrize("kept_size", ["handover", "same"])
def test_a_kept_head_that_is_a_handover_or_the_checkpoint_itself_is_proven_once(
    empty_house: House, files: Files, asked: Terms, kept_size: str
) -> None:
    rotate(empty_house.log, "log")
    handover = empty_house.log.checkpoint()
    note = seal.take_counted_checkpoint(empty_house.log)
    since = handover.note if kept_size == "handover" else note

    bundle = seal.build(empty_house.log, everything(), Terms(asked.asked_by, asked.asked_at, since=since), note=note)

    heads = json.loads(files(bundle.data)["data/consistency.json"])["heads"]
    assert [head["size"] for head in heads] == [handover.checkpoint.size]
    assert empty_house.judge(bundle.data, expected_head=since).word == "verified"
