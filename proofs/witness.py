"""Who has seen this checkpoint: the log signed it, and so many of the reader's witnesses cosigned it.

A log cannot be its own witness. A cosignature under the log's own name counts for nothing, whatever key made it, and so
does one by the log's own key under another name.

Source: C2SP tlog-policy, tlog-cosignature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from proofs import cosignature
from proofs.checkpoint import Checkpoint
from proofs.errors import MalformedError, TamperedError, UnverifiableError
from proofs.note import Note, VerifiedNote, verify
from proofs.policy import Policy
from proofs.vkey import VerifierKey


@dataclass(frozen=True, slots=True)
class Cosignatures:
    """What the cosignature lines of a note are worth.

    Attributes:
        times: Key of each witness whose cosignature was verified → its timestamp, POSIX seconds, in the order of lines.
        unchecked: Keys of witnesses whose cosignature nothing here can check.
    """

    times: Mapping[VerifierKey, int]
    unchecked: tuple[VerifierKey, ...]


@dataclass(frozen=True, slots=True)
class WitnessedCheckpoint:
    """A checkpoint that a trust file accepts.

    Attributes:
        checkpoint: Origin, size and root, to be believed.
        signed: The note with the log's keys that signed it.
        witnessed: Name of each witness in the trust file that cosigned → its timestamp, POSIX seconds.
        unchecked: Names of the witnesses whose cosignature nothing here can check; they count for nothing.
        witnesses: How many witnesses the trust file names: the n of "witnessed k of n".
    """

    checkpoint: Checkpoint
    signed: VerifiedNote
    witnessed: Mapping[str, int]
    unchecked: tuple[str, ...]
    witnesses: int


def cosignatures(note: Note, policy_keys: Iterable[VerifierKey]) -> Cosignatures:
    """Return which of these witnesses cosigned the checkpoint in `note`, and when.

    Lines of strangers and lines under the log's own origin are passed over.

    Args:
        note: A checkpoint note; that the log signed it is checked elsewhere.
        policy_keys: Keys of type 0x04 or 0x06 that the reader trusts as witnesses.

    Raises:
        MalformedError: A known witness has two lines, or a line has no room for its timestamp.
        TamperedError: A known witness did not sign what its line claims.
    """
    origin = note.text.partition("\n")[0]
    known = {(key.name, key.key_id): key for key in policy_keys if key.name != origin}
    times: dict[VerifierKey, int] = {}
    unchecked: list[VerifierKey] = []
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        if key in times or key in unchecked:
            raise MalformedError(f"note has two cosignatures of {key.label}")
        try:
            times[key] = cosignature.verify(key, note.text, line.signature).timestamp
        except UnverifiableError:
            unchecked.append(key)
        except TamperedError as error:
            raise TamperedError(f"cosignature of {key.label} does not verify: {error.what}") from error
    return Cosignatures(times, tuple(unchecked))


def verify_checkpoint(note: str | bytes | Note, policy: Policy, *, foreign: bool = False) -> WitnessedCheckpoint:
    """Return the checkpoint after verifying that the trust file's log signed it and its quorum saw it.

    Args:
        note: The signed checkpoint, with its cosignatures.
        policy: The reader's trust file.
        foreign: Accept extension lines, which our own logs never write.

    Raises:
        MalformedError: Note or checkpoint is not well formed.
        TamperedError: A signature of a log or witness in the trust file does not verify.
        UnverifiableError: The trust file does not know the log, the log did not sign, or the quorum is not met.
    """
    note = note if isinstance(note, Note) else Note.parse(note)
    checkpoint = Checkpoint.parse(note.text, foreign=foreign)
    log_keys = policy.log_keys(checkpoint.origin)
    if not log_keys:
        raise UnverifiableError(
            f"trust file names no log {checkpoint.origin[:80]!r}",
            hint="add a log line with the verifier key of the log",
        )
    signed = verify(note, log_keys)
    witnessed, unchecked = check_quorum(policy, note, own={key.public_key for key in log_keys})
    return WitnessedCheckpoint(checkpoint, signed, witnessed, unchecked, len(policy.witnesses))


def check_quorum(policy: Policy, note: Note, *, own: Set[bytes]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the witnesses of the trust file that cosigned, and those whose cosignature nothing here can check.

    Args:
        own: Public keys of the log: it is not its own witness, under whatever name.

    Returns:
        Name → timestamp, POSIX seconds, in the order of lines; and names.

    Raises:
        MalformedError, TamperedError: As `cosignatures`.
        UnverifiableError: They are not as many as the trust file wants.
    """
    names = {witness.key: witness.name for witness in policy.witnesses if witness.key.public_key not in own}
    found = cosignatures(note, names)
    witnessed = {names[key]: timestamp for key, timestamp in found.times.items()}
    unchecked = tuple(names[key] for key in found.unchecked)
    if not policy.quorum_met(witnessed):
        raise UnverifiableError(
            f"checkpoint is witnessed by {len(witnessed)} of {len(policy.witnesses)}, "
            f"and the quorum {policy.quorum!r} is not met",
            hint=f"nothing here can check the cosignature of {', '.join(map(repr, unchecked))}"
            if unchecked
            else "ask for more cosignatures",
        )
    return witnessed, unchecked
