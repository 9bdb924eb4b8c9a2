"""One GET from a server that is nobody's friend: address checked and kept, TLS verified; time, size and redirects bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from contracts.catalog.address import address_of
from contracts.catalog.deadline import deadline
from contracts.catalog.seen import Bounds
from proofs.errors import BusyError, RefusedError

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection

REDIRECTS: Final = 3
READ_SECONDS: Final = 10.0
_PIECE: Final = 1 << 16
_PORTS: Final = {"http": 80, "https": 443}
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        headers: By their names in lower case.
        body: All of it, as it was sent; nothing of one that was not to be read.
        seconds: From the first connection to the last byte.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    seconds: float


def fetch(url: str, headers: Mapping[str, str], bounds: Bounds) -> Answer:
    """Return what a server answers to GET.

    A redirect is followed within the scheme; to another server it takes no header along that was given.

    Raises:
        BusyError: The server cannot be reached, or does not end in time.
        RefusedError: An address may not be reached, a redirect leads elsewhere, or the answer is too large or compressed.
    """
    begun, place, given = bounds.elapsed(), _split(url), dict(headers)
    for _ in range(REDIRECTS + 1):
        left = bounds.seconds - (bounds.elapsed() - begun)
        if left <= 0:
            raise BusyError(f"the server did not answer within {bounds.seconds:g} seconds")
        status, found, body = _get(place, given, bounds, left)
        if status not in _REDIRECTS or "location" not in found:
            return Answer(status, found, body, bounds.elapsed() - begun)
        target = _target(place, found["location"])
        if (target.hostname, _port(target)) != (place.hostname, _port(place)):
            given = {}
        place = target
    raise RefusedError(f"the server redirects more than {REDIRECTS} times")


def _split(url: str) -> SplitResult:
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError:
        raise RefusedError("the address is no URL") from None  # what is wrong in it may be a secret's value
    if (
        place.scheme not in _PORTS
        or not place.hostname
        or port == 0
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        raise RefusedError("the address is no URL of http or https")
    if "@" in place.netloc:
        raise RefusedError("the address holds a user")
    return place._replace(fragment="")


def _target(place: SplitResult, location: str) -> SplitResult:
    """Where a redirect leads, in the scheme in which it was asked."""
    try:
        target = urljoin(place.geturl(), location)
        scheme = urlsplit(target).scheme
    except ValueError:
        raise RefusedError("the server redirects to what is no URL") from None
    if scheme != place.scheme:
        raise RefusedError(f"the server redirects from {place.scheme} to {scheme[:16] or 'nowhere'}")
    return _split(target)


def _port(place: SplitResult) -> int:
    return place.port or _PORTS[place.scheme]


def _get(
    place: SplitResult, headers: Mapping[str, str], bounds: Bounds, seconds: float
) -> tuple[int, Mapping[str, str], bytes]:
    import urllib3

    host = place.hostname or ""
    address = address_of(host, _port(place), allow_local=bounds.allow_local, resolve=bounds.resolve)
    connection = _connection(place, host, address, min(READ_SECONDS, seconds))

    def descriptor() -> int | None:
        return None if connection.sock is None else connection.sock.fileno()

    target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    try:
        with deadline(seconds, descriptor) as is_over:
            sent = {"Host": place.netloc, "Accept-Encoding": "identity", "User-Agent": "tallystick", **headers}
            connection.request("GET", target, headers=sent, preload_content=False, decode_content=False)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.headers.items()}
            if found.get("content-encoding", "identity").strip().lower() != "identity":
                raise RefusedError("the server compresses an answer that was asked for plain")
            body = _read(response, bounds.size_bytes)
            if is_over.is_set():  # what was cut off in its header, or has no length, would pass for a whole answer
                raise BusyError(f"the server did not answer within {bounds.seconds:g} seconds")
            return response.status, found, body
    except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
        # Of an error of the library nothing is passed on: it may quote a header or the address.
        kind = "does not prove who it is" if _is_of_tls(error) else f"cannot be reached ({type(error).__name__})"
        raise BusyError(f"the server {kind}") from None
    finally:
        connection.close()


def _connection(place: SplitResult, host: str, address: str, seconds: float) -> HTTPConnection:
    """A connection to the very address that was looked at; over TLS the server proves the name all the same."""
    import ssl

    from urllib3.connection import HTTPConnection, HTTPSConnection

    if place.scheme == "http":
        return HTTPConnection(address, _port(place), timeout=seconds)
    return HTTPSConnection(
        address,
        _port(place),
        timeout=seconds,
        server_hostname=host,
        assert_hostname=host,
        ssl_context=ssl.create_default_context(),
    )


def _read(response: Any, size_bytes: int) -> bytes:
    pieces, size = [], 0
    while piece := response.read1(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > size_bytes:
            raise RefusedError(f"the answer has more than {size_bytes} bytes")
    return b"".join(pieces)


def _is_of_tls(error: BaseException) -> bool:
    import ssl

    from urllib3.util.ssl_match_hostname import CertificateError

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError | CertificateError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
