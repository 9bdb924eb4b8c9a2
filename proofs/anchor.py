"""The anchor: what joins the reader's own trust to the bundle's checkpoint.

A reader who knows one log key knows the next by a handover, a checkpoint that both of them signed, and so on to the key
that is current. Which keys there are is taken here from the bundle's word; the steps `inclusion` and `keys` hold that
word against the entries.

Source: docs/formats/checkpoint.md, "Rotation and handover"; docs/formats/verification.md, steps log-key and expected-head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from proofs.bundle import CHECKPOINT, CONSISTENCY, ENTRIES, HANDOVERS, Head
from proofs.checkpoint import Checkpoint
from proofs.errors import ForkError, IncompleteError, MalformedError, ProofError, TamperedError, UnverifiableError
from proofs.keys import ORIGIN, Key, KeyRing
from proofs.limits import MAX_INTEGER
from proofs.merkle import verify_consistency
from proofs.note import Note, verify
from proofs.policy import Policy
from proofs.record import place
from proofs.vkey import KeyType, VerifierKey, vkey_for
from proofs.witness import check_quorum

EXPECTED_HEAD: Final = "expected head"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint and the public keys of the log that signed it.

    Attributes:
        signers: 32 bytes each; every one verified, none of them necessarily trusted.
        where: The file it stands in.
    """

    checkpoint: Checkpoint
    signers: frozenset[bytes]
    where: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A checkpoint that the reader's trust file leads to.

    Attributes:
        head: The bundle's checkpoint.
        handovers: Those before it, ascending in size.
        trusted: Public keys that the trust file names for the log, or that handovers lead to.
        witnessed: Names of the witnesses in the trust file that cosigned.
        witnesses: How many it names.
    """

    head: Signed
    handovers: tuple[Signed, ...]
    trusted: frozenset[bytes]
    witnessed: tuple[str, ...]
    witnesses: int


def read_checkpoint(note: bytes, where: str) -> tuple[Note, Checkpoint]:
    """Return a checkpoint of ours and the note it stands in; nothing is verified yet.

    Raises:
        MalformedError: It is not one, or its origin or size is none of ours.
    """
    with place(where):
        parsed = Note.parse(note)
        checkpoint = Checkpoint.parse(parsed.text)
        if not ORIGIN.match(checkpoint.origin):
            raise MalformedError(f"origin {checkpoint.origin[:80]!r} is not 1 to 200 bytes of [A-Za-z0-9._/-]")
        if checkpoint.size > MAX_INTEGER:
            raise MalformedError(f"size {checkpoint.size} is above {MAX_INTEGER}")
        return parsed, checkpoint


def log_keys(policy: Policy, origin: str) -> tuple[VerifierKey, ...]:
    """Return the Ed25519 keys under which the reader believes the log.

    Raises:
        UnverifiableError: The trust file does not know the log.
    """
    keys = tuple(key for key in policy.log_keys(origin) if key.type is KeyType.ED25519)
    if not keys:
        raise UnverifiableError(
            f"the trust file names no Ed25519 key of the log {origin!r}",
            where=CHECKPOINT,
            hint="add a log line with the verifier key that the log's operator gave you, by another way than this bundle",
        )
    return keys


def drop_anchor(
    policy: Policy, note: Note, checkpoint: Checkpoint, handovers: Iterable[tuple[int, str, bytes]], ring: KeyRing
) -> Anchor:
    """Return the anchor when a trusted key leads to one that signed the checkpoint, and enough witnesses saw it.

    Args:
        policy: The reader's trust file.
        note: The bundle's checkpoint, and `checkpoint` what it says.
        handovers: (size by its name, path, note) ascending in size.
        ring: The log's keys as the bundle tells them.

    Raises:
        MalformedError: A handover is not a smaller checkpoint of this log.
        TamperedError: The signature of a known key does not verify.
        UnverifiableError: No trusted key signed, or the quorum is not met.
    """
    believed = log_keys(policy, checkpoint.origin)
    # A signature that does not verify is a fault under any key that the reader knows, also another log's.
    named = (log.key for log in policy.logs if log.key.type is KeyType.ED25519)
    known = tuple(dict.fromkeys((*believed, *named, *(ring.vkey(key) for key in ring.of("log")))))
    given = [_handover(size, path, raw, checkpoint, known) for size, path, raw in handovers]
    head = Signed(checkpoint, _signers(note, known, CHECKPOINT), CHECKPOINT)
    trusted = _follow((*given, head), ring, {key.public_key for key in believed})
    if not trusted & head.signers:
        labels = " and ".join(key.label for key in believed)
        raise UnverifiableError(
            f"checkpoint is not signed by {labels}, nor by a key that a handover signed by both leads to",
            where=CHECKPOINT,
            hint="get the log's present key from its operator, by another way than this bundle",
        )
    own = {key.public_key for key in believed} | {key.public_key for key in ring.keys}
    with place(CHECKPOINT):
        witnessed, _ = check_quorum(policy, note, own=own)
    return Anchor(head, tuple(given), trusted, tuple(witnessed), len(policy.witnesses))


def _handover(size: int, path: str, raw: bytes, head: Checkpoint, known: Sequence[VerifierKey]) -> Signed:
    note, checkpoint = read_checkpoint(raw, path)
    with place(path):
        if checkpoint.size != size or not 0 < size < head.size:
            raise MalformedError(f"handover of size {checkpoint.size} is named {size} in a bundle of size {head.size}")
        if checkpoint.origin != head.origin:
            raise TamperedError(f"handover is of the log {checkpoint.origin!r}, the checkpoint of {head.origin!r}")
    return Signed(checkpoint, _signers(note, known, path), path)


def _signers(note: Note, known: Sequence[VerifierKey], where: str) -> frozenset[bytes]:
    with place(where):
        try:
            keys = verify(note, known).keys
        except UnverifiableError:  # none of them signed; what that means, the caller knows
            return frozenset()
    origin = note.text.partition("\n")[0]
    return frozenset(key.public_key for key in keys if key.name == origin)


def handed(ring: KeyRing, signed: Signed) -> tuple[tuple[Key, Key], ...]:
    """Return (old, new) of each change of the log key that a checkpoint hands over, the oldest first.

    From the key that is current at its size back to the first as far as both of two neighbours signed: where the key was
    rotated twice before a checkpoint was taken, one checkpoint hands over twice.
    """
    keys = ring.of("log")
    new = ring.current("log", signed.checkpoint.size)
    stop = start = 0 if new is None else keys.index(new)
    while start and {keys[start - 1].public_key, keys[start].public_key} <= signed.signers:
        start -= 1
    return tuple(pairwise(keys[start : stop + 1]))


def _follow(checkpoints: Iterable[Signed], ring: KeyRing, trusted: set[bytes]) -> frozenset[bytes]:
    """Return `trusted` and every key that a handover leads to from it."""
    for signed in checkpoints:
        for old, new in handed(ring, signed):
            # Whoever stole a key can hand over with it, too: only a new log, or the reader, can tell what is right then.
            if old.public_key in trusted and not old.compromised:
                trusted.add(new.public_key)
    return frozenset(trusted)


def check_head(kept: bytes, anchor: Anchor, ring: KeyRing, heads: Iterable[Head]) -> Signed:
    """Return the head that the reader kept when the bundle's tree begins with it.

    Args:
        kept: A signed checkpoint.
        heads: What consistency.json proves.

    Raises:
        MalformedError: It is not a signed checkpoint.
        ForkError: The log was forked since: same size and another root, or a proof that does not prove.
        TamperedError: The signature of a key of the log does not verify.
        UnverifiableError: It is of another log, not signed by a trusted key, or there is no proof for its size.
    """
    note, checkpoint = read_checkpoint(kept, EXPECTED_HEAD)
    head = anchor.head.checkpoint
    with place(EXPECTED_HEAD):
        if checkpoint.origin != head.origin:
            raise UnverifiableError(f"kept head is of the log {checkpoint.origin!r}, the bundle of {head.origin!r}")
        known = [vkey_for(ring.origin, key, KeyType.ED25519) for key in sorted(anchor.trusted)]
        signed = Signed(checkpoint, _signers(note, known, EXPECTED_HEAD), EXPECTED_HEAD)
        if not signed.signers:
            raise UnverifiableError("kept head is not signed by a trusted key of the log")
        if checkpoint.size == head.size:
            if checkpoint.root != head.root:
                raise _fork(checkpoint, head.root)
            return signed
        proofs = {proof.size: proof for proof in heads}
        if (proof := proofs.get(checkpoint.size)) is None:
            raise UnverifiableError(
                f"bundle of size {head.size} carries no proof for the kept head of size {checkpoint.size}",
                hint="ask for an export made since that head",
            )
    if proof.root != checkpoint.root:
        raise _fork(checkpoint, proof.root)
    check_growth(proof, head)
    return signed


def _fork(kept: Checkpoint, root: bytes) -> ForkError:
    return ForkError(
        f"log was forked: at size {kept.size} the kept head has the root {kept.root.hex()}, the bundle {root.hex()}",
        where=EXPECTED_HEAD,
        hint="keep both: together they convict the log's operator",
    )


def check_growth(head: Head, checkpoint: Checkpoint) -> None:
    """Accept when the bundle's tree begins with the smaller one.

    Raises:
        ProofError: It is not proven to.
    """
    with place(CONSISTENCY):
        try:
            verify_consistency(head.size, checkpoint.size, head.root, checkpoint.root, head.path)
        except ProofError as error:
            raise ProofError(f"tree does not begin with that of size {head.size}: {error.what}") from error


def check_heads(heads: Sequence[Head], handovers: Sequence[Signed], checkpoint: Checkpoint) -> None:
    """Accept proofs for every handover, and for at most one head besides.

    Raises:
        MalformedError: There are more, or one is not of a smaller tree.
        ProofError: The bundle's tree does not begin with one of them.
        TamperedError: A proof is of another root than the handover's.
        IncompleteError: There is no proof for a handover.
    """
    with place(CONSISTENCY):
        proofs = {head.size: head for head in heads}
        for head in heads:
            if not 0 < head.size < checkpoint.size:
                raise MalformedError(
                    f"head of size {head.size} is not smaller than the checkpoint of {checkpoint.size}"
                )
        for handover in handovers:
            size, root = handover.checkpoint.size, handover.checkpoint.root
            if size not in proofs:
                raise IncompleteError(f"proof for the handover of size {size} is not there")
            if proofs[size].root != root:
                raise TamperedError(
                    f"head of size {size} has the root {proofs[size].root.hex()}, {handover.where} {root.hex()}"
                )
        if len(heads) > len(handovers) + 1:
            raise MalformedError(f"{len(heads)} heads for {len(handovers)} handovers, at most one more is allowed")
        for head in heads:
            check_growth(head, checkpoint)


def check_keys_used(anchor: Anchor, kept: Signed | None, ring: KeyRing) -> tuple[Key, Key]:
    """Return the current log key and the current evidence key when the keys used are those that the log tells.

    Args:
        kept: The head that the reader kept, when there is one.
        ring: The log's keys, held against their entries by now.

    Raises:
        TamperedError: No key is current, or a checkpoint is signed by another one than was current at its size.
        IncompleteError: A handover is missing, or lacks one of its two signatures.
    """
    size = anchor.head.checkpoint.size
    log, evidence = ring.current("log", size), ring.current("evidence", size)
    if log is None or evidence is None:
        purpose = "log" if log is None else "evidence"
        raise TamperedError(f"no {purpose} key is current at size {size}", where=ENTRIES)
    _check_handovers(anchor, ring, log)
    for signed in (*anchor.handovers, anchor.head, *([kept] if kept else [])):
        current = ring.current("log", signed.checkpoint.size)
        if current is None or current.public_key not in signed.signers:
            raise TamperedError(
                f"checkpoint of size {signed.checkpoint.size} is not signed by the log key that is current there",
                where=signed.where,
                hint="what a retired key signs is worth nothing",
            )
    if log.public_key not in anchor.trusted:
        raise UnverifiableError(f"no handover leads from a trusted key to the current one, {log.id}", where=CHECKPOINT)
    return log, evidence


def _check_handovers(anchor: Anchor, ring: KeyRing, log: Key) -> None:
    reached = set()
    for signed in (*anchor.handovers, anchor.head):
        pairs = handed(ring, signed)
        if not pairs and signed is not anchor.head:
            raise IncompleteError("handover is not signed by both the old log key and the new one", where=signed.where)
        for old, new in pairs:
            if old.retired is None or old.retired >= signed.checkpoint.size:
                raise TamperedError(
                    "handover does not include the entry that retires the old log key", where=signed.where
                )
            reached.add(new.id)
    keys = ring.of("log")
    for key in keys[1 : keys.index(log) + 1]:
        if key.id not in reached:
            raise IncompleteError(
                f"handover to the log key {key.id} of entry {key.added} is not there", where=HANDOVERS
            )
