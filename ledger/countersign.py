"""What was signed, held to what is stored: every checkpoint, and the head beside the key.

Source: docs/formats/checkpoint.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ledger.finding import Findings
from proofs.checkpoint import Checkpoint
from proofs.errors import TallyError, TamperedError, UnverifiableError
from proofs.keys import KeyRing
from proofs.note import Note, VerifierKey, verify

HEAD: Final = "head"


@dataclass(frozen=True, slots=True)
class Heads:
    """The note beside the key, as it was before the store was looked at and after.

    Attributes:
        before: A checkpoint that the store must hold; None when nothing was signed yet.
        after: A checkpoint that none of the store's is beyond; likewise.
        is_stored: The store holds the checkpoint `before`, or held it a moment later: signing comes before storing.
        is_known: There is a keyring to ask.
        is_older: The store begins as the log that was signed, and ends before what was signed or acknowledged.
    """

    before: bytes | None
    after: bytes | None
    is_known: bool
    is_older: bool = False
    is_stored: Callable[[bytes], bool] = lambda _: False


def read_note(data: bytes, *, origin: str) -> tuple[Note, Checkpoint]:
    """Return a checkpoint of this log and the note it stands in; no signature is verified yet.

    Raises:
        MalformedError: It is none.
        TamperedError: It is another log's.
    """
    note = Note.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != origin:
        raise TamperedError(f"it is a checkpoint of {checkpoint.origin!r}, the log is {origin!r}")
    return note, checkpoint


def check_checkpoints(
    stored: Sequence[tuple[int, bytes]],
    roots: Mapping[int, bytes],
    size: int,
    ring: KeyRing | None,
    findings: Findings,
    *,
    origin: str,
) -> None:
    """Report checkpoints that are not of the stored entries, or not signed by the keys that had to.

    Args:
        stored: (size, note) in order of size.
        roots: Root of the stored entries at each of these sizes, up to `size`.
        ring: The log's keys; None when they cannot be read, which is reported elsewhere.
    """
    if ring is not None:
        _check_handovers(stored, ring, findings)
    sizes = [0, *(at for at, _ in stored)]
    for (since, at), (_, data) in zip(pairwise(sizes), stored, strict=True):
        findings.counts["checkpoints"] += 1
        where = f"checkpoint {at}"
        with findings.at("checkpoint", where):
            note, checkpoint = read_note(data, origin=origin)
            if checkpoint.size != at:
                findings.add("checkpoint", where, f"it says that it is of {checkpoint.size} entries")
            _check_root(checkpoint, roots, size, where, findings)
            if ring is not None:
                _check_signers(note, checkpoint.size, since, ring)


def _check_root(checkpoint: Checkpoint, roots: Mapping[int, bytes], size: int, where: str, findings: Findings) -> None:
    if checkpoint.size > size:
        findings.add("fork", where, f"{checkpoint.size} entries were signed, and {size} are stored")
    elif (root := roots.get(checkpoint.size)) is not None and root != checkpoint.root:
        what = (
            f"the root {checkpoint.root.hex()} was signed, that of the first {checkpoint.size} entries is {root.hex()}"
        )
        findings.add("fork", where, what)


def _check_signers(note: Note, size: int, since: int, ring: KeyRing) -> None:
    """Accept the signatures of the current key, of every key that was retired since the checkpoint before, and no other."""
    keys = ring.of("log")
    current = ring.current("log", size)
    if current is None:
        raise TamperedError(f"no log key is current at size {size}")
    retired = [key for key in keys if key.retired is not None and since <= key.retired < size]
    by_key = {ring.vkey(key): key for key in keys if key.added < size}
    try:
        signers = {by_key[vkey].id for vkey in verify(note, by_key).keys}
    except UnverifiableError as error:
        raise TamperedError("no key of the log signed it") from error
    for key in (*retired, current):
        if key.id not in signers:
            raise TamperedError(f"it is not signed by the log key {key.id} of entry {key.added}, which had to")
    for key in keys:
        if key.id in signers and key.retired is not None and key.retired < since:
            raise TamperedError(f"it is signed by the log key {key.id}, which entry {key.retired} retired")


def _check_handovers(stored: Sequence[tuple[int, bytes]], ring: KeyRing, findings: Findings) -> None:
    """Report rotations of the log's key without the checkpoints that lead a reader from one key to the next.

    A key that goes out of use has signed: what was pending, or a handover, which may be one for several keys. The handover
    follows the rotation, or after a crash is the next checkpoint, so that its absence shows as soon as a later one is stored.
    """
    for old, new in pairwise(ring.of("log")):
        if old.retired is None:
            continue
        where = f"entry {old.retired}"
        if not any(old.added < at and _is_signed_by_all(data, [ring.vkey(old)]) for at, data in stored):
            what = f"it retires the log key {old.id}, and no checkpoint that this key signed is stored"
            findings.add("checkpoint", where, what)
        after = [data for at, data in stored if at > old.retired]
        vkeys = [ring.vkey(old), ring.vkey(new)]
        if after and not any(_is_signed_by_all(data, vkeys) for data in after):
            what = f"no handover from the log key {old.id} to {new.id} is stored: no checkpoint behind it is signed by both"
            findings.add("checkpoint", where, what)


def _is_signed_by_all(data: bytes, vkeys: Sequence[VerifierKey]) -> bool:
    try:
        return len(verify(Note.parse(data), vkeys).keys) == len(vkeys)
    except TallyError:  # what is wrong with that checkpoint is said at its own place
        return False


def _lacking(
    checkpoint: Checkpoint, roots: Mapping[int, bytes], size: int, *, is_listed: bool, is_older: bool
) -> tuple[str, str, str] | None:
    """What the store lacks of the checkpoint that was signed last; None where it has all of it."""
    if checkpoint.size > size:
        what = f"{checkpoint.size} entries were signed, and {size} are stored: this is an older copy"
        return "older" if is_older else "fork", HEAD, what
    if roots.get(checkpoint.size) != checkpoint.root:
        return "fork", HEAD, f"the first {checkpoint.size} entries are not those that were signed"
    if not is_listed:
        what = (
            f"the checkpoint of {checkpoint.size} entries that was signed is not stored: it was taken out, or a crash "
            "came between, and then the next opening for writing stores it"
        )
        return "older" if is_older else "head", HEAD, what
    return None


def check_heads(
    heads: Heads,
    stored: Sequence[tuple[int, bytes]],
    roots: Mapping[int, bytes],
    size: int,
    findings: Findings,
    *,
    origin: str,
) -> None:
    """Report a store that is not the one that was signed last: a restored backup, or another history."""
    if not heads.is_known:
        return
    last = max((at for at, _ in stored), default=0)
    if heads.before is not None:
        with findings.at("head", HEAD):
            _, checkpoint = read_note(heads.before, origin=origin)
            is_listed = any(at == checkpoint.size for at, _ in stored) or heads.is_stored(heads.before)
            if lacking := _lacking(checkpoint, roots, size, is_listed=is_listed, is_older=heads.is_older):
                findings.add(*lacking)
    if heads.after is None:
        if stored:
            findings.add("head", HEAD, f"a checkpoint of {last} entries is stored, and no head is beside the key")
        return
    with findings.at("head", HEAD):
        _, checkpoint = read_note(heads.after, origin=origin)
        if checkpoint.size < last:
            what = f"a checkpoint of {last} entries is stored, and the head beside the key is of {checkpoint.size}"
            findings.add("head", HEAD, what)
        for at, data in stored:
            if at == checkpoint.size and data != heads.after:
                findings.add("head", HEAD, f"another checkpoint of {at} entries is stored than the one beside the key")
