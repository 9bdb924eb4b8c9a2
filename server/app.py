"""The request loop: name the request, see who asks, let the endpoint answer, and say so whatever happens.

This is the one place of the server that catches everything: what nobody foresaw becomes a 500 that quotes nothing, and a line
in the journal that says where.
"""

from __future__ import annotations

import itertools
import os
import re
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router

from proofs.errors import TallyError
from server.auth import NOBODY, bearer, check_role
from server.body import DisconnectedError
from server.endpoints import ENDPOINTS
from server.errors import (
    FaultError,
    ForbiddenError,
    MethodError,
    MisdirectedError,
    NoSuchPathError,
    UnauthenticatedError,
)
from server.journal import Journal, to_stderr
from server.metrics import Metrics
from server.responses import problem_response
from server.sending import Scope, Send, Sending
from server.service import Service
from server.settings import Settings
from server.table import Call, Endpoint
from server.visitors import check_visitor

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
)
_TLS: Final = (b"strict-transport-security", b"max-age=31536000")
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
_NO_ENDPOINT: Final = "none"


class RequestLoop:
    """The ASGI application."""

    def __init__(self, settings: Settings, *, journal: Journal = to_stderr) -> None:
        """Make the application; the ledger is opened when the server starts it."""
        self.settings = settings
        self._journal = journal
        self._metrics = Metrics()
        self.service = Service(settings, metrics=self._metrics, journal=journal)
        guarded = [(one, _Guarded(one)) for one in ENDPOINTS]
        routes: list[BaseRoute] = [Route(one.path, endpoint, methods=[one.method]) for one, endpoint in guarded]
        self._exact = {(one.method, one.path): endpoint for one, endpoint in guarded if "{" not in one.path}
        self._router = Router(routes, redirect_slashes=False)
        self._prefix = os.urandom(4).hex()
        self._numbers = itertools.count()
        self._fixed = (*SECURITY, _TLS) if settings.tls_cert else SECURITY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or open and close the ledger with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.service.start()
        except TallyError as error:
            self._journal("not-started", code=error.code, detail=str(error), hint=error.hint)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        self._journal("started", origin=self.service.origin, pid=os.getpid(), open=self.settings.open_on_loopback)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.service.stop()
        self._journal("stopped", pid=os.getpid())
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = perf_counter()
        # Of a name that stands twice the last value counts here; where that matters the whole list is looked at.
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get("x-request-id", "").encode("latin-1")
        request_id = given.decode() if _REQUEST_ID.match(given) else f"{self._prefix}-{next(self._numbers):x}"
        scope.update(app=self, tally_service=self.service, tally_headers=headers, tally_timings=[], tally_begun=begun)
        sending, code = Sending(scope, send, self._fixed, request_id), ""
        try:
            if self.settings.open_on_loopback:
                check_visitor(scope)
            await self._route(scope)(scope, receive, sending)
        except (TallyError, HTTPException) as error:
            response, code = self._refusal(scope, error, request_id)
            await response(scope, receive, sending)
        except DisconnectedError:
            sending.status, code = 499, "disconnected"
        except Exception as error:  # noqa: BLE001 - the top of every request
            code = "fault"
            self._report(error, request_id)
            if not sending.has_begun:
                await problem_response(FaultError("a fault of ours; it is in the journal"), request_id)(
                    scope, receive, sending
                )
        self._tell(scope, sending.status, code, perf_counter() - begun, request_id)

    def _route(self, scope: Scope) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """What answers at the path: where that is all there is to compare, without trying one pattern after the other."""
        endpoint = self._exact.get((scope["method"], scope["path"]))
        if endpoint is None:
            return self._router
        scope["path_params"] = {}
        return endpoint

    def _refusal(self, scope: Scope, error: TallyError | HTTPException, request_id: str) -> tuple[Response, str]:
        # Apart from the loop: a local of it that holds the error would hold itself, and all that the error's frames hold.
        refusal = _of_http(error) if isinstance(error, HTTPException) else error
        if isinstance(refusal, UnauthenticatedError | ForbiddenError | MisdirectedError):
            self._metrics.refused(_name_of(scope), refusal.code)
        return problem_response(refusal, request_id), refusal.code

    def _report(self, error: Exception, request_id: str) -> None:
        self._metrics.fault()
        *_, frame = traceback.extract_tb(error.__traceback__)
        place = f"{Path(frame.filename).name} line {frame.lineno}"
        self._journal("fault", kind=type(error).__name__, place=place, request_id=request_id)

    def _tell(self, scope: Scope, status: int, code: str, seconds: float, request_id: str) -> None:
        name = _name_of(scope)
        self._metrics.answered(name, status, seconds)
        if code or seconds > self.settings.slow_seconds or self.settings.verbose:
            self._journal(
                "request",
                endpoint=name,
                method=scope["method"],
                status=status,
                code=code or None,
                ms=round(seconds * 1000, 2),
                who=scope.get("tally_who"),
                request_id=request_id,
            )


class _Guarded:
    """One endpoint behind its access check."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoint
        scope["tally_endpoint"] = endpoint.name
        service: Service = scope["tally_service"]
        headers: dict[str, str] = scope["tally_headers"]
        principal = NOBODY
        if endpoint.roles is not None:
            principal = await service.identify(bearer(headers))
            scope["tally_who"] = principal.id
            service.rate.take(principal.id)
            check_role(principal, endpoint.roles)
            if endpoint.reach == "everything" and not principal.sees_everything:
                raise ForbiddenError("this tells of the whole log, and the credential is bound to namespaces")
        request = Request(scope, receive)
        call = Call(service, request, principal, headers, scope["path_params"], scope["tally_timings"])
        response: Response = await endpoint.handler(call)
        await response(scope, receive, send)


def _name_of(scope: Scope) -> str:
    name: str = scope.get("tally_endpoint", _NO_ENDPOINT)
    return name


def _of_http(error: HTTPException) -> TallyError:
    if error.status_code == 405:
        return MethodError("the path does not answer to this method")
    return NoSuchPathError("nothing answers at this path")


def create() -> RequestLoop:
    """Return the application as the environment sets it up; what every worker process calls."""
    return RequestLoop(Settings.from_environment())
