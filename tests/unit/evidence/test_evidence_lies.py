"""A dishonest issuer with the genuine keys: it edits what was selected, makes everything else fit, and is refused.

Every lie proves again what it lists, so that no hash and no signature gives it away; only what the census counts and the
entries commit to does. The last test shows that what is not a lie goes through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evidence import seal
from evidence.answer import Answer, Item, gather
from evidence.question import Question, about_dataset, about_stream
from evidence.redact import DESTROYED, WITHHELD, Content
from evidence.terms import Terms
from ledger.census import CountProof
from proofs import merkle
from proofs.census import bucket_bytes, stream_hash
from proofs.entry import parse_entry
from proofs.report import Verdict
from proofs.scope import Window

House = Any
Lie = Callable[[Answer, House], Answer]
DECIDED = "type:tallystick.validation.decided.v1"


def answered(house: House, question: Question, terms: Terms) -> Answer:
    return gather(house.log, question, terms, note=seal.take_counted_checkpoint(house.log), opened={})


def judged(house: House, answer: Answer) -> Verdict:
    """The verdict on an answer that was sealed with the log's own keys."""
    signer = house.log.signer("evidence")
    verdict: Verdict = house.judge(seal.seal_answer(answer, signer).data)
    return verdict


def listing(answer: Answer, house: House, items: list[Item]) -> Answer:
    """`answer` with other entries, and the proof that the tree holds exactly these."""
    cover = merkle.cover(answer.checkpoint.size, [item.entry.seq for item in items])
    subtrees = tuple((level, index, house.log.tree.subtree(level, index)) for level, index in cover)
    return replace(answer, items=tuple(items), subtrees=subtrees)


def without(*names: str) -> Lie:
    def lie(answer: Answer, house: House) -> Answer:
        seqs = {house.seqs[name] for name in names}
        fewer = [item for item in answer.items if item.entry.seq not in seqs]
        streams = [replace(stream, listed=stream.listed - len(seqs)) for stream in answer.streams]
        return replace(listing(answer, house, fewer), streams=tuple(streams))

    return lie


def with_entry(name: str) -> Lie:
    def lie(answer: Answer, house: House) -> Answer:
        seq = house.seqs[name]
        header = house.log.entry(seq).header
        more = [*answer.items, Item(header, parse_entry(header), False, WITHHELD, ())]
        return listing(answer, house, sorted(more, key=lambda item: item.entry.seq))

    return lie


def with_body(name: str, body: Content) -> Lie:
    def lie(answer: Answer, house: House) -> Answer:
        seq = house.seqs[name]
        return replace(
            answer,
            items=tuple(replace(item, body=body) if item.entry.seq == seq else item for item in answer.items),
        )

    return lie


def with_window(window: Window) -> Lie:
    def lie(answer: Answer, house: House) -> Answer:
        streams = tuple(replace(stream, name=window.name) for stream in answer.streams)
        return replace(answer, question=Question("stream", (window,)), streams=streams)

    return lie


def with_count(count: int, *, in_bucket: bool) -> Lie:
    def counted(proof: CountProof) -> CountProof:
        if proof.name != DECIDED:
            return proof
        bucket = bucket_bytes([(stream_hash(DECIDED), count)]) if in_bucket else proof.bucket
        return replace(proof, count=count, bucket=bucket)

    def lie(answer: Answer, house: House) -> Answer:
        fewer = without("block")(answer, house)
        streams = [replace(stream, count=count) for stream in fewer.streams]
        return replace(fewer, counts=tuple(map(counted, answer.counts)), streams=tuple(streams))

    return lie


def without_census(answer: Answer, house: House) -> Answer:
    return listing(answer, house, list(answer.items[:-1]))


def without_ledger_body(answer: Answer, house: House) -> Answer:
    key_added = answer.items[1]
    return replace(answer, items=(answer.items[0], replace(key_added, body=WITHHELD), *answer.items[2:]))


LIES: dict[str, tuple[Lie, str, str]] = {
    "the first entry of the window is left out": (without("allow"), "incomplete", "streams"),
    "an entry in the middle is left out": (without("alert"), "incomplete", "streams"),
    "the last entry is left out": (without("block"), "incomplete", "streams"),
    "all of them are left out": (without("allow", "alert", "block"), "incomplete", "streams"),
    "the last is left out and the count told lower": (with_count(2, in_bucket=False), "tampered", "census"),
    "the last is left out and the bucket made to fit": (with_count(2, in_bucket=True), "tampered", "census"),
    "an entry that was not asked for is slipped in": (with_entry("published"), "tampered", "streams"),
    "the question is narrowed behind the entries": (
        with_window(Window(DECIDED, None, "2026-11-20T09:00:00.000000Z")),
        "tampered",
        "streams",
    ),
    "the answer is passed off as that of another stream": (with_window(Window("run:1")), "tampered", "census"),
    "a body is replaced": (with_body("block", Content("disclosed", bytes(32), b"{}")), "tampered", "bodies"),
    "the census is left out": (without_census, "tampered", "census"),
    "a body of the ledger's own is withheld": (without_ledger_body, "incomplete", "log-key"),
}


@pytest.mark.parametrize(("lie", "word", "step"), LIES.values(), ids=LIES)
def test_I13_a_lie_about_what_was_selected_is_refused(
    shared_house: House, asked: Terms, lie: Lie, word: str, step: str
) -> None:
    honest = answered(shared_house, about_stream(DECIDED), asked)

    verdict = judged(shared_house, lie(honest, shared_house))

    assert verdict.failure is not None
    assert (verdict.word, verdict.failure.step) == (word, step)


@pytest.mark.parametrize("neighbour", ["allow", "block"])
def test_a_window_without_its_neighbour_is_refused(shared_house: House, asked: Terms, neighbour: str) -> None:
    question = about_stream(DECIDED, shared_house.at("alert"), shared_house.at("block"))
    honest = answered(shared_house, question, asked)

    fewer = [item for item in honest.items if item.entry.seq != shared_house.seqs[neighbour]]
    verdict = judged(shared_house, listing(honest, shared_house, fewer))

    assert verdict.failure is not None
    assert (verdict.word, verdict.failure.step) == ("incomplete", "streams")


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_an_event_without_all_of_its_continuations_is_refused(house: House, asked: Terms, left_out: int) -> None:
    datasets = [{"namespace": "lake", "name": f"part-{n:03}"} for n in range(300)]
    wide = house.append("wide", "tallystick.residency.decided.v1", {"datasets": datasets})
    honest = answered(house, about_dataset("lake", "part-299"), asked)

    fewer = [item for item in honest.items if item.entry.seq != wide + left_out]
    verdict = judged(house, listing(honest, house, fewer))

    assert verdict.word in ("incomplete", "tampered")


def test_a_forged_part_is_refused(shared_house: House, asked: Terms) -> None:
    honest = answered(shared_house, about_stream("type:tallystick.deletion.requested.v1"), asked)
    forged = (("/subject", Content("disclosed", bytes(32), b'{"email":"eve@example.org"}')),)

    items = tuple(replace(item, parts=forged) if item.parts else item for item in honest.items)
    verdict = judged(shared_house, replace(honest, items=items))

    assert verdict.failure is not None
    assert (verdict.word, verdict.failure.where) == ("tampered", "data/parts.jsonl line 1")


@pytest.mark.parametrize("body", [WITHHELD, DESTROYED])
def test_a_body_that_is_withheld_is_said_to_be_and_is_no_lie(shared_house: House, asked: Terms, body: Content) -> None:
    honest = answered(shared_house, about_stream(DECIDED), asked)

    verdict = judged(shared_house, with_body("block", body)(honest, shared_house))

    assert verdict.word == "verified"
