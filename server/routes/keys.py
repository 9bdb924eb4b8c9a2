"""Which keys sign the log's checkpoints: what a reader who trusts none yet begins with, and compares by other means."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from ledger.keys import log_vkey
from ledger.log import Ledger
from server.auth import READERS
from server.models import LogKeys
from server.responses import json_response
from server.table import Answer, Call, Endpoint


async def get_keys(call: Call) -> Response:
    """Return every log key, in the order in which they were added."""
    # The index of streams is brought up to the log's end first, so this is work for the handle that may write.
    return json_response(await call.service.at_desk(_keys))


def _keys(log: Ledger) -> dict[str, Any]:
    every = log.keys()
    keys = [
        {
            "id": key.id,
            "vkey": log_vkey(log.origin, key.public_key).to_text(),
            "added": key.added,
            "retired": key.retired,
            "compromised": key.compromised,
        }
        for key in every
        if key.purpose == "log"
    ]
    return {"origin": log.origin, "keys": keys}


_EXAMPLE: Final = {
    "origin": "ledger.example.org/churn",
    "keys": [
        {
            "id": "5b0a…",
            "vkey": "ledger.example.org/churn+1a2b3c4d+A…",
            "added": 0,
            "retired": None,
            "compromised": False,
        }
    ],
}

ENDPOINTS: Final = (
    Endpoint(
        name="log-keys",
        method="GET",
        path="/api/v1/log/keys",
        handler=get_keys,
        summary="The keys that sign checkpoints, as verifier keys (C2SP signed-note)",
        roles=READERS,
        reach="nothing",
        answers={200: Answer("All of them.", shape=LogKeys, example=_EXAMPLE)},
    ),
)
