"""GET /api/v1/log/lines and /api/v1/log/checkpoints: the log as people read it, the newest first, and what was signed of it."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from evidence.console.checkpoints import checkpoints
from evidence.console.entries import Wanted, entries
from server.auth import READERS
from server.console.asking import (
    AFTER,
    LIMIT,
    given,
    looked_up,
    page_json,
    page_of,
    text_of,
    text_parameter,
)
from server.console.shapes import CheckpointPage, LinePage
from server.errors import ForbiddenError
from server.responses import json_response
from server.table import Answer, Call, Endpoint

_PARAMETERS: Final = (
    text_parameter("stream", "Of this stream alone; the cursor is then a position in it.", "dataset:shop|orders"),
    text_parameter("type", "Of this type, or of all that begin so where it ends in a point.", "tallystick.contract."),
    AFTER,
    LIMIT,
)
_PAGED: Final = (AFTER, LIMIT)


async def list_lines(call: Call) -> Response:
    """Return a page of entries, each told in one line."""
    values = given(call, _PARAMETERS)
    wanted = Wanted(text_of(values, "stream"), text_of(values, "type"))
    if wanted.stream is not None and not call.principal.sees((wanted.stream,)):
        # The cursor of a stream tells how many entries it has, of whomever they are.
        raise ForbiddenError("the stream is outside the scope of the credential")
    page = page_of(values)
    return json_response(
        page_json(await looked_up(call, lambda log: entries(log, wanted, call.principal.sees, **page)), "entries")
    )


async def list_checkpoints(call: Call) -> Response:
    """Return a page of checkpoints."""
    page = page_of(given(call, _PAGED))
    return json_response(page_json(await looked_up(call, lambda log: checkpoints(log, **page)), "checkpoints"))


ENDPOINTS: Final = (
    Endpoint(
        name="lines",
        method="GET",
        path="/api/v1/log/lines",
        handler=list_lines,
        summary="Entries, the newest first, each told in one line",
        roles=READERS,
        reach="entry",
        answers={200: Answer("A page.", shape=LinePage, example={"entries": [], "next": None})},
        parameters=_PARAMETERS,
    ),
    Endpoint(
        name="checkpoints",
        method="GET",
        path="/api/v1/log/checkpoints",
        handler=list_checkpoints,
        summary="Signed checkpoints, the newest first, and whether each grew from the one before",
        roles=READERS,
        reach="nothing",
        answers={200: Answer("A page.", shape=CheckpointPage, example={"checkpoints": [], "next": None})},
        parameters=_PAGED,
    ),
)
