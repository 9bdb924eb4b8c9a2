"""GET /api/v1/contracts and /api/v1/contracts/{name}: what is promised of the data, by whom, and who relies on it."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from evidence.console.contracts import STATES, Wanted, contract, contracts, names_of
from ledger.log import Ledger
from server.auth import READERS
from server.console.asking import (
    LIMIT,
    given,
    limit_of,
    looked_up,
    text_of,
    text_parameter,
    word_of,
    word_parameter,
)
from server.console.examples import example
from server.console.shapes import ContractPage, ContractShape
from server.errors import ForbiddenError
from server.responses import json_response
from server.table import Answer, Call, Endpoint, Parameter

_PARAMETERS: Final = (
    text_parameter("q", "A part of the contract's name or of its dataset's.", "ord"),
    word_parameter("state", STATES, "Whose version that binds is in this state."),
    text_parameter("after", "Cursor: `next` of the page before.", "orders"),
    LIMIT,
)
_VERSION: Final = (text_parameter("version", "Another version than the one that binds.", "1.0.0"),)
_NAME: Final = Parameter("name", "path", {"type": "string", "minLength": 1}, "The contract's.", "orders", required=True)
_EXAMPLE: Final = {
    "name": "orders",
    "version": "1.0.0",
    "state": "active",
    "sha256": "5b0ab6d20b9c0a6c8b0e5ac37b0a4f1e6b5f4c1e0f3f3a0c5de0b7d6c1f2a394",
    "seq": 12,
    "at": "2026-11-20T09:00:00.000000Z",
    "versions": 1,
    "dataset": {"namespace": "shop", "name": "orders"},
    "owner": "team-orders",
    "on_call": "orders-oncall",
    "rules": 7,
    "levels": 1,
    "consumers": 2,
    "last_decision": {"seq": 41, "at": "2026-11-20T09:15:00.123456Z", "decision": "QUARANTINE"},
}


async def list_contracts(call: Call) -> Response:
    """Return a page of contracts."""
    values = given(call, _PARAMETERS)
    wanted = Wanted(text_of(values, "q"), word_of(values, "state", STATES))
    after, limit = text_of(values, "after"), limit_of(values)
    known = call.service.console.contracts

    def found(log: Ledger) -> dict[str, Any]:
        page = contracts(log, wanted, call.principal.sees, known=known, after=after, limit=limit)
        return {"contracts": list(page.rows), "next": page.next, "total": page.total}

    return json_response(await looked_up(call, found))


async def get_contract(call: Call) -> Response:
    """Return one contract in one version."""
    version = text_of(given(call, _VERSION), "version")
    name = call.params["name"]

    def found(log: Ledger) -> dict[str, Any]:
        streams = names_of(log, name)
        # Of one that is not there a bound credential is told no more than of one that is another's.
        if not call.principal.sees(streams):
            raise ForbiddenError("the contract is outside the scope of the credential")
        return contract(log, name, version=version, known=call.service.console.contracts)

    return json_response(await looked_up(call, found))


ENDPOINTS: Final = (
    Endpoint(
        name="contracts",
        method="GET",
        path="/api/v1/contracts",
        handler=list_contracts,
        summary="Contracts by name, each as the version says that binds now",
        roles=READERS,
        reach="entry",
        answers={
            200: Answer("A page.", shape=ContractPage, example={"contracts": [_EXAMPLE], "next": None, "total": 1})
        },
        parameters=_PARAMETERS,
    ),
    Endpoint(
        name="contract",
        method="GET",
        path="/api/v1/contracts/{name:path}",
        handler=get_contract,
        summary="One contract: rules, owner, versions, consumers and service levels",
        roles=READERS,
        reach="entry",
        answers={200: Answer("The contract.", shape=ContractShape, example=example("contract"))},
        parameters=(_NAME, *_VERSION),
        problems=(404,),
    ),
)
