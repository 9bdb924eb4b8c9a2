"""What an endpoint is: one value says who may call it, what it takes and what it answers.

The router, the access check, the OpenAPI description and the matrix of tests all read it, so that none of them can forget an
endpoint that another knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from server.auth import Principal
from server.protocol import ARRIVED
from server.service import Service

JSON: Final = "application/json"
TEXT: Final = "text/plain"
OCTETS: Final = "application/octet-stream"

Reach = Literal["nothing", "own", "entry", "everything"]
"""What an answer tells of the log: nothing; what the caller sent; entries within its namespaces; or all of it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way to its handler.

    Attributes:
        headers: Names in lower case; of a name that stands twice, the last value.
        params: What stands in the path's braces.
    """

    service: Service
    request: Request
    principal: Principal
    headers: Mapping[str, str]
    params: Mapping[str, str]
    timings: list[tuple[str, float]]

    @property
    def arrived(self) -> Callable[[], bytes | None]:
        """Takes the whole body where all of it is here already; else it gives None, and changes nothing."""
        found: Callable[[], bytes | None] = self.request.scope.get("extensions", {}).get(ARRIVED, _nothing)
        return found


def _nothing() -> None:
    return None


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the path, the query or the headers, and its JSON schema."""

    name: str
    place: Literal["path", "query", "header"]
    schema: Mapping[str, Any]
    says: str
    example: Any
    required: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """What a request may carry: content type → (JSON schema, example)."""

    media: Mapping[str, tuple[Mapping[str, Any], Any]]
    says: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One status: what it means, its shape, and an example.

    Attributes:
        shape: The model of a JSON answer; None for one of another kind.
        or_shape: What it is otherwise, where the request decides.
        headers: Header → what it says.
    """

    says: str
    media: str = JSON
    shape: type[BaseModel] | None = None
    or_shape: type[BaseModel] | None = None
    example: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path.

    Attributes:
        name: What metrics and logs call it; unique.
        roles: Who may call it; None: anybody, without a credential.
        reach: "everything" is refused to a credential that is bound to namespaces.
        answers: Status → answer, the good ones; problems follow from `roles`, `body` and `problems`.
        problems: Further statuses that are answered with a problem.
    """

    name: str
    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    summary: str
    roles: frozenset[str] | None
    reach: Reach
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: tuple[int, ...] = ()
