"""GET /api/v1/standing: how the ledger, its views, its signing and what it watches over stand now."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from starlette.responses import Response

from evidence.console.health import health
from server.auth import READERS
from server.console.asking import given, looked_up
from server.console.examples import example
from server.console.shapes import StandingShape
from server.responses import json_response
from server.service import Service
from server.table import Answer, Call, Endpoint

_SQLITE: Final = "sqlite:///"


async def get_standing(call: Call) -> Response:
    """Return how all stands."""
    given(call, ())
    service = call.service
    found = await looked_up(call, lambda log: health(log, service.console.lookout(log)))
    return json_response({**found, "store": _store(service), "service": _service(service)})


def _store(service: Service) -> dict[str, Any]:
    """Which kind of store it is, and for one in a file how much of the disk it takes; never where it stands."""
    url = service.settings.ledger
    if not url.startswith(_SQLITE):
        return {"kind": url.partition(":")[0], "size_bytes": None}
    file = Path(url.removeprefix(_SQLITE))
    return {"kind": "sqlite", "size_bytes": sum(map(_size, (file, Path(f"{file}-wal"))))}


def _size(file: Path) -> int:
    """How many bytes it has; none where it is not there, as a write-ahead log that was just folded in."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _service(service: Service) -> dict[str, Any]:
    return {
        "takes_events": service.writer.is_open,
        "waiting_events": service.writer.waiting,
        "held_bytes": service.room.used,
        "keeps_watch": service.keeps_watch,
        "workers": service.settings.workers,
        "checkpoint_every_seconds": service.settings.checkpoint_every,
        "census_every_seconds": service.settings.census_every,
    }


ENDPOINTS: Final = (
    Endpoint(
        name="standing",
        method="GET",
        path="/api/v1/standing",
        handler=get_standing,
        summary="How the ledger, its views, its signing and what it watches over stand now",
        roles=READERS,
        reach="everything",
        answers={
            200: Answer(
                "All of it, and a sentence for each thing to look at.", shape=StandingShape, example=example("standing")
            )
        },
    ),
)
