"""Honest bundles are verified, and the verdict says exactly what was checked, and no more (I17, I18)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from proofs import archive, report
from proofs.report import STEPS
from proofs.view import Reader, TrustedView, verify_bundle

WHOLE = "complete as filed"
UP_TO_CENSUS = "complete as filed, up to the census"

SMALL_JSON = (
    '{"bundle":"bundle","census_at":"2026-11-20T09:00:03.000000Z","certificates":[],"grades":["chained","signed"],'
    '"not_proven":["data/lineage.svg","data/prov.json","data/report.html"],"origin":"ledger.example/churn",'
    '"root":"89c79e0ef2e18160b491b75de3806a1d887e9d00de32b7fad26b799a22a885cc","size":4,"status":0,"steps":['
    '{"detail":"canonical: 21 files in 24627 bytes","outcome":"passed","step":"archive"},'
    '{"detail":"15 files of data, every hash right, none besides","outcome":"passed","step":"manifests"},'
    '{"detail":"checkpoint of size 4 is signed by a trusted key","outcome":"passed","step":"log-key"},'
    '{"detail":"no head was kept","outcome":"passed","step":"expected-head"},'
    '{"detail":"4 entries are in the tree of 4","outcome":"passed","step":"inclusion"},'
    '{"detail":"current are the log key 7ac487f3e331f6d9… and the evidence key caecced854503876…",'
    '"outcome":"passed","step":"keys"},'
    '{"detail":"sealed by the evidence key caecced854503876…","outcome":"passed","step":"evidence-signature"},'
    '{"detail":"entry 3 counts 6 streams, each proven","outcome":"passed","step":"census"},'
    '{"detail":"1 place in 1 stream, none is missing","outcome":"passed","step":"streams"},'
    '{"detail":"4 of 4 bodies disclosed, 0 parts","outcome":"passed","step":"bodies"},'
    '{"detail":"chained, signed","outcome":"passed","step":"grades"}],"streams":[{"count":1,'
    '"grade":"complete as filed, up to the census","listed":1,"name":"type:com.example.tick.v1"}],"v":1,'
    '"verdict":"verified","view":"single view"}\n'
)

SMALL_TEXT = """\
bundle   bundle
log      ledger.example/churn
tree     4 entries, root 89c79e0ef2e18160b491b75de3806a1d887e9d00de32b7fad26b799a22a885cc
census   2026-11-20T09:00:03.000000Z

  ✓ archive             canonical: 21 files in 24627 bytes
  ✓ manifests           15 files of data, every hash right, none besides
  ✓ log-key             checkpoint of size 4 is signed by a trusted key
  ✓ expected-head       no head was kept
  ✓ inclusion           4 entries are in the tree of 4
  ✓ keys                current are the log key 7ac487f3e331f6d9… and the evidence key caecced854503876…
  ✓ evidence-signature  sealed by the evidence key caecced854503876…
  ✓ census              entry 3 counts 6 streams, each proven
  ✓ streams             1 place in 1 stream, none is missing
  ✓ bodies              4 of 4 bodies disclosed, 0 parts
  ✓ grades              chained, signed

VERIFIED: every check passed
  grades   chained, signed
  view     single view

  type:com.example.tick.v1  1 of 1  complete as filed, up to the census

issuer's rendering, not proven: data/lineage.svg, data/prov.json, data/report.html
"""

REFUSED_TEXT = """\
bundle   bundle
log      ledger.example/churn
tree     13 entries, root {root}

  ✓ archive             canonical: 22 files in {size} bytes
  ✓ manifests           16 files of data, every hash right, none besides
  ✓ log-key             checkpoint of size 13 is signed by a trusted key
  ✗ expected-head       expected head
  · inclusion           not reached
  · keys                not reached
  · evidence-signature  not reached
  · census              not reached
  · streams             not reached
  · bodies              not reached
  · grades              not reached

UNVERIFIABLE: nothing at hand says yes or no
  where    expected head
  why      bundle of size 13 carries no proof for the kept head of size 3
  hint     ask for an export made since that head

issuer's rendering, not proven: data/lineage.svg, data/prov.json, data/report.html
"""


def judge(issuer: ModuleType, ledger: Any, question: Any, **reader: Any) -> report.Verdict:
    return verify_bundle(issuer.issue(ledger, question), **{"trust": ledger.trust(), **reader})


def grades(verdict: report.Verdict) -> dict[str, tuple[int, int, str]]:
    assert verdict.word == "verified", verdict.failure
    return {stream.name: (stream.listed, stream.count, stream.grade) for stream in verdict.streams}


def test_I18_the_verdict_on_an_honest_bundle_as_json(issuer: ModuleType) -> None:
    assert report.to_json(judge(issuer, *issuer.small())).decode() == SMALL_JSON


def test_I18_the_verdict_on_an_honest_bundle_as_text(issuer: ModuleType) -> None:
    assert report.to_text(judge(issuer, *issuer.small())) == SMALL_TEXT


def test_I18_a_refusal_as_text_names_step_place_reason_and_what_to_do(issuer: ModuleType) -> None:
    ledger, question = issuer.churn()
    data = issuer.issue(ledger, question)

    verdict = verify_bundle(data, trust=ledger.trust(), expected_head=ledger.checkpoint(size=3))

    root = issuer.root_of(ledger.leaves).hex()
    assert report.to_text(verdict) == REFUSED_TEXT.format(root=root, size=len(data))


def test_I18_a_refusal_as_json_has_no_grade(issuer: ModuleType) -> None:
    ledger, question = issuer.churn()

    told = json.loads(report.to_json(judge(issuer, ledger, question, trust=None)))

    assert {name: told[name] for name in ("verdict", "status", "failed_step", "where", "code", "detail", "hint")} == {
        "verdict": "unverifiable",
        "status": 6,
        "failed_step": "log-key",
        "where": "trust file",
        "code": "unverifiable",
        "detail": "no trust file was given, so that no key is trusted",
        "hint": "name one with --trust; nothing inside a bundle can say whom to believe",
    }
    assert (told["grades"], told["streams"]) == ([], [])
    assert not {"origin", "root", "size", "census_at", "view"} & told.keys()


def test_a_window_with_neighbours_is_complete_whatever_comes_after_the_census(issuer: ModuleType) -> None:
    assert grades(judge(issuer, *issuer.churn())) == {
        "dataset:db|clicks": (2, 4, WHOLE),
        "request:r-1": (2, 2, UP_TO_CENSUS),
    }


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (None, None, (4, 4, UP_TO_CENSUS)),
        (0, 2, (0, 4, WHOLE)),  # before the first
        (3, 4, (0, 4, WHOLE)),  # between two
        (9, 11, (0, 4, WHOLE)),  # behind the last
        (2, 3, (1, 4, WHOLE)),
        (None, 8, (3, 4, WHOLE)),
        (8, 9, (1, 4, WHOLE)),
        (8, 12, (1, 4, WHOLE)),  # ends when the census is taken: nothing later can lie in it
        (8, 13, (1, 4, UP_TO_CENSUS)),
        (13, None, (0, 4, UP_TO_CENSUS)),
    ],
)
def test_a_window_anywhere_is_complete(
    start: int | None, stop: int | None, expected: tuple[int, int, str], issuer: ModuleType
) -> None:
    ledger, _ = issuer.churn()
    begin, end = (None if bound is None else issuer.at(bound) for bound in (start, stop))

    verdict = judge(issuer, ledger, issuer.Question([(issuer.CLICKS, begin, end)]))

    assert grades(verdict) == {"dataset:db|clicks": expected}


def test_that_a_stream_has_no_entry_is_proven(issuer: ModuleType) -> None:
    ledger, _ = issuer.churn()

    verdict = judge(issuer, ledger, issuer.Question([("dataset:db|never", None, None)]))

    assert grades(verdict) == {"dataset:db|never": (0, 0, UP_TO_CENSUS)}


def test_a_stream_that_the_census_itself_is_in_is_counted_without_it(issuer: ModuleType) -> None:
    ledger, _ = issuer.churn()

    verdict = judge(issuer, ledger, issuer.Question([(f"source:{issuer.ORIGIN}", None, None)]))

    assert grades(verdict) == {f"source:{issuer.ORIGIN}": (2, 2, UP_TO_CENSUS)}


def test_a_window_on_a_key_stream_does_not_hide_the_other_keys(issuer: ModuleType) -> None:
    ledger, _ = issuer.rotated()
    stream = "type:tallystick.ledger.key-added.v1"

    verdict = judge(issuer, ledger, issuer.Question([(stream, issuer.at(5), issuer.at(6))]))

    assert grades(verdict) == {stream: (1, 4, WHOLE)}


def test_everything_can_be_asked_for(issuer: ModuleType) -> None:
    ledger, _ = issuer.churn()

    verdict = judge(issuer, ledger, issuer.Question([], kind="everything"))

    assert verdict.word == "verified"
    assert verdict.steps[STEPS.index("inclusion")].detail == "13 entries are in the tree of 13"
    assert verdict.steps[STEPS.index("streams")].detail == "all 13 entries of the log, 1 census counted again"


@pytest.mark.parametrize(
    ("kind", "subject", "stream"),
    [("dataset", "dataset:db|clicks", "dataset:db|clicks"), ("deletion", "r-1", "request:r-1")],
)
def test_a_subject_is_answered_by_its_stream(kind: str, subject: str, stream: str, issuer: ModuleType) -> None:
    ledger, _ = issuer.churn()

    verdict = judge(issuer, ledger, issuer.Question([(stream, None, None)], kind=kind, subject=subject))

    assert list(grades(verdict)) == [stream]


@pytest.mark.parametrize("streams", [1, 126, 127, 252, 253, 300])
def test_an_event_in_many_streams_is_shown_with_all_that_continues_it(streams: int, issuer: ModuleType) -> None:
    ledger, question = issuer.wide(streams)

    assert grades(judge(issuer, ledger, question)) == {f"dataset:db|t{streams - 1:03}": (1, 1, UP_TO_CENSUS)}


def test_bodies_and_parts_can_be_withheld_and_destroyed(issuer: ModuleType) -> None:
    ledger, question = issuer.churn()
    question.withheld = frozenset((2, 4, 10))
    question.destroyed = frozenset([9])
    question.withheld_parts = frozenset([9])

    verdict = judge(issuer, ledger, question)

    assert verdict.word == "verified"
    assert verdict.steps[STEPS.index("bodies")].detail == "5 of 9 bodies disclosed, 2 parts: 2 withheld"


@pytest.mark.parametrize("trusted", [("log-1",), ("log-2",), ("log-3",), ("log-1", "log-3")])
def test_a_reader_who_trusts_any_key_of_the_line_is_led_to_the_current_one(
    trusted: tuple[str, ...], issuer: ModuleType
) -> None:
    ledger, question = issuer.rotated()

    assert judge(issuer, ledger, question, trust=ledger.trust(*trusted)).word == "verified"


def test_a_checkpoint_that_is_the_handover_itself_leads_to_the_new_key(issuer: ModuleType) -> None:
    ledger, question = issuer.small()
    ledger.add_key("log", "log-2")
    ledger.retire_key("log", "log-1")
    ledger.log_key = "log-2"
    ledger.take_census()
    note = ledger.checkpoint("log-1", "log-2")
    lies = issuer.Lies(documents=lambda documents: setattr(documents, "checkpoint", note))

    verdict = verify_bundle(issuer.issue(ledger, question, lies), trust=ledger.trust("log-1"))

    assert verdict.word == "verified", verdict.failure


@pytest.mark.parametrize("size", [1, 3, 8, 12, 13])
def test_I17_a_kept_head_is_what_the_tree_begins_with(size: int, issuer: ModuleType) -> None:
    ledger, question = issuer.churn()
    question.since = size if size < 13 else None

    verdict = judge(issuer, ledger, question, expected_head=ledger.checkpoint(size=size))

    assert verdict.word == "verified", verdict.failure
    assert verdict.facts["view"] == f"consistent with the kept head of size {size}"


def test_I17_a_handover_can_be_the_kept_head(issuer: ModuleType) -> None:
    ledger, question = issuer.rotated()

    verdict = judge(issuer, ledger, question, expected_head=ledger.handovers[0][1], trust=ledger.trust("log-1"))

    assert verdict.facts["view"] == "consistent with the kept head of size 5"


def witnesses(issuer: ModuleType, *names: str, quorum: str) -> tuple[Any, Any, Callable[[Any], None], bytes]:
    """The world `churn` cosigned by these witnesses, and a reader who knows a and b."""
    ledger, question = issuer.churn()
    lines = "".join(issuer.Key(name).cosign(ledger.text(), f"{name}.example") for name in names)
    note = ledger.checkpoint(below=lines)
    known = "".join(f"witness {name} {issuer.Key(name).vkey(f'{name}.example', 4)}\n" for name in "ab")
    trust = ledger.trust().decode().replace("quorum none", f"{known}group g any a b\nquorum {quorum}")
    return ledger, question, lambda documents: setattr(documents, "checkpoint", note), trust.encode()


@pytest.mark.parametrize(
    ("names", "quorum", "grade", "view"),
    [
        ("", "none", "witnessed 0 of 2", "single view"),
        ("a", "g", "witnessed 1 of 2", "witnessed 1 of 2"),
        ("ab", "g", "witnessed 2 of 2", "witnessed 2 of 2"),
        ("bc", "b", "witnessed 1 of 2", "witnessed 1 of 2"),
    ],
)
def test_I18_only_witnesses_whom_the_reader_names_are_counted(
    names: str, quorum: str, grade: str, view: str, issuer: ModuleType
) -> None:
    ledger, question, cosign, trust = witnesses(issuer, *names, quorum=quorum)

    verdict = verify_bundle(issuer.issue(ledger, question, issuer.Lies(documents=cosign)), trust=trust)

    assert verdict.grades == ("chained", "signed", grade)
    assert verdict.facts["view"] == view


def test_I18_a_signature_that_nobody_checked_earns_no_grade(issuer: ModuleType) -> None:
    ledger, question = issuer.small()
    question.extra = {"data/checkpoint.tsr": b"token"}
    signatures = {"signatures/manifest.p256.sig": b"der", "signatures/manifest.tsr": b"token"}
    lies = issuer.Lies(tags=lambda files: files.update(signatures))

    verdict = verify_bundle(issuer.issue(ledger, question, lies), trust=ledger.trust())

    assert verdict.grades == ("chained", "signed")
    assert verdict.not_proven[3:] == ("data/checkpoint.tsr", "signatures/manifest.p256.sig", "signatures/manifest.tsr")


def test_a_census_is_not_stale_at_the_very_time_that_is_asked_for(issuer: ModuleType) -> None:
    ledger, question = issuer.churn()

    assert judge(issuer, ledger, question, not_before=issuer.at(12)).word == "verified"


def test_a_time_that_is_none_is_a_wrong_call(issuer: ModuleType) -> None:
    with pytest.raises(ValueError, match="at is not YYYY-MM-DD"):
        verify_bundle(b"", not_before="yesterday")


def test_a_step_cannot_be_taken_before_the_ones_before_it(issuer: ModuleType) -> None:
    ledger, question = issuer.small()
    view = TrustedView(issuer.issue(ledger, question), Reader(ledger.trust()))
    view.archive()

    with pytest.raises(RuntimeError, match="step log-key cannot be taken when 1 steps have passed, expected 2"):
        view.log_key()
    with pytest.raises(RuntimeError, match="step archive cannot be taken when 1 steps have passed, expected 0"):
        view.archive()


def test_the_oracle_packs_as_the_archive_says(issuer: ModuleType) -> None:
    files = issuer.issue_files(*issuer.churn())

    assert issuer.pack(files, "bundle") == archive.write({f"bundle/{path}": data for path, data in files.items()})


def test_I12_a_stream_is_counted_from_zero_without_gaps(issuer: ModuleType) -> None:
    ledger, _ = issuer.churn()

    assert [header["streams"][issuer.CLICKS] for header in ledger.stream(issuer.CLICKS)] == [0, 1, 2, 3]


@pytest.mark.parametrize("fact", ["created", "closed", "key-added", "clock-adjusted", "anything"])
def test_I9_an_entry_of_the_ledger_by_another_source_convicts_whoever_took_it_in(fact: str, issuer: ModuleType) -> None:
    ledger, _ = issuer.small()
    type_ = f"tallystick.ledger.{fact}.v1"
    key = issuer.Key("stranger")
    ledger.append(type_, {"id": key.id, "purpose": "evidence", "spki": key.spki}, source="/pipelines")
    ledger.take_census()

    verdict = judge(issuer, ledger, issuer.Question([("source:/pipelines", None, None)]))

    assert verdict.failure is not None
    assert (verdict.word, verdict.failure.step) == ("tampered", "keys")
    assert verdict.failure.detail.startswith(f"entry 4 of type '{type_}' has the source '/pipelines'")


def test_a_lineage_event_without_structure_says_so_in_the_graph(issuer: ModuleType) -> None:
    ledger = issuer.Ledger()
    ledger.create()
    ledger.append(issuer.LINEAGE_TYPES[0], b"{")
    ledger.append(issuer.LINEAGE_TYPES[0], b'{"job":{"name":"n","namespace":"ns"}}', datacontenttype="text/plain")
    ledger.take_census()
    stream = f"type:{issuer.LINEAGE_TYPES[0]}"
    graph = b'{"datasets":[],"edges":[],"findings":[{"code":"bad-document","seqs":[2,3]}],"jobs":[],"v":1}\n'
    question = issuer.Question([(stream, None, None)])
    assert issuer.issue_files(ledger, question)["data/lineage.json"] == graph

    assert judge(issuer, ledger, question).word == "verified"


@pytest.mark.parametrize(
    ("paths", "what", "where"),
    [
        (["a/x", "b/x"], "archive has 2 top folders, expected 1", "archive header"),
        ([], "archive has 0 top folders, expected 1", "archive header"),
        ([".hidden/x"], "folder '.hidden' is not a bundle's name", ".hidden"),
        (["a" * 121 + "/x"], "folder '" + "a" * 80 + "' is not a bundle's name", "a" * 121),
        (["bundle"], "top folder is a file", "bundle"),
    ],
)
def test_a_bundle_has_one_top_folder_of_a_fitting_name(paths: list[str], what: str, where: str) -> None:
    failure = verify_bundle(archive.write(dict.fromkeys(paths, b""))).failure

    assert failure is not None
    assert (failure.word, failure.step, failure.detail, failure.where) == ("malformed", "archive", what, where)


@pytest.mark.parametrize(("dropped", "number"), [(2, 0), (4, 1), (6, 2), (8, 3)])
def test_I16_the_entry_that_is_missing_is_named_by_its_number(dropped: int, number: int, issuer: ModuleType) -> None:
    ledger, question = issuer.churn()
    lies = issuer.Lies(select=lambda seqs: seqs.discard(dropped))

    failure = verify_bundle(issuer.issue(ledger, question, lies), trust=ledger.trust()).failure

    assert failure is not None
    assert (
        failure.detail == f"number {number} of 'dataset:db|clicks' is not listed, so that the answer may lack entries"
    )


def test_I17_a_reader_who_does_not_know_the_log_is_told_so(issuer: ModuleType) -> None:
    ledger, question = issuer.churn()
    trust = f"log {issuer.Key('log-1').vkey('ledger.example/other')}\nquorum none\n".encode()

    failure = judge(issuer, ledger, question, trust=trust).failure

    assert failure is not None
    assert failure.detail == "the trust file names no Ed25519 key of the log 'ledger.example/churn'"
    assert "by another way than this bundle" in failure.hint


@pytest.mark.parametrize(("purpose", "key"), [("log", "log-1"), ("evidence", "evidence-1")])
def test_a_log_without_a_current_key_is_told_which_is_missing(purpose: str, key: str, issuer: ModuleType) -> None:
    ledger, question = issuer.small()
    ledger.retire_key(purpose, key)
    ledger.take_census()

    failure = judge(issuer, ledger, question).failure

    assert failure is not None
    assert failure.detail == f"no {purpose} key is current at size 6"


def test_I17_a_kept_head_of_another_log_is_told_so(issuer: ModuleType) -> None:
    other = issuer.Ledger(origin="ledger.example/other")
    other.create()

    failure = judge(issuer, *issuer.churn(), expected_head=other.checkpoint()).failure

    assert failure is not None
    assert failure.detail == "kept head is of the log 'ledger.example/other', the bundle of 'ledger.example/churn'"


@pytest.mark.parametrize("module", ["cryptography.hazmat.primitives.asymmetric.mldsa", None])
def test_I18_a_witness_that_nothing_here_can_check_does_not_count(
    module: str | None, issuer: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = b"k" * 1312
    hint = issuer.sha(b"w.example\n\x06" + public)[:4]
    line = f"— w.example {issuer.b64(hint + bytes(8) + b's' * 2420)}\n" if module else ""
    ledger, question = issuer.churn()
    note = ledger.checkpoint(below=line)
    vkey = f"w.example+{hint.hex()}+{issuer.b64(bytes([6]) + public)}"
    trust = ledger.trust().decode().replace("quorum none", f"witness w {vkey}\nquorum w").encode()
    lies = issuer.Lies(documents=lambda documents: setattr(documents, "checkpoint", note))
    if module:
        monkeypatch.setitem(sys.modules, module, None)  # as where the library is not installed

    failure = verify_bundle(issuer.issue(ledger, question, lies), trust=trust).failure

    assert failure is not None
    assert failure.detail == "checkpoint is witnessed by 0 of 1, and the quorum 'w' is not met"
    assert failure.hint == ("nothing here can check the cosignature of 'w'" if module else "ask for more cosignatures")


@pytest.mark.parametrize(
    ("kind", "subject", "detail"),
    [
        ("stream", "dataset:db|clicks", "a question of kind stream has a subject"),
        ("dataset", None, "a question of kind dataset has no subject"),
    ],
)
def test_a_question_whose_kind_and_subject_do_not_fit_is_told_so(
    kind: str, subject: str | None, detail: str, issuer: ModuleType
) -> None:
    ledger, _ = issuer.churn()

    failure = judge(issuer, ledger, issuer.Question([(issuer.CLICKS, None, None)], kind=kind, subject=subject)).failure

    assert failure is not None
    assert failure.detail == detail


def test_a_wrong_total_is_shown_beside_the_right_one_and_a_long_one_is_cut(issuer: ModuleType) -> None:
    ledger, question = issuer.churn()

    def failure(edit: Callable[[Any], Any]) -> report.Failure:
        lies = issuer.Lies(documents=lambda documents: edit(documents.scope["control"]))
        found = verify_bundle(issuer.issue(ledger, question, lies), trust=ledger.trust()).failure
        assert found is not None
        return found

    assert failure(lambda control: control.update(entries=8)).detail == "control.entries is 8, counted 9"
    many = {f"com.example.fact{number}.v1": 1 for number in range(100)}
    long = failure(lambda control: control["types"].update(many)).detail
    assert long.startswith("control.types is {'com.example.fact0.v1': 1,")
    assert 400 < len(long) < 450
