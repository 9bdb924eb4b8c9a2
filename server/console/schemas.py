"""GET /api/v1/schemas and /api/v1/schemas/{subject}: versions, texts, and what each step changed for readers."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from evidence.console.page import filed
from evidence.console.schemas import schema, subjects
from ledger.log import Ledger
from server.auth import READERS
from server.console.asking import LIMIT, given, limit_of, looked_up, text_of, text_parameter
from server.console.examples import example
from server.console.shapes import SchemaPage, SchemaShape
from server.errors import ForbiddenError
from server.responses import json_response
from server.table import Answer, Call, Endpoint, Parameter

_PARAMETERS: Final = (
    text_parameter("q", "A part of the subject.", "ord"),
    text_parameter("after", "Cursor: `next` of the page before.", "orders"),
    LIMIT,
)
_VERSION: Final = (text_parameter("version", "Whose text; the highest unless stated.", "1.0.0"),)
_SUBJECT: Final = Parameter(
    "subject", "path", {"type": "string", "minLength": 1}, "The schema's.", "orders", required=True
)
_EXAMPLE: Final = {
    "subject": "orders",
    "versions": 2,
    "version": "1.1.0",
    "sha256": "5b0ab6d20b9c0a6c8b0e5ac37b0a4f1e6b5f4c1e0f3f3a0c5de0b7d6c1f2a394",
    "bump": "minor",
    "seq": 9,
    "at": "2026-11-20T09:00:00.000000Z",
}


async def list_schemas(call: Call) -> Response:
    """Return a page of subjects."""
    values = given(call, _PARAMETERS)
    text, after, limit = text_of(values, "q"), text_of(values, "after"), limit_of(values)

    def found(log: Ledger) -> dict[str, Any]:
        page = subjects(log, text, call.principal.sees, after=after, limit=limit)
        return {"schemas": list(page.rows), "next": page.next}

    return json_response(await looked_up(call, found))


async def get_schema(call: Call) -> Response:
    """Return one subject."""
    version = text_of(given(call, _VERSION), "version")
    subject = call.params["subject"]
    if not call.principal.sees(filed(schema=subject)):
        raise ForbiddenError("the schema is outside the scope of the credential")
    return json_response(await looked_up(call, lambda log: schema(log, subject, version=version)))


ENDPOINTS: Final = (
    Endpoint(
        name="schemas",
        method="GET",
        path="/api/v1/schemas",
        handler=list_schemas,
        summary="Published schemas by subject, each with its highest version",
        roles=READERS,
        reach="entry",
        answers={200: Answer("A page.", shape=SchemaPage, example={"schemas": [_EXAMPLE], "next": None})},
        parameters=_PARAMETERS,
    ),
    Endpoint(
        name="schema",
        method="GET",
        path="/api/v1/schemas/{subject:path}",
        handler=get_schema,
        summary="One subject: its versions, what each changed, what was refused, and a text",
        roles=READERS,
        reach="entry",
        answers={200: Answer("The subject.", shape=SchemaShape, example=example("schema"))},
        parameters=(_SUBJECT, *_VERSION),
        problems=(404,),
    ),
)
