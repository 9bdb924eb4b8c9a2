"""Signing the log's size and root, and never twice in two ways.

    1  lock the keyring                          one signer at a time
    2  read the head kept beside the key         the last (m, root) that was ever signed
    3  the root over the first m stored entries equals it, and what was acknowledged is there, or nothing is signed (I14)
    4  store the head as a checkpoint            a crash after 7 lost it; a handover that is lost would strand readers
    5  read the entries from m on back through a fresh handle, hash them again, follow `prev`
    6  their root equals the stored tree's, and the last entry is the one that this process acknowledged
    7  sign, and make the new head durable       the signing point: from here on this root is the log's
    8  store the checkpoint

Source: docs/formats/checkpoint.md; C2SP tlog-checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.keyring import Keyring
from ledger.keys import Key, current, log_vkey
from ledger.signer import Signer
from ledger.store import Store
from ledger.tip import check_tip
from ledger.tree import Frontier, Tree
from proofs import note
from proofs.checkpoint import Checkpoint
from proofs.digest import leaf_hash
from proofs.entry import FIRST_PREV
from proofs.errors import ForkError, RefusedError, TamperedError
from proofs.note import Note, Signature

_PAGE: Final = 2_000


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint and the note that carries it."""

    checkpoint: Checkpoint
    note: bytes


def read_checkpoint(data: bytes, *, origin: str) -> SignedCheckpoint:
    """Return a stored checkpoint, without verifying its signatures.

    Raises:
        MalformedError: It is not one.
        TamperedError: It is another log's.
    """
    checkpoint = Checkpoint.parse(Note.parse(data).text)
    if checkpoint.origin != origin:
        raise TamperedError(f"a checkpoint of {checkpoint.origin!r} stands where one of {origin!r} belongs")
    return SignedCheckpoint(checkpoint, data)


def check_head(store: Store, head: Checkpoint) -> Frontier:
    """Hold the store to the last signed checkpoint; returns the frontier at the head's size.

    Raises:
        ForkError: The store is a restored backup, or another history: below the head's size, or with another root there.
    """
    size = store.size()
    if size < head.size:
        raise ForkError(
            f"the ledger holds {size} entries, but a checkpoint of {head.size} was signed",
            hint="this is an older copy; bring back the newer one, or begin a new log that names this one as its predecessor: "
            "`tally init --predecessor FILE` with the file `head` beside the keys",
        )
    frontier = Tree(store).frontier(head.size)
    if frontier.root() != head.root:
        raise ForkError(
            f"the first {head.size} entries are not those that were signed",
            hint="this is another history of the log; it must not be continued",
        )
    return frontier


def publish(
    store: Store,
    keyring: Keyring,
    keys: Callable[[], Sequence[Key]],
    signer: Callable[[Key], Signer],
    *,
    acknowledged: tuple[int, bytes] | None = None,
) -> SignedCheckpoint:
    """Sign a checkpoint of everything that is durable now, and return it.

    Where the log's key was rotated since the head, the checkpoint is a handover: the old keys sign beside the new one.

    Args:
        keys: Returns the log's keys; asked inside the lock.
        signer: Returns the signer of a key.
        acknowledged: (size, leaf hash of the last entry) as this process knows it from appending. Nothing stored speaks
            for the very last entry yet: no `prev`, and no full tile.

    Raises:
        ForkError: As `check_head`, or the store does not hold what was acknowledged; nothing was signed.
        TamperedError: What was read back is not what the tree says; nothing was signed.
        RefusedError: The log is empty.
    """
    with keyring.locked():
        kept = keyring.head()
        head = None if kept is None else read_checkpoint(kept, origin=keyring.origin)
        tip = keyring.acknowledged()
        reader = store.reader()
        try:
            with reader.reading():
                size = reader.size()
                start = Frontier(0, []) if head is None else check_head(reader, head.checkpoint)
                if tip is not None:
                    check_tip(reader, tip)
                if size == 0:
                    raise RefusedError("there is nothing to sign: the log is empty")
                if head is not None:
                    _keep(store, head)
                if head is not None and head.checkpoint.size == size:
                    return head
                root = read_back(reader, start, size)
                if acknowledged is not None:
                    _check_acknowledged(reader, *acknowledged)
                since = 0 if head is None else head.checkpoint.size
                signed = _sign(Checkpoint(keyring.origin, size, root), since, keys(), signer)
                keyring.keep_head(signed.note)  # the signing point
        finally:
            reader.close()
        _keep(store, signed)
    return signed


def store_head(store: Store, keyring: Keyring) -> None:
    """Store the checkpoint that was signed last where a crash came between signing and storing it."""
    note = keyring.head()
    if note is None:
        return
    head = read_checkpoint(note, origin=keyring.origin)
    if store.checkpoints.find(head.checkpoint.size) is None:
        _keep(store, head)


def _keep(store: Store, signed: SignedCheckpoint) -> None:
    with store.writing():
        store.checkpoints.add(signed.checkpoint.size, signed.note)


def _check_acknowledged(reader: Store, size: int, leaf: bytes) -> None:
    if [leaf_hash(header) for header in reader.headers(size - 1, size)] != [leaf]:
        raise TamperedError(
            f"entry {size - 1} is not the one that was acknowledged",
            where=f"entry {size - 1}",
            hint="the store changed it since; keep the file, and run `tally verify`",
        )


def read_back(reader: Store, frontier: Frontier, size: int) -> bytes:
    """Return the root over `size` entries, hashed again from stored bytes from the frontier's size on, links followed.

    Raises:
        TamperedError: A link does not hold, an entry is missing, or the stored tree is not the tree of the entries.
    """
    start = frontier.size
    last = reader.headers(start - 1, start) if start else []
    if start and not last:
        raise TamperedError(f"entry {start - 1} is missing", where=f"entry {start - 1}")
    prev = leaf_hash(last[0]) if last else FIRST_PREV
    for first in range(start, size, _PAGE):
        leaves = []
        for seq, header in enumerate(reader.headers(first, min(first + _PAGE, size)), first):
            begin = b'{"seq":%d,"prev":"%s"' % (seq, prev.hex().encode())
            if not header.startswith(begin):
                raise TamperedError(f"entry {seq} does not follow entry {seq - 1}", where=f"entry {seq}")
            prev = leaf_hash(header)
            leaves.append(prev)
        frontier.extend(leaves)
    if frontier.size != size:
        raise TamperedError(f"{frontier.size} of {size} entries could be read back")
    root = frontier.root()
    if root != Tree(reader).root(size):
        raise TamperedError(f"the stored tree of {size} entries is not the tree of the stored entries")
    return root


def _sign(checkpoint: Checkpoint, since: int, keys: Sequence[Key], signer: Callable[[Key], Signer]) -> SignedCheckpoint:
    """Sign with the current key, and with every one that went out of use since the checkpoint of size `since`."""
    origin, size, text = checkpoint.origin, checkpoint.size, checkpoint.to_text()
    outgoing = [key for key in keys if key.purpose == "log" and key.retired is not None and since <= key.retired < size]
    passing = [key for key in keys if key.purpose == "log" and key.retired is None and since <= key.added < size]
    now = current(keys, "log", size=size)
    signing = {key.id: key for key in (*outgoing, *passing, now)} if outgoing else {now.id: now}
    lines = []
    for key in signing.values():
        vkey = log_vkey(origin, key.public_key)
        lines.append(Signature(vkey.name, vkey.key_id, signer(key).sign(text.encode())))
    signed = Note(text, tuple(lines)).to_text().encode()
    # What leaves the process was verified with the keys that stand in the log, not with what the signer says of itself.
    verified = note.verify(signed, [log_vkey(origin, key.public_key) for key in signing.values()])
    if len(verified.keys) != len(signing):
        raise TamperedError("a signer did not sign with the key that the log names")
    return SignedCheckpoint(checkpoint, signed)
