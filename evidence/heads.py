"""Smaller trees that the bundle's checkpoint is proven to have grown from: handovers between log keys, and a kept head.

Source: docs/formats/checkpoint.md, "Rotation and handover"; docs/formats/bundle.md, handovers and consistency.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ledger.checkpoint import read_checkpoint
from ledger.keys import Key, log_vkey
from ledger.log import Ledger
from proofs import note
from proofs.bundle import Head
from proofs.checkpoint import Checkpoint
from proofs.errors import ForkError, RefusedError, UnverifiableError


@dataclass(frozen=True, slots=True)
class Handover:
    """A checkpoint that an old log key and the new one signed."""

    size: int
    note: bytes


def handovers(log: Ledger, keys: Iterable[Key], *, size: int) -> list[Handover]:
    """Return, for each rotation of the log key before `size`, the first checkpoint below it that both keys signed."""
    pairs = [pair for pair in pairwise(key for key in keys if key.purpose == "log") if pair[1].added < size]
    if not pairs:
        return []
    stored = [(n, raw) for n, raw in log.store.checkpoints.all() if n < size]
    found = (_first_signed_by(stored, pair, log.origin) for pair in pairs)
    return [handover for handover in found if handover is not None]


def _first_signed_by(stored: Iterable[tuple[int, bytes]], pair: tuple[Key, Key], origin: str) -> Handover | None:
    vkeys = [log_vkey(origin, key.public_key) for key in pair]
    for size, raw in stored:
        if size > pair[1].added and _signed_by_all(raw, vkeys):
            return Handover(size, raw)
    return None


def _signed_by_all(raw: bytes, vkeys: Sequence[note.VerifierKey]) -> bool:
    try:
        return len(note.verify(raw, vkeys).keys) == len(vkeys)
    except UnverifiableError:
        return False


def prove_heads(log: Ledger, handed: Iterable[Handover], since: bytes | None, checkpoint: Checkpoint) -> list[Head]:
    """Return the consistency proofs of consistency.json, sorted by size.

    Args:
        handed: The handovers that the bundle carries.
        since: A signed checkpoint that the reader keeps.

    Raises:
        ForkError: The kept head is not of this history.
        RefusedError: It is of a later one, or of an empty log.
        MalformedError, TamperedError: It is no checkpoint, or another log's.
    """
    roots = {handover.size: read_checkpoint(handover.note, origin=log.origin).checkpoint.root for handover in handed}
    if since is not None:
        kept = read_checkpoint(since, origin=log.origin).checkpoint
        _check_kept(log, kept, checkpoint)
        roots[kept.size] = kept.root
    return [
        Head(size, root, tuple(log.tree.consistency(size, checkpoint.size)))
        for size, root in sorted(roots.items())
        if size != checkpoint.size
    ]


def _check_kept(log: Ledger, kept: Checkpoint, checkpoint: Checkpoint) -> None:
    if not 0 < kept.size <= checkpoint.size:
        raise RefusedError(f"the kept head is of {kept.size} entries, the checkpoint of {checkpoint.size}")
    if log.tree.root(kept.size) != kept.root:
        raise ForkError(
            f"the kept head of {kept.size} entries has the root {kept.root.hex()}, this log has another one there",
            hint="keep both: one of them is of a log that was rewritten",
        )
