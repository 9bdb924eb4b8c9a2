"""GET /api/v1/decisions and /api/v1/decisions/{seq}: what was decided of batches, and why."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from contracts.decision import Decision
from evidence.console.decisions import Wanted, decision, decisions
from ledger.log import Ledger
from server import query
from server.auth import READERS
from server.console.asking import (
    AFTER,
    DATASET,
    LIMIT,
    dataset_of,
    given,
    looked_up,
    moment_of,
    page_json,
    page_of,
    text_of,
    text_parameter,
    word_of,
    word_parameter,
)
from server.console.examples import example
from server.console.shapes import DecisionPage, DecisionShape
from server.responses import json_response
from server.routes.log import SEQ, visible
from server.table import Answer, Call, Endpoint

_WORDS: Final = tuple(each.value for each in Decision)
_PARAMETERS: Final = (
    DATASET,
    text_parameter("contract", "Of this contract alone.", "orders"),
    word_parameter("decision", _WORDS, "Only these."),
    text_parameter("run", "Of this run alone.", "01930000-0000-7000-8000-000000000001"),
    text_parameter("since", "Not before: a day or YYYY-MM-DDThh:mm:ssZ.", "2026-11-20"),
    text_parameter("until", "Before this moment.", "2026-11-21T00:00:00Z"),
    AFTER,
    LIMIT,
)
_EXAMPLE: Final = {
    "seq": 41,
    "at": "2026-11-20T09:15:00.123456Z",
    "dataset": {"namespace": "shop", "name": "orders"},
    "contract": "orders",
    "version": "1.0.0",
    "decision": "QUARANTINE",
    "risk_basis_points": 1_250,
    "run": None,
    "action": "quarantined",
    "result": "done",
    "action_seq": 43,
    "overridden_by": None,
}


async def list_decisions(call: Call) -> Response:
    """Return a page of decisions."""
    values = given(call, _PARAMETERS)
    wanted = Wanted(
        **dataset_of(values),
        contract=text_of(values, "contract"),
        decision=word_of(values, "decision", _WORDS),
        run=text_of(values, "run"),
        since=moment_of(values, "since"),
        until=moment_of(values, "until"),
    )
    page = page_of(values)
    return json_response(
        page_json(await looked_up(call, lambda log: decisions(log, wanted, call.principal.sees, **page)), "decisions")
    )


async def get_decision(call: Call) -> Response:
    """Return one decision with everything that led to it."""
    seq = query.seq_of(call)

    def found(log: Ledger) -> dict[str, Any]:
        visible(log, seq, call.principal)
        return decision(log, seq)

    return json_response(await looked_up(call, found))


ENDPOINTS: Final = (
    Endpoint(
        name="decisions",
        method="GET",
        path="/api/v1/decisions",
        handler=list_decisions,
        summary="What was decided of batches, the newest first",
        roles=READERS,
        reach="entry",
        answers={200: Answer("A page.", shape=DecisionPage, example={"decisions": [_EXAMPLE], "next": None})},
        parameters=_PARAMETERS,
    ),
    Endpoint(
        name="decision",
        method="GET",
        path="/api/v1/decisions/{seq}",
        handler=get_decision,
        summary="One decision: its rules and counts, the gates that were reached, what followed, and whether it decides again",
        roles=READERS,
        reach="entry",
        answers={200: Answer("The decision.", shape=DecisionShape, example=example("decision"))},
        parameters=(SEQ,),
        problems=(404,),
    ),
)
