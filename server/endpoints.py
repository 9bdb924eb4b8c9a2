"""Every endpoint of the service, in the order in which paths are matched."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from starlette.responses import Response

from server import openapi
from server.auth import EVERYBODY
from server.console import table as console
from server.responses import json_response
from server.routes import coverage, disclosures, events, health, keys, lineage, log, tiles
from server.table import Answer, Call, Endpoint


async def get_openapi(_: Call) -> Response:
    """Return the description of this interface."""
    return json_response(description())


@cache
def description() -> dict[str, Any]:
    """Return the OpenAPI description of all endpoints."""
    try:
        known = version("tallystick")
    except PackageNotFoundError:  # run from the tree
        known = "0"
    return openapi.describe(ENDPOINTS, version=known)


_OPENAPI: Final = Endpoint(
    name="openapi",
    method="GET",
    path="/openapi.json",
    handler=get_openapi,
    summary="This description",
    roles=EVERYBODY,
    reach="nothing",
    answers={200: Answer("OpenAPI 3.1.", example={"openapi": "3.1.0"})},
)

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *events.ENDPOINTS,
    *lineage.ENDPOINTS,
    *coverage.ENDPOINTS,
    *log.ENDPOINTS,
    *keys.ENDPOINTS,
    *disclosures.ENDPOINTS,
    *tiles.ENDPOINTS,
    *health.ENDPOINTS,
    *console.ENDPOINTS,
    _OPENAPI,
)
