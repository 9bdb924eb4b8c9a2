"""What HTTP itself refuses, the one table from error to status, and the answer that says it (RFC 9457).

{"type":"urn:tallystick:<code>","title":"…","status":422,"detail":"<one sentence>","code":"<code>","hint":"…"}
"""

from __future__ import annotations

from http import HTTPStatus
from math import ceil
from typing import Any, Final

from ledger.append import LoserError
from ledger.clock import ClockError
from proofs import errors
from proofs.b64strict import encode
from proofs.errors import BusyError, MissingError, RefusedError, TallyError

PROBLEM: Final = "application/problem+json"


class UnauthenticatedError(RefusedError):
    """No credential, or none that holds."""

    code = "unauthenticated"


class ForbiddenError(RefusedError):
    """The credential does not reach this far."""

    code = "forbidden"


class MisdirectedError(RefusedError):
    """The request is meant for another host."""

    code = "misdirected"


class NoSuchPathError(MissingError):
    """Nothing answers at this path."""

    code = "no-such-path"


class MethodError(RefusedError):
    """The path does not answer to this method."""

    code = "method-not-allowed"


class TooLargeError(RefusedError):
    """The body, as sent or as it expands, is over its bound."""

    code = "too-large"


class UnsupportedError(RefusedError):
    """A content type or coding that nothing here reads."""

    code = "unsupported-media"


class SlowError(RefusedError):
    """The body did not arrive in time."""

    code = "too-slow"


class RateError(RefusedError):
    """The credential asked more often than it may.

    Attributes:
        retry_seconds: When it may ask again, at least 1.
    """

    code = "rate-limited"

    def __init__(self, what: str, wait_seconds: float) -> None:
        super().__init__(what)
        self.retry_seconds = max(1, ceil(wait_seconds))


class OverloadedError(BusyError):
    """More is waiting than this server holds; nothing was written."""

    code = "overloaded"


class NotSignedYetError(MissingError):
    """No signed checkpoint covers the entry yet."""

    code = "not-yet-signed"


class FaultError(TallyError):
    """A bug of ours, as the one who asked gets to hear of it."""

    code = "fault"


STATUS: Final[dict[type[TallyError], int]] = {
    errors.MalformedError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    errors.MissingError: 404,
    NoSuchPathError: 404,
    NotSignedYetError: 404,
    MethodError: 405,
    SlowError: 408,
    errors.ConflictError: 409,
    errors.HeldError: 409,
    errors.BlockedError: 409,
    errors.StaleError: 409,
    TooLargeError: 413,
    UnsupportedError: 415,
    MisdirectedError: 421,
    errors.RefusedError: 422,
    RateError: 429,
    errors.TamperedError: 500,
    errors.ProofError: 500,
    errors.ForkError: 500,
    errors.IncompleteError: 500,
    errors.UnverifiableError: 500,
    FaultError: 500,
    errors.BusyError: 503,
    errors.StorageError: 503,
    OverloadedError: 503,
    errors.UnknownOutcomeError: 503,
    ClockError: 503,
}
RETRY_SECONDS: Final = 1


def status_of(error: TallyError) -> int:
    """Return the HTTP status of an error: that of its class, or of the nearest class above."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(error: TallyError) -> dict[str, Any]:
    """Return the RFC 9457 problem that says what `error` says."""
    status = status_of(error)
    said: dict[str, Any] = {
        "type": f"urn:tallystick:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(error),
        "code": error.code,
    }
    if error.hint:
        said["hint"] = error.hint
    if isinstance(error, LoserError):
        said["seq"] = error.seq
        said["salt"] = encode(error.salt) if error.salt else None  # opens the commitment that the conflict left
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        said["findings"] = [error.code]
    return said


def headers_of(error: TallyError) -> dict[str, str]:
    """Return the headers that the error's answer carries: when to come again, how to say who asks."""
    status = status_of(error)
    if status == HTTPStatus.UNAUTHORIZED:
        return {"www-authenticate": 'Bearer realm="tallystick"'}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE) or isinstance(error, NotSignedYetError):
        return {"retry-after": str(getattr(error, "retry_seconds", RETRY_SECONDS))}
    return {}
