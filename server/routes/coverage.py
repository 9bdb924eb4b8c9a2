"""GET /api/v1/graph/coverage: which datasets of the lineage have no contract, no owner, or nobody on call."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from evidence.coverage import MOST_NAMED, coverage, coverage_json
from ledger.log import Ledger
from server import query
from server.asking import AS_OF, KNOWN_AT, TEXT_BYTES, cut_of, sees, told
from server.auth import READERS
from server.responses import json_response
from server.shapes import CoverageShape
from server.table import Answer, Call, Endpoint, Parameter


async def get_coverage(call: Call) -> Response:
    """Return what is covered of the datasets that the asker may see."""
    given = call.request.query_params
    cut = cut_of(given)
    namespace = query.text(given, "namespace", most_bytes=TEXT_BYTES)
    limit = query.integer(given, "limit", default=100, least=1, most=MOST_NAMED)

    def found(log: Ledger) -> dict[str, Any]:
        covered = coverage(log, cut, namespace=namespace, limit=limit, sees=sees(call.principal))
        return {"cut": told(cut, log), **coverage_json(covered)}

    return json_response(await call.service.at_desk(found))


_COUNT: Final = {"datasets": 3, "with_contract": 2, "with_owner": 2, "with_on_call": 1}
_LACKING: Final = {
    "namespace": "crm",
    "name": "households",
    "contracts": [],
    "owner": None,
    "on_call": None,
    "lacks": ["contract", "owner", "on-call"],
}

ENDPOINTS: Final = (
    Endpoint(
        name="coverage",
        method="GET",
        path="/api/v1/graph/coverage",
        handler=get_coverage,
        summary="Which datasets have no contract, no owner, or nobody on call",
        roles=READERS,
        reach="entry",
        answers={
            200: Answer(
                "All are counted, in all and by namespace; at most `limit` are listed.",
                shape=CoverageShape,
                example={
                    "cut": {"asOf": None, "knownAt": None, "size": 96},
                    **_COUNT,
                    "namespaces": [{"namespace": "crm", **_COUNT}],
                    "lacking": [_LACKING],
                    "truncated": False,
                },
            )
        },
        parameters=(
            Parameter("namespace", "query", {"type": "string", "minLength": 1}, "Only its datasets.", "crm"),
            Parameter(
                "limit",
                "query",
                {"type": "integer", "minimum": 1, "maximum": MOST_NAMED},
                "How many to list at most.",
                100,
            ),
            AS_OF,
            KNOWN_AT,
        ),
    ),
)
