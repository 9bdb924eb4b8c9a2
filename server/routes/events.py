"""POST /api/v1/events: CloudEvents 1.0, one as JSON, many as a JSON array, or one in binary mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from ledger import cloudevents
from ledger.append import Receipt
from ledger.event import Event
from ledger.intake import Prepared
from proofs.errors import RefusedError, TallyError
from server.auth import EMITTER
from server.body import read_body, read_values
from server.errors import UnsupportedError, problem, status_of
from server.models import ReceiptShape, Results
from server.reading import BATCHES, check
from server.responses import json_response, receipt_json
from server.table import JSON, Answer, Body, Call, Endpoint
from server.writer import Answer as Outcome

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"


async def post_events(call: Call) -> Response:
    """Record what the body holds."""
    media = media_type(call.headers)
    room = call.service.room
    body = await read_body(call.request.receive, call.headers, room, arrived=call.arrived)
    try:
        if media == BATCH:
            return await _batch(call, body)
        if media == STRUCTURED:
            event = await read_values(body, room, cloudevents.read_cloudevent)
        elif "ce-specversion" in call.headers:
            names = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in call.request.headers.raw]
            event = cloudevents.read_binary(names, body)
        else:
            raise UnsupportedError(
                f"content-type {media[:60]!r} is neither {STRUCTURED} nor {BATCH}, and no ce- header says binary mode"
            )
        return await one(call, event, len(body))
    finally:
        room.give(len(body))


async def one(call: Call, event: Event, size_bytes: int, findings: Sequence[str] = ()) -> Response:
    """Record one event and answer with its receipt.

    Raises:
        TallyError: It was refused, or could not be written now.
    """
    if event.is_json:
        await read_values(event.data, call.service.room, lambda _: check(call.principal, event, call.service.origin))
    else:
        check(call.principal, event, call.service.origin)
    (answer,) = await submit(call, [event], size_bytes)
    count(call, [answer])
    if not isinstance(answer, Receipt):
        raise answer
    return json_response(receipt_json(answer, findings), 200 if answer.is_replay else 201)


async def submit(call: Call, events: Sequence[Event | Prepared], size_bytes: int) -> Sequence[Outcome]:
    """Return what became of each event, when what was recorded is durable."""
    written = await call.service.writer.submit(events, size_bytes)
    call.timings.append(("queue", written.waited_seconds))
    call.timings.append(("commit", written.commit_seconds))
    return written.answers


def count(call: Call, answers: Iterable[Receipt | TallyError]) -> None:
    """Count what became of events."""
    for outcome, times in Counter(map(_outcome, answers)).items():
        call.service.metrics.event(outcome, times)


def _outcome(answer: Receipt | TallyError) -> str:
    if isinstance(answer, Receipt):
        return "replayed" if answer.is_replay else "recorded"
    return answer.code


async def _batch(call: Call, body: bytes) -> Response:
    outcomes = await record_batch(call, "cloudevents", body)
    return json_response({"results": [_result(outcome) for outcome in outcomes]})


async def record_batch(call: Call, kind: str, body: bytes) -> list[Receipt | TallyError]:
    """Record the events of a batch, each alone, and return what became of each, in order.

    Args:
        kind: One of `server.reading.BATCHES`.

    Raises:
        TallyError: Nothing can be said of any event, or none could be written now.
    """
    principal = call.principal
    read: Sequence[Event | Prepared | RefusedError] | None = await call.service.aside.read(kind, body, principal)
    if read is None:
        read = await read_values(
            body, call.service.room, lambda sent: BATCHES[kind](sent, principal, call.service.origin)
        )
    outcomes: dict[int, Receipt | TallyError] = {}
    accepted: dict[int, Event | Prepared] = {}
    for at, each in enumerate(read):
        if isinstance(each, RefusedError):
            outcomes[at] = each
        else:
            accepted[at] = each
    if accepted:
        outcomes.update(zip(accepted, await submit(call, list(accepted.values()), len(body)), strict=True))
    count(call, outcomes.values())
    return [outcomes[index] for index in range(len(read))]


def _result(outcome: Receipt | TallyError) -> Mapping[str, Any]:
    if isinstance(outcome, Receipt):
        return {"status": 200 if outcome.is_replay else 201, "receipt": receipt_json(outcome)}
    return {"status": status_of(outcome), "problem": problem(outcome)}


def media_type(headers: Mapping[str, str]) -> str:
    """Return the content type without its parameters, in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


EVENT: Final = {
    "specversion": "1.0",
    "id": "0193e2a4-7c11-7000-8000-000000000001",
    "source": "urn:example:churn",
    "type": "org.example.scores-published.v1",
    "data": {"rows": 801},
}
RECEIPT: Final = {
    "seq": 41,
    "leaf": "5b0ab6d20b9c0a6c8b0e5ac37b0a4f1e6b5f4c1e0f3f3a0c5de0b7d6c1f2a394",
    "entry": '{"seq":41,"prev":"…","at":"2026-11-20T09:15:00.123456Z","id":"…","source":"…","type":"…","streams":{},"body":"…"}',
    "salt": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
    "replay": False,
    "findings": [],
}
PROBLEM_EXAMPLE: Final = {
    "type": "urn:tallystick:refused",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "no CloudEvent of specversion 1.0",
    "code": "refused",
    "findings": ["refused"],
}
CLOUDEVENT_SCHEMA: Final = {
    "type": "object",
    "required": ["specversion", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 256},
        "source": {"type": "string", "minLength": 1, "maxLength": 512},
        "type": {"type": "string", "minLength": 1, "maxLength": 128},
        "data": {},
        "data_base64": {"type": "string"},
    },
}
ENDPOINTS: Final = (
    Endpoint(
        name="events",
        method="POST",
        path="/api/v1/events",
        handler=post_events,
        summary="Record CloudEvents",
        roles=frozenset((EMITTER,)),
        reach="own",
        answers={
            201: Answer("Recorded; it is durable.", shape=ReceiptShape, example=RECEIPT),
            200: Answer(
                "Recorded before: its first receipt. To a batch: what became of each event, in order.",
                shape=Results,
                or_shape=ReceiptShape,
                example={"results": [{"status": 201, "receipt": RECEIPT}, {"status": 422, "problem": PROBLEM_EXAMPLE}]},
            ),
        },
        body=Body(
            {
                STRUCTURED: (CLOUDEVENT_SCHEMA, EVENT),
                BATCH: ({"type": "array", "maxItems": 1000, "items": CLOUDEVENT_SCHEMA}, [EVENT]),
                JSON: ({}, {"rows": 801}),
            },
            "One event as JSON, at most 1,000 in an array, or in binary mode any body with ce- headers.",
        ),
        problems=(409,),
    ),
)
