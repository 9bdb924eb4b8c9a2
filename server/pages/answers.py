"""The pages' endpoints: one shell for every address of a page, and the code that it loads.

Code is anybody's; what the log holds is asked for by that code, with the reader's own credential. The policy that leaves with
each page lets it run this server's files and ask this server, and nothing else: no inline script or style, no frame, no form
that sends anywhere, and no text that becomes HTML (trusted types).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from proofs.errors import MissingError
from server.pages.files import StaticFile, site
from server.table import TEXT, Answer, Call, Endpoint, Parameter

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_PAGE: Final = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HOME: Final = "/explorer"
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK: Final = "no-cache"  # keep it, and ask whether it is still so


async def get_home(_: Call) -> Response:
    """Lead to the explorer."""
    return Response(f"See {_HOME}\n", 307, {"location": _HOME, "cache-control": _ASK}, TEXT)


async def get_page(call: Call) -> Response:
    """Return the shell; its code reads from the address what is to be shown."""
    return _answer(call.headers, site().shell, _ASK)


async def get_static(call: Call) -> Response:
    """Return one file of the pages."""
    here = site()
    found = here.files.get(call.params["file"]) if call.params["digest"] == here.digest else None
    if found is None:
        raise MissingError("the pages have no such file")
    return _answer(call.headers, found, _FOREVER)


def _answer(headers: Mapping[str, str], file: StaticFile, caching: str) -> Response:
    said = {**_PAGE, "cache-control": caching, "etag": file.etag, "vary": "accept-encoding"}
    if file.etag in [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=said)
    if "gzip" in headers.get("accept-encoding", ""):
        return Response(file.zipped, headers={**said, "content-encoding": "gzip"}, media_type=file.media)
    return Response(file.data, headers=said, media_type=file.media)


_SHELL: Final = Answer(
    "The shell of every page; 304 where the reader has it.", media="text/html", example="<!doctype html>…"
)
_NAME: Final = {"type": "string", "pattern": "^[a-z][a-z0-9./-]*$"}
_DIGEST: Final = {"type": "string", "pattern": "^[0-9a-f]{16}$"}

ENDPOINTS: Final = (
    Endpoint(
        name="home",
        method="GET",
        path="/",
        handler=get_home,
        summary="Leads to the explorer",
        roles=None,
        reach="nothing",
        answers={307: Answer("See there.", media=TEXT, headers={"location": _HOME})},
    ),
    Endpoint(
        name="explorer",
        method="GET",
        path=_HOME,
        handler=get_page,
        summary="The lineage explorer, for a browser",
        roles=None,
        reach="nothing",
        answers={200: _SHELL},
    ),
    Endpoint(
        name="page",
        method="GET",
        path="/ui/{page:path}",
        handler=get_page,
        summary="A page of the operator's console, for a browser",
        roles=None,
        reach="nothing",
        answers={200: _SHELL},
        parameters=(Parameter("page", "path", _NAME, "Which.", "log", required=True),),
    ),
    Endpoint(
        name="static",
        method="GET",
        path="/static/{digest}/{file:path}",
        handler=get_static,
        summary="A file of the pages",
        roles=None,
        reach="nothing",
        answers={
            200: Answer("Its bytes.", media="*/*", headers={"cache-control": "immutable: the address names them"})
        },
        parameters=(
            Parameter("digest", "path", _DIGEST, "Of all files; the shell has it.", "0" * 16, required=True),
            Parameter("file", "path", _NAME, "Its path.", "main.js", required=True),
        ),
        problems=(404,),
    ),
)
