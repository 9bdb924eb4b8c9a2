"""GET /api/v1/quarantines and /api/v1/quarantines/{id}: what was kept apart, and what became of it. Never the rows."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from evidence.console.quarantines import STATES, Wanted, quarantine, quarantines, streams_of
from ledger.log import Ledger
from proofs.errors import MissingError
from server.auth import READERS
from server.console.asking import (
    AFTER,
    DATASET,
    LIMIT,
    dataset_of,
    given,
    looked_up,
    page_json,
    page_of,
    text_of,
    text_parameter,
    word_of,
    word_parameter,
)
from server.console.examples import example
from server.console.shapes import QuarantinePage, QuarantineShape
from server.errors import ForbiddenError
from server.responses import json_response
from server.table import Answer, Call, Endpoint, Parameter

_WORDS: Final = ("kept", *STATES)
_PARAMETERS: Final = (
    word_parameter("state", _WORDS, "In this state; `kept`: those that still have their rows."),
    text_parameter("contract", "Of this contract alone.", "orders"),
    DATASET,
    AFTER,
    LIMIT,
)
_ID: Final = Parameter(
    "id", "path", {"type": "string", "minLength": 1, "maxLength": 64}, "The quarantine's.", "a-uuid", required=True
)


async def list_quarantines(call: Call) -> Response:
    """Return a page of quarantines."""
    values = given(call, _PARAMETERS)
    wanted = Wanted(word_of(values, "state", _WORDS), text_of(values, "contract"), **dataset_of(values))
    page = page_of(values)
    return json_response(
        page_json(
            await looked_up(call, lambda log: quarantines(log, wanted, call.principal.sees, **page)), "quarantines"
        )
    )


async def get_quarantine(call: Call) -> Response:
    """Return one quarantine, step by step."""

    def found(log: Ledger) -> dict[str, Any]:
        hidden = ForbiddenError("the quarantine is outside the scope of the credential")
        try:
            one = quarantine(log, call.params["id"])
        except MissingError:
            if call.principal.sees_everything:
                raise
            raise hidden from None
        if not call.principal.sees(streams_of(one)):
            raise hidden
        return one

    return json_response(await looked_up(call, found))


ENDPOINTS: Final = (
    Endpoint(
        name="quarantines",
        method="GET",
        path="/api/v1/quarantines",
        handler=list_quarantines,
        summary="Quarantines, the newest first: counts and states, never rows",
        roles=READERS,
        reach="entry",
        answers={200: Answer("A page.", shape=QuarantinePage, example={"quarantines": [], "next": None})},
        parameters=_PARAMETERS,
    ),
    Endpoint(
        name="quarantine",
        method="GET",
        path="/api/v1/quarantines/{id}",
        handler=get_quarantine,
        summary="One quarantine: which rules the rows broke, and what became of them",
        roles=READERS,
        reach="entry",
        answers={200: Answer("The quarantine.", shape=QuarantineShape, example=example("quarantine"))},
        parameters=(_ID,),
        problems=(404,),
    ),
)
