"""POST /api/v1/lineage and /api/v1/lineage/batch: OpenLineage events, as stock clients send them, and their faults.

OpenLineage has no event id: a retry is known again by its content, or by the header `Tally-Event-Id`. An event is recorded
under the source that its credential is bound to, and without such a bond under its own `producer` (I9).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from starlette.responses import Response

from ledger.append import Receipt
from ledger.log import Ledger
from ledger.openlineage import event_and_findings
from lineage.findings import irregular
from proofs import limits
from proofs.errors import RefusedError, TallyError
from server import query
from server.auth import EMITTER, READERS, Principal
from server.body import read_body, read_values
from server.errors import UnsupportedError, status_of
from server.models import IrregularPage, LineageResults, ReceiptShape
from server.reading import bounded, source_of
from server.responses import json_response, receipt_json
from server.routes import events
from server.table import JSON, Answer, Body, Call, Endpoint, Parameter

PAGE_EVENTS: Final = 1_000
EVENT_ID: Final = "tally-event-id"
_RETRIABLE: Final = frozenset((429, 503))


async def post_lineage(call: Call) -> Response:
    """Record one OpenLineage event."""
    _check_media(call)
    room = call.service.room
    body = await read_body(call.request.receive, call.headers, room, arrived=call.arrived)
    try:
        id = _event_id(call)
        event, findings = await read_values(
            body, room, lambda sent: event_and_findings(bounded(sent), source=source_of(call.principal), id=id)
        )
        return await events.one(call, event, len(body), findings)
    finally:
        room.give(len(body))


async def post_lineage_batch(call: Call) -> Response:
    """Record an array of OpenLineage events, each alone."""
    _check_media(call)
    room = call.service.room
    body = await read_body(call.request.receive, call.headers, room, arrived=call.arrived)
    try:
        return json_response(_answer(await events.record_batch(call, "lineage", body)))
    finally:
        room.give(len(body))


def _check_media(call: Call) -> None:
    media = events.media_type(call.headers)
    if media != JSON:
        raise UnsupportedError(f"content-type {media[:60]!r} is not {JSON}")


async def get_findings(call: Call) -> Response:
    """Return which events of a page of the log are not as their schemas say."""
    given = call.request.query_params
    after = query.integer(given, "after", default=-1, most=limits.MAX_INTEGER)
    limit = query.integer(given, "limit", default=100, least=1, most=PAGE_EVENTS)
    return json_response(await call.service.read(lambda log: _irregular(log, after + 1, limit, call.principal)))


def _irregular(log: Ledger, start: int, limit: int, principal: Principal) -> dict[str, Any]:
    size = log.size
    stop = min(start + limit, size)
    page = [record for record in log.read(start, stop) if principal.sees(record.streams)]
    return {"events": [asdict(event) for event in irregular(page)], "next": stop - 1 if start < stop < size else None}


def _event_id(call: Call) -> str | None:
    """What the header says, which is UTF-8 here; Starlette and uvicorn hand it over as Latin-1."""
    given = call.headers.get(EVENT_ID)
    try:
        return given and given.encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise RefusedError(f"header {EVENT_ID!r} is not UTF-8") from error


def _answer(outcomes: list[Receipt | TallyError]) -> dict[str, Any]:
    failed = [
        {"index": index, "reason": str(outcome), "retriable": status_of(outcome) in _RETRIABLE}
        for index, outcome in enumerate(outcomes)
        if not isinstance(outcome, Receipt)
    ]
    retriable = sum(bool(failure["retriable"]) for failure in failed)
    status = "success" if not failed else "failure" if len(failed) == len(outcomes) else "partial_success"
    return {
        "status": status,
        "summary": {
            "received": len(outcomes),
            "successful": len(outcomes) - len(failed),
            "failed": len(failed),
            "retriable": retriable,
            "non_retriable": len(failed) - retriable,
        },
        "failed_events": failed,
        "receipts": [receipt_json(outcome) if isinstance(outcome, Receipt) else None for outcome in outcomes],
    }


_FOUND: Final = {"code": "runId-is-no-uuid", "place": "", "says": "the event: runId is no uuid"}
RUN_EVENT: Final = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-20T09:15:00.123Z",
    "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/client/python",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "0193e2a4-7c11-7000-8000-000000000001"},
    "job": {"namespace": "airflow", "name": "churn.features"},
    "inputs": [{"namespace": "crm", "name": "households"}],
    "outputs": [{"namespace": "crm", "name": "features"}],
}
_SCHEMA: Final = {"type": "object", "properties": {"run": {}, "job": {}, "dataset": {}}}

ENDPOINTS: Final = (
    Endpoint(
        name="lineage",
        method="POST",
        path="/api/v1/lineage",
        handler=post_lineage,
        summary="Record one OpenLineage event",
        roles=frozenset((EMITTER,)),
        reach="own",
        answers={
            201: Answer("Recorded; it is durable.", shape=ReceiptShape, example=events.RECEIPT),
            200: Answer(
                "Recorded before: its first receipt.", shape=ReceiptShape, example={**events.RECEIPT, "replay": True}
            ),
        },
        parameters=(
            Parameter(
                EVENT_ID,
                "header",
                {"type": "string", "minLength": 1, "maxLength": 256},
                "Makes a retry the same event; without it retries are known by their content.",
                "0193e2a4-7c11-7000-8000-000000000001",
            ),
        ),
        body=Body({JSON: (_SCHEMA, RUN_EVENT)}, "A RunEvent, JobEvent or DatasetEvent."),
        problems=(409,),
    ),
    Endpoint(
        name="lineage-batch",
        method="POST",
        path="/api/v1/lineage/batch",
        handler=post_lineage_batch,
        summary="Record many OpenLineage events",
        roles=frozenset((EMITTER,)),
        reach="own",
        answers={
            200: Answer(
                "What became of each.",
                shape=LineageResults,
                example={
                    "status": "success",
                    "summary": {"received": 1, "successful": 1, "failed": 0, "retriable": 0, "non_retriable": 0},
                    "failed_events": [],
                    "receipts": [events.RECEIPT],
                },
            )
        },
        body=Body(
            {JSON: ({"type": "array", "maxItems": 1000, "items": _SCHEMA}, [RUN_EVENT])}, "At most 1,000 events."
        ),
    ),
    Endpoint(
        name="lineage-findings",
        method="GET",
        path="/api/v1/lineage/findings",
        handler=get_findings,
        summary="Which OpenLineage events are not as their schemas say",
        roles=READERS,
        reach="entry",
        answers={
            200: Answer(
                "Those among the entries that were looked through; `next` is the cursor of what follows.",
                shape=IrregularPage,
                example={"events": [{"seq": 41, "source": "urn:airflow", "findings": [_FOUND]}], "next": 140},
            )
        },
        parameters=(
            Parameter(
                "after",
                "query",
                {"type": "integer", "minimum": 0, "maximum": limits.MAX_INTEGER},
                "Look behind this seq.",
                0,
            ),
            Parameter(
                "limit",
                "query",
                {"type": "integer", "minimum": 1, "maximum": PAGE_EVENTS},
                "How many entries to look through, of any type.",
                100,
            ),
        ),
    ),
)
