"""GET /api/v1/deletions and /api/v1/deletions/{request}: where every deletion stands. Whom it is about stays sealed."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from evidence.console.deletions import STATES, deletions, request
from ledger.log import Ledger
from server import query
from server.auth import AUDITOR, COMPLIANCE
from server.console.asking import AFTER, LIMIT, given, limit_of, looked_up, word_of, word_parameter
from server.console.examples import example
from server.console.shapes import DeletionPage, DeletionShape
from server.responses import json_response
from server.table import Answer, Call, Endpoint, Parameter

# That somebody asked to be forgotten is more than a reader of data needs to know.
_ROLES: Final = frozenset((AUDITOR, COMPLIANCE))
_WORDS: Final = ("open", "overdue", *STATES)
_MOST: Final = 1_000_000
_PARAMETERS: Final = (
    word_parameter("state", _WORDS, "In this state; `open`: without a certificate; `overdue`: and late."),
    AFTER,
    LIMIT,
)
_ID: Final = Parameter(
    "request", "path", {"type": "string", "minLength": 1, "maxLength": 64}, "The request's id.", "a-uuid", required=True
)


async def list_deletions(call: Call) -> Response:
    """Return a page of requests."""
    values = given(call, _PARAMETERS)
    state = word_of(values, "state", _WORDS)
    after, limit = query.integer(values, "after", default=0, most=_MOST), limit_of(values)

    def found(log: Ledger) -> dict[str, Any]:
        page = deletions(log, state, after=after, limit=limit)
        return {"deletions": list(page.rows), "next": page.next, "total": page.total}

    return json_response(await looked_up(call, found))


async def get_deletion(call: Call) -> Response:
    """Return one request, step by step."""
    id = call.params["request"]
    return json_response(await looked_up(call, lambda log: request(log, id)))


ENDPOINTS: Final = (
    Endpoint(
        name="deletions",
        method="GET",
        path="/api/v1/deletions",
        handler=list_deletions,
        summary="Deletion requests, the newest first, and what is left of their time",
        roles=_ROLES,
        reach="everything",
        answers={200: Answer("A page.", shape=DeletionPage, example={"deletions": [], "next": None, "total": 0})},
        parameters=_PARAMETERS,
    ),
    Endpoint(
        name="deletion",
        method="GET",
        path="/api/v1/deletions/{request}",
        handler=get_deletion,
        summary="One deletion request: plan, steps, what is left, certificates",
        roles=_ROLES,
        reach="everything",
        answers={200: Answer("The request.", shape=DeletionShape, example=example("deletion"))},
        parameters=(_ID,),
        problems=(404,),
    ),
)
