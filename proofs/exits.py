"""The one table from error to exit status, for the verifier, the command line and the service alike.

Source: docs/formats/verification.md, "Verdict", which fixes 0 to 8.
"""

from __future__ import annotations

from typing import Final

from proofs import errors

VERIFIED: Final = 0
CRASHED: Final = 1  # a bug of ours
USAGE: Final = 2
STOPPED: Final = 130  # as a shell says of what was interrupted

EXIT: Final[dict[type[errors.TallyError], int]] = {
    errors.TamperedError: 3,
    errors.ProofError: 3,
    errors.ForkError: 3,
    errors.MalformedError: 4,
    errors.IncompleteError: 5,
    errors.UnverifiableError: 6,
    errors.StaleError: 7,
    errors.MissingError: 8,
    errors.RefusedError: 9,
    errors.BlockedError: 10,
    errors.ConflictError: 11,
    errors.HeldError: 12,
    errors.BusyError: 13,
    errors.StorageError: 13,
    errors.UnknownOutcomeError: 14,
}


def status_of(error: errors.TallyError) -> int:
    """Return the exit status of an error: that of its class, or of the nearest class above."""
    return next(EXIT[kind] for kind in type(error).__mro__ if kind in EXIT)
