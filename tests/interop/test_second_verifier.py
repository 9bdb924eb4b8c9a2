"""A verifier that somebody wrote in JavaScript from docs/formats alone gives the verdicts that ours gives.

Both say the same in every member that is no prose, of honest bundles and of damage that is drawn from a seed. Where an issuer
who holds the keys lies on purpose, verdict and failed step are also those that the pages give.
"""

from __future__ import annotations

import copy
import io
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import ledger
from evidence.question import about_dataset, about_stream, everything
from evidence.seal import export
from evidence.terms import Terms
from evidence.trust import trust_text
from ledger.event import Event
from proofs import readme
from proofs.report import to_json
from proofs.view import verify_bundle

SECOND = Path(__file__).parents[1] / "second_verifier"
COMPARED = (
    *("verdict", "status", "failed_step", "grades", "streams", "view"),
    *("bundle", "census_at", "origin", "root", "size", "not_proven", "certificates"),
)
TICK = "com.example.tick.v1"
DECIDED = "tallystick.validation.decided.v1"
REQUESTED = "tallystick.deletion.requested.v1"
# Sealed again with other bytes, these still verify: nobody proves what they say.
UNPROVEN = ("data/lineage.svg", "data/prov.json", "data/report.html")

Issuer = Any


@dataclass(frozen=True)
class Case:
    """A bundle as a reader meets it."""

    name: str
    bundle: bytes
    trust: bytes | None
    head: bytes | None = None
    not_before: str | None = None


def said(verdict: dict[str, Any]) -> str:
    return f"{verdict['verdict']} {verdict.get('failed_step') or ''}".strip()


def facts(verdict: dict[str, Any]) -> dict[str, Any]:
    """All of a verdict that is no prose: where something is and why is told in words."""
    outcomes = [(step["step"], step["outcome"]) for step in verdict["steps"]]
    return {"steps": outcomes, **{name: verdict.get(name) for name in COMPARED}}


@dataclass(frozen=True)
class Both:
    """Asks both verifiers."""

    node: str
    folder: Path

    def first(self, case: Case) -> dict[str, Any]:
        verdict = verify_bundle(case.bundle, trust=case.trust, expected_head=case.head, not_before=case.not_before)
        found: dict[str, Any] = json.loads(to_json(verdict))
        return found

    def second(self, cases: Sequence[Case]) -> list[dict[str, Any]]:
        requests = []
        for number, case in enumerate(cases):
            request = {} if case.not_before is None else {"not_before": case.not_before}
            for name, data in {"bundle": case.bundle, "trust": case.trust, "expect_head": case.head}.items():
                if data is not None:
                    path = self.folder / f"{number}.{name}"
                    path.write_bytes(data)
                    request[name] = str(path)
            requests.append(json.dumps(request) + "\n")
        command = [self.node, str(SECOND / "verify.mjs"), "--batch"]
        given = "".join(requests).encode()
        done = subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True, timeout=300)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def agree(self, cases: Sequence[Case]) -> dict[str, str]:
        """Return what both said of each case, once they said the same."""
        first = [self.first(case) for case in cases]
        pairs = {case.name: pair for case, *pair in zip(cases, first, self.second(cases), strict=True)}
        assert len(pairs) == len(cases)
        assert {name: pair for name, pair in pairs.items() if facts(pair[0]) != facts(pair[1])} == {}
        return {name: said(one) for name, (one, _) in pairs.items()}


@pytest.fixture(scope="session")
def node() -> str:
    """The program node; a machine without it fails these tests."""
    found = shutil.which("node")
    assert found is not None, "node is not there; packages.txt names the Debian package"
    return found


@pytest.fixture
def both(node: str, tmp_path: Path) -> Both:
    return Both(node, tmp_path)


# --- honest bundles


def test_the_second_verifier_holds_the_same_text_for_readers() -> None:
    assert (SECOND / "bundle-readme.txt").read_text(encoding="utf-8") == readme.TEXT


def honest(issuer: Issuer) -> Iterator[Case]:
    for make in (issuer.small, issuer.churn, issuer.rotated, issuer.wide):
        log, question = make()
        yield Case(make.__name__, issuer.issue(log, question), log.trust())

    log, question = issuer.rotated()
    rotated = issuer.issue(log, replace(question, since=7))
    for name in ("log-1", "log-2", "log-3"):
        yield Case(f"trust in {name}", rotated, log.trust(name))
    yield Case("a kept head", rotated, log.trust("log-1"), log.checkpoint("log-2", size=7))
    yield Case("the same head", rotated, log.trust("log-1"), log.checkpoint())

    log, question = issuer.churn()
    late = replace(question, streams=[(issuer.CLICKS, issuer.at(50), None)])
    hidden = replace(question, withheld=frozenset({4, 9}), destroyed=frozenset({10}), withheld_parts=frozenset({9}))
    whole = issuer.Question([], kind="everything")
    about = issuer.Question([(issuer.CLICKS, None, None)], kind="dataset", subject=issuer.CLICKS)
    nothing = issuer.Question([("dataset:db|nothing", None, None)])
    for name, asked in {"late": late, "hidden": hidden, "whole": whole, "about": about, "nothing": nothing}.items():
        yield Case(name, issuer.issue(log, asked), log.trust(), not_before=issuer.at(12))

    witness = issuer.Key("witness")
    policy = f"log {issuer.Key('log-1').vkey(log.origin)}\nwitness w {witness.vkey('w.example/1', 4)}\nquorum w\n"
    seen = log.checkpoint(below=witness.cosign(log.text(), "w.example/1"))
    lies = issuer.Lies(documents=lambda documents: setattr(documents, "checkpoint", seen))
    yield Case("a witness", issuer.issue(log, question, lies), policy.encode())


def test_both_verify_every_honest_bundle_and_say_the_same_of_it(issuer: Issuer, both: Both) -> None:
    found = both.agree(list(honest(issuer)))

    assert len(found) == 15
    assert set(found.values()) == {"verified"}


def test_both_verify_what_a_real_ledger_exports(both: Both, tmp_path: Path) -> None:
    log = ledger.create(
        f"sqlite:///{tmp_path}/ledger.db", origin="ledger.example/real", home=tmp_path, passphrase=lambda: b"test"
    )
    with log.run("score", inputs=["crm|visits"], outputs=["crm|scores"]):
        pass
    subject = {"request": "r-1", "subject": {"email": "ada@example.org"}}
    log.append(Event.of(REQUESTED, "urn:desk", subject, id="r-1", person="person:ada"))
    head = log.checkpoint().note
    terms = Terms("auditor:7", "2026-11-20T12:00:00.000000Z", since=head)
    questions = {
        "dataset": about_dataset("crm", "scores"),
        "stream": about_stream(f"type:{REQUESTED}"),
        "whole": everything(),
    }
    sealed = {name: export(log, question, terms, out_dir=tmp_path) for name, question in questions.items()}
    trust = trust_text(log).encode()
    log.close()

    found = both.agree([Case(name, one.path.read_bytes(), trust, head) for name, one in sealed.items()])

    assert found == dict.fromkeys(questions, "verified")


# --- damage drawn from a seed: 70 by a stranger, 130 by an issuer who seals again


def flip(draw: random.Random, data: bytes) -> bytes:
    place = draw.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]


def damage_lines(draw: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    how = draw.choice(["drop", "double", "swap", "blank", "cut"])
    if how == "drop":
        del lines[place]
    elif how == "double":
        lines.insert(place, lines[place])
    elif how == "swap":
        lines[place], lines[place - 1] = lines[place - 1], lines[place]
    elif how == "blank":
        lines.insert(place, b"\n")
    else:
        lines[-1] = lines[-1][:-1]
    return b"".join(lines)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for name, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, name))


def damage_value(draw: random.Random, value: Any) -> Any:
    """Another value at one place of a document."""
    document = {"root": copy.deepcopy(value)}
    *way, last = draw.choice(list(places(document))[1:])
    holder: Any = document
    for step in way:
        holder = holder[step]
    item = holder[last]
    if isinstance(item, bool) or item is None:
        holder[last] = draw.choice([0, "true", not item])
    elif isinstance(item, int):
        holder[last] = draw.choice([item + 1, item - 1, 0, -1, 2**53 - 1, str(item), True])
    elif isinstance(item, str):
        holder[last] = draw.choice([item[:-1], item + "0", item + "\n", "", item[1:] + "a", item.upper(), 1])
    elif isinstance(item, list):
        holder[last] = draw.choice([item[1:], item[:-1], item + item[-1:], item[::-1], {}, [*item, 0]])
    else:
        gone = draw.choice([*item, None])
        holder[last] = draw.choice([{name: one for name, one in item.items() if name != gone}, {**item, "zz": 1}, []])
    return document["root"]


def damage_json(draw: random.Random, path: str, data: bytes) -> bytes:
    """A document, or one line of a file of lines, with one other value, printed as the format says."""
    lines = data.splitlines()
    place = draw.randrange(len(lines))
    other = damage_value(draw, json.loads(lines[place]))
    ordered = not path.endswith("entries.jsonl")
    lines[place] = json.dumps(other, ensure_ascii=False, separators=(",", ":"), sort_keys=ordered).encode()
    return b"".join(line + b"\n" for line in lines)


def damage_files(draw: random.Random, files: dict[str, bytes], among: Sequence[str]) -> dict[str, bytes]:
    """The files after some damage that changed them."""
    while (found := damage_file(draw, files, among)) == files:
        pass
    return found


def damage_file(draw: random.Random, files: dict[str, bytes], among: Sequence[str]) -> dict[str, bytes]:
    """One file removed, added, doubled, exchanged with another or changed."""
    path = draw.choice(among)
    how = draw.choice(["remove", "add", "double", "exchange", "flip", "flip", "lines", "lines"] + ["json"] * 8)
    data = files[path]
    if how == "remove":
        return {name: item for name, item in files.items() if name != path}
    if how in ("add", "double"):
        return {**files, path + ".2": data if how == "double" else b"{}\n"}
    if how == "exchange":
        other = draw.choice([name for name in among if files[name] != data])
        return {**files, path: files[other], other: data}
    if how == "json" and path.endswith((".json", ".jsonl")) and data:
        return {**files, path: damage_json(draw, path, data)}
    if how == "lines" and data:
        return {**files, path: damage_lines(draw, data)}
    return {**files, path: flip(draw, data) if data else b"\n"}


def reordered(bundle: bytes) -> bytes:
    """The same files in an archive of another order."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle)) as old, zipfile.ZipFile(target, "w") as new:
        for member in reversed(old.infolist()):
            new.writestr(member, old.read(member))
    return target.getvalue()


def by_a_stranger(issuer: Issuer, draw: random.Random, number: int) -> Case:
    log, question = (issuer.small, issuer.churn, issuer.rotated)[number % 3]()
    if number % 2:
        bundle = issuer.issue(log, question)
        place = draw.randrange(len(bundle) - 1)
        cut = draw.randrange(1, 40)
        changed = [
            reordered(bundle),
            flip(draw, bundle),
            bundle[:place],
            bundle[:place] + bundle[place + cut :],
            bundle + bytes(cut),
            bundle[:place] + bundle[place : place + cut] + bundle[place:],
        ]
        return Case(f"archive {number}", draw.choice(changed), log.trust())
    lies = issuer.Lies(sealed=lambda files: damage_files(draw, files, sorted(files)))
    return Case(f"unsealed {number}", issuer.issue(log, question, lies), log.trust())


def by_the_issuer(issuer: Issuer, draw: random.Random, number: int, *, times: int = 1) -> Case:
    log, question = (issuer.small, issuer.churn, issuer.rotated, issuer.wide)[number % 4]()
    stage = ("files", "files", "files", "tags")[number // 4 % 4]

    def damage(files: dict[str, bytes]) -> dict[str, bytes]:
        whole = dict(files)
        for _ in range(times):
            among = [path for path in sorted(files) if path not in UNPROVEN and files[path] == whole.get(path)]
            files = damage_files(draw, files, among)
        return files

    bundle = issuer.issue(log, question, issuer.Lies(**{stage: damage}))
    return Case(f"{stage} {number}", bundle, log.trust())


def test_both_refuse_what_a_stranger_damaged_at_the_same_step(issuer: Issuer, both: Both) -> None:
    draw = random.Random(20261120)

    found = both.agree([by_a_stranger(issuer, draw, number) for number in range(70)])

    assert len(found) == 70
    assert "verified" not in found.values()


def test_both_say_the_same_of_what_the_issuer_changed_and_sealed_again(issuer: Issuer, both: Both) -> None:
    draw = random.Random(1120)

    found = both.agree([by_the_issuer(issuer, draw, number) for number in range(130)])

    assert len(found) == 130
    assert len({*found.values()}) >= 12  # the damage reaches steps of every kind
    assert sum(verdict == "verified" for verdict in found.values()) <= 6  # who asked, and when, is the issuer's word


def test_of_several_faults_both_name_the_one_that_the_pages_check_first(issuer: Issuer, both: Both) -> None:
    draw = random.Random(2)

    found = both.agree([by_the_issuer(issuer, draw, number, times=2 + number % 2) for number in range(150)])

    assert len(found) == 150
    assert "verified" not in found.values()


# --- lies: a whole log and bundle that its operator made up, with every key at hand


@dataclass(frozen=True)
class Lie:
    """What the operator writes, and what a reader must hear."""

    name: str
    said: str
    write: Callable[[Any], object] = lambda log: None
    lies: Callable[[Issuer, Any], Any] = lambda issuer, log: None
    trust: tuple[str, ...] = ("log-1",)
    stream: str = f"type:{TICK}"
    question: Callable[[Any], Any] = lambda question: question
    census: dict[str, int] | None = None

    def case(self, issuer: Issuer) -> Case:
        log = issuer.Ledger()
        log.create()
        log.append(TICK, b"tick", datacontenttype="text/plain")
        self.write(log)
        log.take_census(self.census)
        question = self.question(issuer.Question([(self.stream, None, None)]))
        return Case(self.name, issuer.issue(log, question, self.lies(issuer, log)), log.trust(*self.trust))


def tick(**members: Any) -> Callable[[Any], object]:
    return lambda log: log.append(TICK, b"tock", datacontenttype="text/plain", **members)


def widen(*, cut: int = 126, hold_back: bool = False, **members: Any) -> Callable[[Any], object]:
    """An event in more streams than one entry holds, and what continues it."""

    def write(log: Any) -> None:
        names = [f"t{number:03}" for number in range(200)]
        filed = [f"dataset:db|{name}" for name in names]
        body = {"inputs": [{"name": name, "namespace": "db"} for name in names]}
        log.append("tallystick.lineage.run-observed.v1", body, *filed[:cut])
        if hold_back:
            log.append(TICK)
        else:
            log.continue_(3, *filed[cut:], **members)

    return write


def decide(*streams: str, **members: Any) -> Callable[[Any], object]:
    body = {"dataset": {"name": "clicks", "namespace": "db"}}
    return lambda log: log.append(DECIDED, body, *streams, **members)


def in_turn(*steps: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda log: [step(log) for step in steps]


def rotate(**how: Any) -> Callable[[Any], object]:
    return lambda log: log.rotate_log("log-2", **how)


def rotate_twice(*signers: str, reason: str = "rotated") -> Callable[[Any], object]:
    """Two new log keys before any checkpoint is taken, and one handover over both."""

    def write(log: Any) -> None:
        for old, new in (("log-1", "log-2"), ("log-2", "log-3")):
            log.add_key("log", new)
            log.retire_key("log", old, reason if old == "log-2" else "rotated")
        log.log_key = "log-3"
        log.handovers.append((len(log.entries), log.checkpoint(*signers)))

    return write


def open_part(value: bytes) -> Callable[[Any], object]:
    """A deletion's request whose part has these bytes."""
    return lambda log: log.append(REQUESTED, b'{"subject":null}', parts={"/subject": value})


def sign_with(*names: str) -> Callable[[Issuer, Any], Any]:
    def edit(issuer: Issuer, log: Any) -> Any:
        note = log.checkpoint(*names)
        return issuer.Lies(documents=lambda documents: setattr(documents, "checkpoint", note))

    return edit


def edit_documents(edit: Callable[[Any], object]) -> Callable[[Issuer, Any], Any]:
    return lambda issuer, log: issuer.Lies(documents=lambda documents: void(edit(documents)))


def void(value: object) -> None:
    """Drop what an edit in place returns: the issuer takes a value for a replacement."""


def swap_bodies(documents: Any) -> None:
    one, other = documents.bodies[2], documents.bodies[3]
    one["bytes"], other["bytes"] = other["bytes"], one["bytes"]
    one["salt"], other["salt"] = other["salt"], one["salt"]


def add_subtree(documents: Any) -> None:
    documents.proofs["subtrees"].append(OUT_OF_TREE)


def drop_subtree(documents: Any) -> None:
    documents.proofs["subtrees"].pop()


def drop_count(documents: Any) -> None:
    documents.census["streams"].pop()


def certify_nothing(documents: Any) -> None:
    documents.certificates[2] = b"{}"


def draw_graph(documents: Any) -> None:
    documents.lineage = GRAPH


def rename_log(documents: Any) -> None:
    documents.checkpoint = documents.checkpoint.replace(b"churn", b"chain")


def close(log: Any) -> None:
    log.record("closed", {"reason": "moved"})


def renew(log: Any) -> None:
    log.rotate_evidence("evidence-2")


def adding(seq: int) -> Callable[[Issuer, Any], Any]:
    return lambda issuer, log: issuer.Lies(select=lambda listed: listed | {seq})


def without(seq: int) -> Callable[[Issuer, Any], Any]:
    return lambda issuer, log: issuer.Lies(select=lambda listed: listed - {seq})


def sealed_by(name: str) -> Callable[[Issuer, Any], Any]:
    return lambda issuer, log: issuer.Lies(seal=name)


def hide(*seqs: int) -> Callable[[Any], Any]:
    return lambda question: replace(question, withheld=frozenset(seqs))


def change(name: str, *way: Any, **members: Any) -> Callable[[Issuer, Any], Any]:
    """Other members at one place of one document."""

    def edit(documents: Any) -> None:
        place = getattr(documents, name)
        for step in way:
            place = place[step]
        place.update(members)

    return edit_documents(edit)


T, S, CLICKS = f"type:{TICK}", "source:/pipelines", "dataset:db|clicks"
OF_LOG, ADDED = "source:ledger.example/churn", "type:tallystick.ledger.key-added.v1"
FILED, WIDE = f"type:{DECIDED}", "dataset:db|t000"
ASKED, CHAIN = f"type:{REQUESTED}", ("log-1", "log-2", "log-3")
CLOSED, CREATED = "type:tallystick.ledger.closed.v1", "type:tallystick.ledger.created.v1"
FOREIGN = "type:tallystick.ledger.x.v1"
GRAPH = b'{"datasets":[],"edges":[],"findings":[],"jobs":[{"id":"job:a|b","name":"b","namespace":"a"}],"v":1}\n'
OUT_OF_TREE = [0, 3, "1" * 64]
STRAY_PART = {"pointer": "/a", "seq": 2, "state": "withheld"}
OTHER = "1" * 64

LIES = (
    Lie("no lie", "verified"),
    Lie("an entry of the window is dropped", "incomplete streams", tick(), without(3)),
    Lie("the first entry of the window is dropped", "incomplete streams", tick(), without(2)),
    Lie("an entry out of scope", "tampered streams", decide(CLICKS), adding(3)),
    Lie("the census is dropped", "tampered census", lies=without(3)),
    Lie("a census that counts one less", "tampered streams", tick(), census={T: 1}),
    Lie("a census that counts one more", "tampered streams", census={T: 2}),
    Lie("a census that knows no keys", "malformed census", census={ADDED: 0}),
    Lie("a census that tells of another key", "tampered streams", census={ADDED: 2}),
    Lie("the census's own stream counted too high", "tampered streams", stream=OF_LOG, census={OF_LOG: 3}),
    Lie("a position twice", "tampered streams", tick(streams={S: 1, T: 0})),
    Lie("a position twice, in a stream that nobody asked for", "tampered streams", tick(streams={S: 0, T: 1})),
    Lie("a position left out", "tampered streams", tick(streams={S: 1, T: 2}), census={T: 3}),
    Lie("a position beyond the count", "tampered streams", tick(streams={S: 1, T: 7})),
    Lie("not in the stream of its source", "tampered streams", tick(streams={"run:x": 0, T: 1})),
    Lie("in the stream of another source", "tampered streams", lambda log: log.append(TICK, b"", "source:x")),
    Lie("a type without rules in a dataset's stream", "tampered streams", lambda log: log.append(TICK, b"", CLICKS)),
    Lie("filed rightly", "verified", decide(CLICKS), stream=FILED),
    Lie("misfiled", "tampered bodies", decide("dataset:db|other"), stream=FILED),
    Lie("filed in too few streams", "tampered bodies", decide(), stream=FILED),
    Lie("filed in too many streams", "tampered bodies", decide(CLICKS, "run:x"), stream=FILED),
    Lie("misfiled, and the body withheld", "verified", decide("run:x"), stream=FILED, question=hide(3)),
    Lie("a kind that is none", "tampered streams", decide("zebra:x"), stream=FILED, question=hide(3)),
    Lie("a name that is none", "tampered streams", decide("dataset:x"), stream=FILED, question=hide(3)),
    Lie("no JSON, and filed", "tampered streams", decide(CLICKS, datacontenttype="text/plain"), stream=FILED),
    Lie("another prev", "tampered inclusion", tick(prev=OTHER)),
    Lie("a clock that went back", "tampered inclusion", tick(at="2026-11-20T09:00:00.000000Z")),
    Lie("a day that is none", "malformed inclusion", tick(at="2026-02-30T09:00:00.000000Z")),
    Lie("a reserved extension", "malformed inclusion", tick(ext={"tallyof": "1"})),
    Lie("the ledger's type from a producer", "tampered keys", lambda log: log.append(FOREIGN[5:]), stream=FOREIGN),
    Lie("the log goes on after its end", "tampered inclusion", in_turn(close, tick()), stream=CLOSED),
    Lie("the end of the log", "verified", close, stream=CLOSED),
    Lie("a second first entry", "tampered keys", lambda log: log.record("created", {}), stream=CREATED),
    Lie("continued rightly", "verified", widen(), stream=WIDE),
    Lie("continued under another id", "tampered streams", widen(id="3-2"), stream=WIDE),
    Lie("continued at another time", "tampered streams", widen(at="2026-11-20T09:00:04.000000Z"), stream=WIDE),
    Lie("continued with a subject", "tampered streams", widen(subject="x"), stream=WIDE),
    Lie("continued too early", "tampered bodies", widen(cut=125), stream=WIDE),
    Lie("what is left over is not continued", "tampered bodies", widen(hold_back=True), stream=WIDE),
    Lie("bodies exchanged", "tampered bodies", tick(), edit_documents(swap_bodies)),
    Lie("another first body", "malformed log-key", lies=change("bodies", 0, bytes="e30=")),
    Lie("another body", "tampered bodies", lies=change("bodies", 2, bytes="e30=")),
    Lie(
        "a body's line missing", "incomplete bodies", tick(), edit_documents(lambda documents: documents.bodies.pop(2))
    ),
    Lie(
        "a part of nothing",
        "tampered bodies",
        lies=edit_documents(lambda documents: documents.parts.append(STRAY_PART)),
    ),
    Lie("the census's body withheld", "incomplete census", question=hide(3)),
    Lie("the first body withheld", "incomplete log-key", question=hide(0)),
    Lie("a subtree too many", "tampered inclusion", lies=edit_documents(add_subtree)),
    Lie("a subtree missing", "tampered inclusion", decide(CLICKS), edit_documents(drop_subtree)),
    Lie("another size of proofs", "tampered inclusion", lies=change("proofs", size=5)),
    Lie("a stream's proof missing", "incomplete census", lies=edit_documents(drop_count)),
    Lie("another count", "tampered census", lies=change("census", "streams", 0, count=9)),
    Lie("another census", "tampered census", lies=change("census", seq=2)),
    Lie("control totals too low", "tampered bodies", lies=change("scope", "control", entries=1)),
    Lie("another root in the scope", "tampered census", lies=change("scope", "log", root=OTHER)),
    Lie("another graph", "tampered bodies", lies=edit_documents(draw_graph)),
    Lie("a certificate of nothing", "tampered bodies", lies=edit_documents(certify_nothing)),
    Lie("another evidence key", "tampered keys", lies=change("keys", evidence=OTHER)),
    Lie("a retired key unsaid", "tampered keys", renew, change("keys", retired=[])),
    Lie("sealed with the log key", "tampered evidence-signature", lies=sealed_by("log-1")),
    Lie("sealed with the key of before", "tampered evidence-signature", renew, sealed_by("evidence-1")),
    Lie("no evidence key in use", "tampered keys", lambda log: log.retire_key("evidence", "evidence-1")),
    Lie("one key for both", "tampered log-key", lambda log: log.add_key("evidence", "log-1")),
    Lie("a key never announced", "unverifiable log-key", lies=sign_with("log-2")),
    Lie("another origin", "unverifiable log-key", lies=edit_documents(rename_log)),
    Lie("rotated", "verified", rotate()),
    Lie("rotated, the new key trusted", "verified", rotate(), trust=("log-2",)),
    Lie("a handover signed by the old key", "unverifiable log-key", rotate(signers=("log-1",))),
    Lie("a handover signed by the new key", "unverifiable log-key", rotate(signers=("log-2",))),
    Lie("the same, the new key trusted", "incomplete keys", rotate(signers=("log-2",)), trust=("log-2",)),
    Lie("a handover held back", "unverifiable log-key", in_turn(rotate(), lambda log: log.handovers.clear())),
    Lie("the old key signs on", "tampered keys", rotate(), sign_with("log-1")),
    Lie("the old key signs on, the new key trusted", "unverifiable log-key", rotate(), sign_with("log-1"), ("log-2",)),
    Lie("a compromised key hands over", "unverifiable log-key", rotate(reason="compromised")),
    Lie(
        "a compromised key hands over, and signs on",
        "unverifiable keys",
        in_turn(rotate(reason="compromised"), lambda log: log.handovers.clear()),
        sign_with("log-1", "log-2"),
    ),
    Lie("rotated twice at one size", "verified", rotate_twice(*CHAIN)),
    Lie("rotated twice at one size, the key between trusted", "verified", rotate_twice(*CHAIN), trust=("log-2",)),
    Lie("rotated twice at one size, the last key trusted", "verified", rotate_twice(*CHAIN), trust=("log-3",)),
    Lie("rotated twice, the key between did not sign", "unverifiable log-key", rotate_twice("log-1", "log-3")),
    Lie("the same, the last key trusted", "incomplete keys", rotate_twice("log-1", "log-3"), trust=("log-3",)),
    Lie("rotated twice, the first did not sign", "unverifiable log-key", rotate_twice("log-2", "log-3")),
    Lie("the same, the key between trusted", "incomplete keys", rotate_twice("log-2", "log-3"), trust=("log-2",)),
    Lie("rotated twice over a compromised key", "unverifiable log-key", rotate_twice(*CHAIN, reason="compromised")),
    Lie("a part", "verified", open_part(b'{"household":"2375"}'), stream=ASKED),
    Lie("a part of a scalar", "verified", open_part(b"-1.5e3"), stream=ASKED),
    Lie("a part that is no JSON", "tampered bodies", open_part(b"2375 Main St"), stream=ASKED),
    Lie("a part that is nothing", "tampered bodies", open_part(b""), stream=ASKED),
    Lie("a part with a blank behind it", "tampered bodies", open_part(b"1 "), stream=ASKED),
    Lie("a part with a blank before it", "tampered bodies", open_part(b" 1"), stream=ASKED),
    Lie("a part of two values", "tampered bodies", open_part(b'1,"b":2'), stream=ASKED),
    Lie("a part that is not UTF-8", "tampered bodies", open_part(b'"\xff"'), stream=ASKED),
    Lie("a part with a member twice", "tampered bodies", open_part(b'{"a":1,"a":2}'), stream=ASKED),
    Lie("a part nested too deep", "tampered bodies", open_part(b"[" * 129 + b"]" * 129), stream=ASKED),
)


def test_both_say_of_every_lie_what_the_pages_say(issuer: Issuer, both: Both) -> None:
    found = both.agree([lie.case(issuer) for lie in LIES])

    assert found == {lie.name: lie.said for lie in LIES}


# --- the command line


def test_both_leave_the_same_exit_status(issuer: Issuer, node: str, tmp_path: Path) -> None:
    log, question = issuer.churn()
    bundle = issuer.issue(log, question)
    files = {
        "good.zip": bundle,
        "cut.zip": bundle[:-1],
        "dropped.zip": issuer.issue(log, question, issuer.Lies(select=lambda listed: listed - {6})),
        "filed.zip": issuer.issue(log, question, issuer.Lies(select=lambda listed: listed | {3})),
        "trust.txt": log.trust(),
        "head": log.checkpoint(size=5),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    trusting = ["--trust", "trust.txt"]
    expected = [
        ([*trusting, "good.zip"], 0),
        ([], 2),
        (["good.zip", "good.zip"], 2),
        ([*trusting, "--not-before", "yesterday", "good.zip"], 2),
        ([*trusting, "filed.zip"], 3),
        ([*trusting, "cut.zip"], 4),
        ([*trusting, "dropped.zip"], 5),
        (["good.zip"], 6),
        ([*trusting, "--expect-head", "head", "good.zip"], 6),
        ([*trusting, "--not-before", "2027-01-01T00:00:00.000000Z", "good.zip"], 7),
        ([*trusting, "none.zip"], 8),
        (["--trust", "none.txt", "good.zip"], 8),
    ]
    first = [sys.executable, "-c", "import sys; from proofs.__main__ import main; sys.exit(main(sys.argv[1:]))"]
    for program in (first, [node, str(SECOND / "verify.mjs")]):
        environment = {**os.environ, "PYTHONPATH": str(SECOND.parents[1])}
        statuses = [
            subprocess.run(
                [*program, *arguments], cwd=tmp_path, env=environment, capture_output=True, check=False
            ).returncode
            for arguments, _ in expected
        ]
        assert statuses == [status for _, status in expected], program
