"""The events that a Marquez server kept, page by page, oldest first.

GET <server>/api/v1/events/lineage?sortDirection=asc&limit=…&offset=…    {"events": […], "totalCount": n}

Marquez keeps events as JSON values, not as the bytes that it received: numbers and the order of members are its own.
What it answers is kept byte for byte. With retention on it deletes events after seven days by default; what is gone there
cannot be imported.

Source: Marquez 0.51, api/src/main/java/marquez/api/OpenLineageResource.java.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3

from lineage.imports.arrival import Arrival, arrive
from proofs import jsonspan, jsonstrict
from proofs.errors import BusyError, MalformedError, RefusedError
from proofs.limits import BODY_BYTES

SYSTEM: Final = "marquez"
PAGE: Final = 100
_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=60.0)
_RETRIES: Final = urllib3.Retry(
    3, redirect=0, backoff_factor=0.2, status_forcelist=(429, 502, 503, 504), raise_on_status=False
)

Get = Callable[[str], bytes]
"""Answers a URL with the body of a 200, or with its first BODY_BYTES + 1 bytes where it has more."""


def read(url: str, *, get: Get, after: str | None = None, before: str | None = None) -> Iterator[Arrival]:
    """Yield every event of the server.

    Args:
        url: Of the server, as `http://marquez:5000`.
        after, before: Times as Marquez takes them, to bound what is asked.

    Raises:
        MalformedError: An answer is not what Marquez answers.
        BusyError: The server did not answer well; what was read until then has been yielded.
    """
    bounds = {name: time for name, time in (("after", after), ("before", before)) if time is not None}
    offset, limit = 0, PAGE
    while True:
        query = urlencode({**bounds, "sortDirection": "asc", "limit": limit, "offset": offset})
        answer = get(f"{url.rstrip('/')}/api/v1/events/lineage?{query}")
        if len(answer) > BODY_BYTES and limit > 1:
            limit //= 2  # large events: fewer of them at once
            continue
        found = _events(answer, limit)
        for at, data in enumerate(found):
            yield arrive(data, where=f"event {offset + at}", system=SYSTEM)
        offset += len(found)
        if len(found) < limit:
            return


def _events(answer: bytes, limit: int) -> list[bytes]:
    try:
        document: Any = jsonstrict.loads_foreign(answer)
    except MalformedError as error:
        raise MalformedError(f"Marquez's answer is not acceptable JSON: {error.what}") from error
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list) or len(events) > limit:
        raise MalformedError(f"Marquez's answer does not hold a list of at most {limit} events")
    pointers = [f"/events/{at}" for at in range(len(events))]
    spans = jsonspan.spans(answer, pointers)
    return [answer[slice(*spans[pointer])] for pointer in pointers]


def connect(url: str, *, token: str | None = None) -> Get:
    """Return what gets a URL of this server.

    Args:
        token: For a proxy before it that asks for one: Marquez itself knows no authentication.

    Raises:
        RefusedError: `url` is not that of an HTTP server.
    """
    try:
        parts = urlsplit(url)
        is_server = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is none
        is_server = False
    if "@" in url:  # not quoted: what stands before it may be a password
        raise RefusedError("the URL of the server holds a user or a password", hint="give a token with --token-file")
    if not is_server or parts.query or parts.fragment:
        raise RefusedError(f"{url[:120]!r} is no http or https URL of a server")
    pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=_RETRIES)
    headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}

    def get(page: str) -> bytes:
        try:
            answer = pool.request("GET", page, headers=headers, preload_content=False)
            data = answer.read(BODY_BYTES + 1)
            answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise BusyError(f"{parts.hostname} did not answer: {_why(error)}") from error
        if answer.status != 200:
            raise BusyError(f"{parts.hostname} answered {answer.status}, expected 200")
        return data

    return get


def _why(error: urllib3.exceptions.HTTPError) -> str:
    """What went wrong, in words of ours: the library's own names its classes and objects."""
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return "its name is not known"
    if isinstance(cause, urllib3.exceptions.TimeoutError) and not isinstance(
        cause, urllib3.exceptions.NewConnectionError
    ):
        return "it took too long"
    if isinstance(cause, urllib3.exceptions.SSLError):
        return "its certificate is not trusted, or it speaks no TLS"
    beneath: BaseException | None = cause
    while beneath is not None:
        if isinstance(beneath, OSError) and beneath.strerror:
            return beneath.strerror
        beneath = beneath.__cause__ or beneath.__context__
    return "the connection broke off"
