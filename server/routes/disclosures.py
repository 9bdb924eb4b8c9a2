"""POST …/disclosures: a personal value is opened for somebody, and the log says for whom and why before it is."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError
from starlette.responses import Response

from ledger.disclosure import open_body, open_part
from ledger.log import Ledger
from proofs.errors import RefusedError
from server import query
from server.auth import COMPLIANCE
from server.body import read_body
from server.errors import TooLargeError, UnsupportedError
from server.models import DisclosureRequest
from server.responses import NO_STORE
from server.routes.events import media_type
from server.routes.log import SEQ, visible
from server.table import JSON, OCTETS, Answer, Body, Call, Endpoint

_REQUEST_BYTES: Final = 4_096


async def post_disclosure(call: Call) -> Response:
    """Open one part, or the whole body as it was received."""
    seq = query.seq_of(call)
    if media_type(call.headers) != JSON:
        raise UnsupportedError(f"the request is not {JSON}")
    asked = _asked(await _small_body(call))
    reader = call.principal.id

    def opened(log: Ledger) -> bytes:
        visible(log, seq, call.principal)
        if asked.pointer is None:
            return open_body(log, seq, reader=reader, purpose=asked.purpose)
        return open_part(log, seq, asked.pointer, reader=reader, purpose=asked.purpose)

    value = await call.service.at_desk(opened)
    call.service.metrics.disclosed()
    return Response(value, headers={**NO_STORE, "content-disposition": "attachment"}, media_type=OCTETS)


async def _small_body(call: Call) -> bytes:
    room = call.service.room
    body = await read_body(call.request.receive, call.headers, room, arrived=call.arrived)
    room.give(len(body))
    if len(body) > _REQUEST_BYTES:
        raise TooLargeError(f"the request has {len(body)} bytes, at most {_REQUEST_BYTES} are allowed")
    return body


def _asked(body: bytes) -> DisclosureRequest:
    try:
        return DisclosureRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RefusedError(f"{'.'.join(map(str, first['loc'])) or 'request'}: {first['msg']}") from error


ENDPOINTS: Final = (
    Endpoint(
        name="disclosure",
        method="POST",
        path="/api/v1/log/entries/{seq}/disclosures",
        handler=post_disclosure,
        summary="Open a personal value; recorded as ledger.record-read",
        roles=frozenset((COMPLIANCE,)),
        reach="entry",
        answers={200: Answer("The bytes of the value, or of the body, exactly as received.", media=OCTETS)},
        parameters=(SEQ,),
        body=Body(
            {
                JSON: (
                    DisclosureRequest.model_json_schema(),
                    {"pointer": "/subject", "purpose": "access-request:7"},
                )
            },
            "Which value, and what for.",
        ),
        problems=(404,),
    ),
)
