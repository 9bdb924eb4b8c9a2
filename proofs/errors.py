"""Every error that Tallystick raises on purpose; the class says what the caller can do.

    TallyError
    ├── MalformedError      the bytes are not what the format says: get a whole copy
    ├── TamperedError       well formed, and they contradict a commitment: keep them as evidence
    │   ├── ProofError      a Merkle proof does not prove what it claims
    │   └── ForkError       two histories of one log; never go on writing
    ├── IncompleteError     something that must be there is not: ask for the rest
    ├── UnverifiableError   nothing here says yes or no: bring a key, a head, a passphrase
    ├── StaleError          true, and older than the reader asked for: ask for a newer one
    ├── MissingError        no such file, entry, store or key: it is never "OK"
    ├── RefusedError        the input is not acceptable; nothing was written
    │   ├── ConflictError   the same (source, id) with other content
    │   └── HeldError       a legal hold or a policy forbids it
    ├── BlockedError        a contract said no; the data was not let through
    ├── BusyError           somebody else held the lock for too long: try again
    │   └── StorageError    the disk is full or fails; nothing was written: mend that, and the same call goes through
    └── UnknownOutcomeError a write may or may not be durable: reopen, then look

Anything else that escapes is a bug in this project. A wrong call (a programmer's mistake) is a ValueError or
TypeError. Messages are one sentence with both values and hold neither secrets nor personal values.
"""

from __future__ import annotations

from typing import ClassVar


class TallyError(Exception):
    """Base of the tree.

    Args:
        what: What is wrong, with the values that make it wrong; one sentence, no full stop.
        where: The place, as a reader can find it ("data/entries.jsonl line 3"); empty when there is none.
        hint: What the reader can do about it; empty when nothing useful is known.
    """

    code: ClassVar[str] = "error"  # stable: scripts and HTTP clients match on it

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class MalformedError(TallyError):
    """The bytes are not what the format says."""

    code = "malformed"


class TamperedError(TallyError):
    """The bytes are well formed and contradict a commitment or a signature."""

    code = "tampered"


class ProofError(TamperedError):
    """A Merkle proof does not prove what it claims."""

    code = "proof"


class ForkError(TamperedError):
    """Two histories of one log were seen."""

    code = "fork"


class IncompleteError(TallyError):
    """Something that must be there is not."""

    code = "incomplete"


class UnverifiableError(TallyError):
    """Nothing at hand says yes or no."""

    code = "unverifiable"


class StaleError(TallyError):
    """True, and older than the reader asked for."""

    code = "stale"


class MissingError(TallyError):
    """A file, entry, store or key that was named does not exist."""

    code = "missing"


class RefusedError(TallyError):
    """The input is not acceptable; nothing was written."""

    code = "refused"


class ConflictError(RefusedError):
    """The same (source, id) arrived with other content; nothing of it was written."""

    code = "conflict"


class HeldError(RefusedError):
    """A legal hold or a policy forbids it; nothing was changed."""

    code = "held"


class BlockedError(TallyError):
    """A contract blocked the data; the decision is in the log."""

    code = "blocked"


class BusyError(TallyError):
    """Somebody else held the lock longer than the caller was ready to wait; nothing was written."""

    code = "busy"


class StorageError(BusyError):
    """The disk is full or fails, and nothing was written; the input is as good as before, so that it can be sent again."""

    code = "storage"


class UnknownOutcomeError(TallyError):
    """A write may or may not be durable; the caller must reopen the store and look."""

    code = "unknown_outcome"
