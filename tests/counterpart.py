"""The other side of the wire for tests of the client: the contract of POST /api/v1/events, spoken by a real ledger.

It is not our server: `http.server` of the standard library, one ledger behind it, and a switch for each way in which a server or
what stands before it can misbehave. Loaded by the fixture `counterpart`.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ledger.append import LoserError, Receipt
from ledger.cloudevents import read_cloudevent
from ledger.log import Ledger
from proofs import jsonspan, jsonstrict
from proofs.errors import MalformedError, RefusedError
from proofs.tlogproof import TlogProof

Misbehave = Callable[["Handler", bytes], bool]


class Counterpart:
    """One ledger behind HTTP.

    Attributes:
        url: Where it listens.
        requests: (path, number of events) of each POST, in order.
        misbehave: Called with each request first; True when it answered (or not) by itself.
        forge: May change the results of an answer before they are sent.
        headers: Of the last request.
        most_bytes: Of a request's expanded body; more is answered with 413.
    """

    def __init__(self, log: Ledger, port: int = 0) -> None:
        self.log = log
        self.lock = threading.Lock()
        self.requests: list[tuple[str, int]] = []
        self.headers: dict[str, str] = {}
        self.misbehave: Misbehave | None = None
        self.forge: Callable[[list[dict[str, Any]]], object] | None = None
        self.most_bytes = 64 << 20
        self.stopping = threading.Event()
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.counterpart = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.server.shutdown()
        self.server.hang_up()
        self.server.server_close()
        self.thread.join()

    def results(self, document: bytes) -> list[dict[str, Any]]:
        with self.lock:
            return [self._result(element) for element in elements(document)]

    def _result(self, element: bytes) -> dict[str, Any]:
        try:
            receipt = self.log.append(read_cloudevent(element))
        except LoserError as error:
            salt = b64encode(error.salt).decode()
            return {"status": 409, "problem": {**_named("conflict"), "detail": error.what, "salt": salt}}
        except (RefusedError, MalformedError) as error:
            return {"status": 422, "problem": {**_named(error.code), "detail": error.what}}
        return {"status": 200 if receipt.is_replay else 201, "receipt": printed(receipt)}

    def proof(self, seq: int) -> str | None:
        with self.lock:
            stored = [(size, note) for size, note in self.log.store.checkpoints.all() if size > seq]
            if not stored:
                return None
            size, note = stored[-1]
            return TlogProof(seq, tuple(self.log.tree.inclusion(seq, size)), note.decode()).to_text()


def _named(code: str) -> dict[str, str]:
    return {"type": f"urn:tallystick:{code}", "code": code}


class Server(ThreadingHTTPServer):
    counterpart: Counterpart
    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        for each in list(self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its shape
        pass

    def do_GET(self) -> None:
        part = self.path.split("/")
        if part[1:5] != ["api", "v1", "log", "entries"] or part[6:] != ["proof"]:
            self.problem(404, "missing", "no such page")
            return
        proof = self.server.counterpart.proof(int(part[5]))
        if proof is None:
            self.problem(404, "not-yet-signed", "no checkpoint covers the entry", {"Retry-After": "0"})
        else:
            self.answer(200, proof.encode(), "text/plain; charset=utf-8")

    def do_POST(self) -> None:
        counterpart = self.server.counterpart
        body = self.rfile.read(int(self.headers["Content-Length"]))
        counterpart.headers = {name.lower(): value for name, value in self.headers.items()}
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        if counterpart.misbehave is not None and counterpart.misbehave(self, body):
            return
        if len(body) > counterpart.most_bytes:
            self.problem(413, "too_large", f"{len(body)} bytes")
            return
        try:
            results = counterpart.results(body)
        except (RefusedError, MalformedError) as error:
            counterpart.requests.append((self.path, -1))
            self.problem(422, error.code, error.what)
            return
        counterpart.requests.append((self.path, len(results)))
        if counterpart.forge is not None:
            counterpart.forge(results)
        self.answer(200, json.dumps({"results": results}).encode(), "application/json")

    def problem(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        body = {"type": f"urn:tallystick:{code}", "status": status, "code": code, "detail": detail}
        self.answer(status, json.dumps(body).encode(), "application/problem+json", headers)

    def answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def hang(self, seconds: float = 60) -> None:
        """Say nothing until the server is stopped."""
        self.server.counterpart.stopping.wait(seconds)
        self.close_connection = True


def elements(document: bytes) -> list[bytes]:
    """The bytes of each element of a JSON array."""
    count = len(jsonstrict.loads_foreign(document, limit_bytes=64 << 20))  # type: ignore[arg-type]
    spans = jsonspan.spans(document, [f"/{at}" for at in range(count)], limit_bytes=64 << 20)
    return [document[slice(*spans[f"/{at}"])] for at in range(count)]


def printed(receipt: Receipt) -> dict[str, Any]:
    return {
        "seq": receipt.seq,
        "leaf": receipt.leaf.hex(),
        "entry": receipt.entry.decode(),
        "salt": None if receipt.salt is None else b64encode(receipt.salt).decode(),
        "replay": receipt.is_replay,
        "findings": [],
    }
