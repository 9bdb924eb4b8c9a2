"""Making answers: receipts, pages and problems as JSON bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.responses import Response

from ledger.append import Receipt
from proofs.b64strict import encode
from proofs.errors import TallyError
from server.errors import PROBLEM, headers_of, problem, status_of
from server.table import JSON

NO_STORE: Final = {"cache-control": "no-store"}


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `content` as JSON that nobody caches."""
    if headers:
        return Response(orjson.dumps(content), status, {**NO_STORE, **headers}, JSON)
    return _Json(orjson.dumps(content), status)


class _Json(Response):
    """The answer that most are: its headers are known but for the length."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:  # noqa: ARG002 - the shape of the library's
        """Print them; they come out as the library would print them."""
        self.raw_headers = [
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", b"application/json"),
        ]


def receipt_json(receipt: Receipt, findings: Sequence[str] = ()) -> dict[str, Any]:
    """Return a receipt as a client reads it."""
    return {
        "seq": receipt.seq,
        "leaf": receipt.leaf.hex(),
        "entry": receipt.entry.decode(),
        "salt": None if receipt.salt is None else encode(receipt.salt),
        "replay": receipt.is_replay,
        "findings": list(findings),
    }


def problem_response(error: TallyError, request_id: str) -> Response:
    """Return the answer that says why a request was refused."""
    said = {**problem(error), "instance": f"urn:tallystick:request:{request_id}"}
    return Response(orjson.dumps(said), status_of(error), {**NO_STORE, **headers_of(error)}, PROBLEM)
