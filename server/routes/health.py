"""Whether the server works, what it counts, and what it offers."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response

from ledger.log import Ledger
from proofs.errors import TallyError
from server import metrics
from server.auth import READERS
from server.models import Health
from server.responses import json_response
from server.table import Answer, Call, Endpoint

_READY_SECONDS: Final = 2.0


async def live(_: Call) -> Response:
    """Say that the process answers."""
    return json_response({"status": "ok", "checks": {}})


async def ready(call: Call) -> Response:
    """Say whether events can be written now: the ledger answers and the writer takes more."""
    service = call.service
    checks = {"writer": service.writer.is_open, "ledger": await _ledger_answers(call), "watch": service.keeps_watch}
    is_ready = all(checks.values())
    return json_response({"status": "ok" if is_ready else "failing", "checks": checks}, 200 if is_ready else 503)


async def _ledger_answers(call: Call) -> bool:
    try:
        async with asyncio.timeout(_READY_SECONDS):
            return await call.service.read(_has_entries)
    except (TallyError, TimeoutError):
        return False


def _has_entries(log: Ledger) -> bool:
    return log.size > 0


async def get_metrics(call: Call) -> Response:
    """Return the metrics of all workers; and of service levels, whose names not every reader may know."""
    service = call.service
    said = service.metrics.exposition(service.writer.waiting, service.room.used)
    if call.principal.sees_everything:
        said += await service.levels.exposition()
    return Response(said, media_type=metrics.CONTENT_TYPE)


_OK: Final = {"status": "ok", "checks": {"writer": True, "ledger": True, "watch": True}}
ENDPOINTS: Final = (
    Endpoint(
        name="live",
        method="GET",
        path="/health/live",
        handler=live,
        summary="Does the process answer?",
        roles=None,
        reach="nothing",
        answers={200: Answer("It does.", shape=Health, example={"status": "ok", "checks": {}})},
    ),
    Endpoint(
        name="ready",
        method="GET",
        path="/health/ready",
        handler=ready,
        summary="Can events be written now?",
        roles=None,
        reach="nothing",
        answers={
            200: Answer("They can.", shape=Health, example=_OK),
            503: Answer("They cannot.", shape=Health, example={"status": "failing", "checks": {"writer": False}}),
        },
    ),
    Endpoint(
        name="metrics",
        method="GET",
        path="/metrics",
        handler=get_metrics,
        summary="Prometheus metrics",
        roles=READERS,
        reach="nothing",
        answers={200: Answer("The text format.", media=metrics.CONTENT_TYPE)},
    ),
)
