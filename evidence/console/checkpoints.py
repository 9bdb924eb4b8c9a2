"""Checkpoints for the console: the signed ones, each with who signed and whether it grew from the one before.

What is said here the server says of itself. Whoever does not take its word has the notes and the consistency proofs, and
verifies them with the keys that they trust.
"""

from __future__ import annotations

from typing import Any, Final

from evidence.console.page import Page, Row
from ledger.checkpoint import read_checkpoint
from ledger.keys import Key, log_vkey
from ledger.log import Ledger
from proofs import merkle
from proofs.checkpoint import Checkpoint
from proofs.errors import TallyError
from proofs.note import Note, Signature, VerifierKey
from proofs.note import verify as verify_note

_ALL: Final = 2**62


def checkpoints(log: Ledger, *, after: int | None, limit: int) -> Page:
    """Return a page of the log's checkpoints, the newest first; the cursor is the size of the last that is shown."""
    stored = log.store.checkpoints.newest(_ALL if after is None else after, limit + 1)
    known = log.keys()
    keys = [key for key in known if key.purpose == "log"]
    rows = []
    for number, (size, note) in enumerate(stored[:limit]):
        before = stored[number + 1][1] if number + 1 < len(stored) else None
        rows.append(_row(log, size, note, before, keys))
    return Page(tuple(rows), stored[limit - 1][0] if len(stored) > limit else None)


def _row(log: Ledger, size: int, note: bytes, before: bytes | None, keys: list[Key]) -> Row:
    try:
        signed = read_checkpoint(note, origin=log.origin).checkpoint
        earlier = None if before is None else read_checkpoint(before, origin=log.origin).checkpoint
        signatures = [_signature(note, each, log.origin, keys) for each in Note.parse(note).signatures]
    except TallyError as error:
        return {
            **dict.fromkeys(("at", "root", "root_holds", "before", "note")),
            "size": size,
            "signatures": [],
            "damaged": error.what,
        }
    is_there = 0 < signed.size <= log.size
    return {
        "size": size,
        "at": log.entry(signed.size - 1).at if is_there else None,
        "root": signed.root.hex(),
        "root_holds": is_there and signed.size == size and log.tree.root(signed.size) == signed.root,
        "signatures": signatures,
        "before": None if earlier is None else {"size": earlier.size, "grew": _grew(log, earlier, signed)},
        "note": note.decode(),
        "damaged": None,
    }


def _signature(note: bytes, line: Signature, origin: str, keys: list[Key]) -> dict[str, Any]:
    """One signature line, and whether it is of a key that the log names and verifies."""
    for key in keys:
        vkey = log_vkey(origin, key.public_key)
        if (vkey.name, vkey.key_id) == (line.name, line.key_id):
            return {"name": line.name, "key": key.id, "key_entry": key.added, "verifies": _verifies(note, vkey)}
    return {"name": line.name, "key": None, "key_entry": None, "verifies": None}


def _verifies(note: bytes, vkey: VerifierKey) -> bool:
    try:
        return vkey in verify_note(note, [vkey]).keys
    except TallyError:
        return False


def _grew(log: Ledger, earlier: Checkpoint, later: Checkpoint) -> bool:
    """True where the tree that was signed before is the beginning of this one, by the proof that anybody may ask for."""
    if later.size > log.size:
        return False
    try:
        path = log.tree.consistency(earlier.size, later.size)
        merkle.verify_consistency(earlier.size, later.size, earlier.root, later.root, path)
    except TallyError:
        return False
    return True
