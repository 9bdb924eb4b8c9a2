"""Census → checkpoint → bundle → verified → on the disk and in the log: how evidence leaves the house.

    0  what is stored of the answer is held against its commitments: a refusal that can be foreseen moves nothing
    1  parts that were chosen are opened, and the reading is recorded
    2  a census, and a checkpoint whose last entry it is
    3  the bundle: manifests, statement, signatures, canonical ZIP; equal inputs give equal bytes
    4  the verifier's own verdict, under the log's key; what does not verify is not kept
    5  written and synced under another name
    6  `evidence-exported`         the commit point: nobody gets evidence of which the log knows nothing
    7  renamed to its own name

A closed log answers at its last checkpoint, the census in it. It cannot write down who asked (6), nor open parts (1).

Source: docs/formats/bundle.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from evidence.answer import Answer, gather, rehearse
from evidence.assemble import payload
from evidence.question import Question
from evidence.redact import Opened, open_parts
from evidence.terms import Terms
from evidence.trust import trust_in
from ledger import durable
from ledger.checkpoint import read_checkpoint
from ledger.clock import uuid7
from ledger.closing import last_checkpoint
from ledger.event import Event
from ledger.log import Ledger
from ledger.signer import Signer
from proofs import archive, bag, dsse, jsonstrict
from proofs.bundle import ENVELOPE, STATEMENT
from proofs.digest import sha256
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError, TamperedError
from proofs.report import VERIFIED, Verdict
from proofs.view import verify_bundle

EVIDENCE_EXPORTED: Final = "tallystick.ledger.evidence-exported.v1"
ATTEMPTS: Final = 32
STAGES: Final = ("opening parts", "taking the census", "collecting the evidence", "verifying the bundle", "keeping it")
_NOTHING_OPENED: Final[Opened] = MappingProxyType({})
_STRANGE: Final = re.compile(r"[^A-Za-z0-9._]+")
_SLUG: Final = 40

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total) before each stage."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A sealed bundle in memory: its name and the bytes of the archive."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A bundle on the disk.

    Attributes:
        path: Of the archive.
        verdict: The verifier's, under the log's own key.
        seq: Of the `evidence-exported` entry; None where the log is closed and records nothing.
    """

    path: Path
    name: str
    verdict: Verdict
    seq: int | None


def export(log: Ledger, question: Question, terms: Terms, *, out_dir: Path, progress: Progress | None = None) -> Sealed:
    """Take a census, seal the answer to `question`, verify it and keep it in `out_dir`, which is made if need be.

    Raises:
        MissingError: A key, the vault, or a part that was chosen is not at hand; no bundle was made.
        RefusedError: The log is empty or read-only, the terms do not fit, or the folder cannot be written to.
        ClosedError: Parts were chosen of a log that is closed, which cannot record that they were read.
        ForkError: The head that the reader keeps, or the log's own, is of another history.
        BusyError: Other writers came between census and checkpoint every time; try again.
        TamperedError: What is stored does not verify; nothing was kept.
    """
    tell = _Told(progress)
    _check_ready(log, question, terms, out_dir)
    tell()
    opened = open_parts(log, terms.disclosure)
    tell()
    note = take_counted_checkpoint(log)
    tell()
    bundle = build(log, question, terms, note=note, opened=opened)
    tell()
    verdict = judge(log, bundle, since=terms.since)
    tell()
    census = read_checkpoint(note, origin=log.origin).checkpoint.size - 1
    path = out_dir / f"{bundle.name}.zip"
    seq = _keep(path, bundle.data, lambda: _record(log, bundle, question, terms, census))
    return Sealed(path, bundle.name, verdict, seq)


def build(log: Ledger, question: Question, terms: Terms, *, note: bytes, opened: Opened = _NOTHING_OPENED) -> Bundle:
    """Return the sealed bundle; equal inputs give equal bytes, also when the log has grown since.

    Args:
        note: A signed checkpoint whose tree ends with a census.
        opened: The parts that the terms name, from `redact.open_parts`.

    Raises:
        RefusedError: The checkpoint ends with no census, a chosen part is outside the answer, or it is too large.
        MissingError: The evidence key that was in use then is not at hand.
        TamperedError: The checkpoint is not of this log.
    """
    answer = gather(log, question, terms, note=note, opened=opened)
    return seal_answer(answer, _evidence_signer(log, answer.keys.evidence.id))


def seal_answer(answer: Answer, signer: Signer) -> Bundle:
    """Return the bundle of an answer.

    Args:
        signer: Of the evidence key that is current at the answer's checkpoint.

    Raises:
        RefusedError: It does not fit into an archive.
    """
    files = payload(answer)
    name = _name(answer, bag.print_manifest(files))
    sealed = _sign(name, answer, files, signer)
    try:
        return Bundle(name, archive.write({f"{name}/{path}": content for path, content in sealed.items()}))
    except MalformedError as error:
        raise RefusedError(f"the answer does not fit into a bundle: {error.what}", hint="narrow the times") from error


def judge(log: Ledger, bundle: Bundle, *, since: bytes | None = None) -> Verdict:
    """Return the verdict "verified" on a bundle, under the oldest of the log's keys that still leads to its signature.

    Raises:
        TamperedError: It does not verify: what the log holds, or what was made of it, is not what was signed.
    """
    known = log.keys()
    for key in (key for key in known if key.purpose == "log"):
        verdict = verify_bundle(bundle.data, trust=trust_in(log, key).encode(), expected_head=since)
        if verdict.word == VERIFIED:
            return verdict
        if verdict.failure is None or verdict.failure.code != "unverifiable":
            break
    failure = verdict.failure
    assert failure is not None
    raise TamperedError(
        f"the bundle does not verify at step {failure.step}: {failure.detail}",
        where=failure.where,
        hint="run `tally verify` on the ledger; nothing was handed over",
    )


def take_counted_checkpoint(log: Ledger) -> bytes:
    """Return a signed checkpoint whose last entry is a fresh census, or the last one of a closed log.

    Raises:
        BusyError: Other writers came in between, every time.
        RefusedError: The log is empty or read-only.
    """
    if log.size == 0:
        raise RefusedError("the log is empty: it has no entry 0, so there is nothing to count")
    if log.closed_by is not None:
        return last_checkpoint(log).note
    for _ in range(ATTEMPTS):
        census = log.take_census().seq
        if log.size == census + 1:
            signed = log.checkpoint()
            if signed.checkpoint.size == census + 1:
                return signed.note
    raise BusyError(
        f"other writers came between census and checkpoint {ATTEMPTS} times in a row",
        hint="try again when fewer are writing",
    )


class _Told:
    """Tells the stages one after another."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done = 0

    def __call__(self) -> None:
        if self._progress is not None:
            self._progress(STAGES[self._done], self._done, len(STAGES))
        self._done += 1


def _check_ready(log: Ledger, question: Question, terms: Terms, out_dir: Path) -> None:
    """Refuse what cannot end well before anything is written."""
    if log.store.read_only:
        raise RefusedError("an export is written down in the ledger, which is open for reading only")
    if log.size == 0:
        raise RefusedError("the log is empty: it has no entry 0, so there is nothing to count")
    for purpose in ("log", "evidence"):
        log.signer(purpose).public_key  # noqa: B018 - asks for the passphrase now, not after the census
    if terms.since is not None:
        read_checkpoint(terms.since, origin=log.origin)
    rehearse(log, question, terms)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(f"the folder {out_dir} cannot be made: {error.strerror}") from error


def _evidence_signer(log: Ledger, id: str) -> Signer:
    if log.keyring is None:
        raise MissingError(f"no keyring for {log.origin}", hint="set TALLY_HOME to the folder that holds the keys")
    return log.keyring.signer("evidence", id)


def _sign(name: str, answer: Answer, files: Mapping[str, bytes], signer: Signer) -> dict[str, bytes]:
    """All files of the bundle, below its folder."""
    statement = files[STATEMENT]
    envelope = dsse.Envelope(statement, answer.keys.evidence.id, signer.sign(dsse.pae(dsse.PAYLOAD_TYPE, statement)))
    info = bag.BagInfo(
        external_identifier=name,
        bagging_date=answer.census.at[:10],
        payload_bytes=sum(map(len, files.values())),
        payload_files=len(files),
        source_organization=answer.checkpoint.origin,
    )
    tags = {
        bag.DECLARATION_PATH: bag.DECLARATION,
        bag.INFO_PATH: info.to_bytes(),
        ENVELOPE: envelope.to_bytes(),
    }
    manifests = bag.seal_manifests(files, tags)
    return {**files, **tags, **manifests, bag.SEAL_PATH: signer.sign(manifests[bag.TAGMANIFEST_PATH])}


def _name(answer: Answer, manifest: bytes) -> str:
    """The log, the question, the size of the tree, and eight digits that tell every other content apart."""
    question = answer.question
    about = question.subject or (question.streams[0].name if question.kind == "stream" else "")
    words = [_slug(answer.checkpoint.origin), question.kind, _slug(about.rpartition("|")[2])]
    return "-".join([*filter(None, words), str(answer.checkpoint.size), sha256(manifest).hex()[:8]])


def _slug(text: str) -> str:
    return _STRANGE.sub("-", text)[:_SLUG].strip("-._")


def _record(log: Ledger, bundle: Bundle, question: Question, terms: Terms, census: int) -> int | None:
    if log.closed_by is not None and log.size == census + 1:
        return None
    body = {
        "asked_by": terms.asked_by,
        "bundle": bundle.name,
        "census": census,
        "sha256": sha256(bundle.data).hex(),
        "streams": [window.name for window in question.streams],
    }
    event = Event(type=EVIDENCE_EXPORTED, source=log.origin, id=uuid7(log.clock()), data=jsonstrict.dumps(body))
    return log.record([event])[0].seq


def _keep(path: Path, data: bytes, record: Callable[[], int | None]) -> int | None:
    """Put `data` at `path`, whole or not at all, once `record` has written it down; returns what that returns."""
    with durable.fresh(path, data) as written:
        seq = record()  # the commit point
        durable.rename(written, path)
    return seq
