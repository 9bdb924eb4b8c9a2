"""The bodies of the deletion events: exact schemas, canonical JSON, and nothing personal but the sealed `/subject`.

    requested → planned → executed … → verified … → certified (again for each addendum)

All are read back from the log as strictly as they are written: whoever appends to a request's stream may be anybody, and
a body that this page does not know is not a step. Words are tokens, never sentences: a free text could name a person.

Source: docs/formats/deletion-certificate.md.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ledger.event import Event
from proofs import jsonstrict, limits
from proofs.entry import check_at
from proofs.errors import MalformedError
from proofs.statement import Node, is_name

SOURCE: Final = "urn:tallystick:deletion:"
LEFT_OUT: Final = "targets-left-out"


def _uuid(text: str) -> str:
    if str(UUID(text)) != text:
        raise ValueError("id is not a UUID in lower case with hyphens")
    return text


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError("name is empty or not UTF-8")
    return text


def _date(text: str) -> str:
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError("date is not YYYY-MM-DD")
    return text


Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+@-]{0,127}$")]
RequestId = Annotated[str, AfterValidator(_uuid)]
Name = Annotated[str, AfterValidator(_name)]
At = Annotated[str, AfterValidator(check_at)]
Day = Annotated[str, AfterValidator(_date)]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=limits.MAX_INTEGER)]
Level = Literal["L0", "L1", "L2", "L3", "L4"]
Action = Literal["delete", "retain", "not_applicable", "unresolved"]
Control = Literal["before_count", "canary", "none"]


class Model(BaseModel):
    """A value that exists is valid, is never changed, and is never quoted in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def where_wrong(error: ValidationError) -> str:
    """Return the first wrong place; neither the value there is said nor a member's name that is not ours."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    steps = list(first["loc"])
    if first["type"] == "extra_forbidden":
        steps[-1] = "…"
    return ".".join(str(step) for step in steps) or "its top"


class Dataset(Model):
    """A dataset's name as received."""

    namespace: Name
    name: Name

    @classmethod
    def of(cls, node: Node) -> Self:
        """Return the name of `node`."""
        return cls(namespace=node.namespace, name=node.name)

    @property
    def node(self) -> Node:
        """The dataset as a node of the graph."""
        return Node("dataset", self.namespace, self.name)


class Residual(Model):
    """What outlives the deletion: where, why, and until when if that is known."""

    where: Token
    reason: Token
    expires: Day | None = None


class Place(Model):
    """Where a dataset's rows are: a store by its name, a table, and the column that holds identities of one type."""

    store: Token
    table: Annotated[tuple[Name, ...], Field(min_length=1, max_length=3)]
    column: Name
    identity: Token


class Component(Model):
    """A program that did something, with its version."""

    name: Token
    version: Token


class Before(Model):
    """What the verifier's query found before anything was deleted; `query` is the SHA-256 of its text."""

    matched: Count
    query: Hex


class Target(Model):
    """One dataset of the plan and what is to happen to it: a place where to delete, else a reason why not."""

    id: Token
    dataset: Dataset
    action: Action
    place: Place | None = None
    reason: Token | None = None
    before: Before | None = None
    residuals: tuple[Residual, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.action == "delete") != (self.place is not None) or (self.place is None) != (self.reason is not None):
            raise ValueError("a target that is deleted has a place, any other a reason")
        return self


class Position(Model):
    """The checkpoint up to which lineage was read."""

    size: Count
    root: Hex


class ClosureSummary(Model):
    """The datasets that derive from the seeds, they included: how many, and `proofs.edges.closure_hash` of them."""

    count: Count
    hash: Hex


class Finding(Model):
    """A kind of dirt in the recorded lineage, and how many events had it: an edge may be missing behind it.

    The code `targets-left-out` counts datasets instead, those that one plan does not hold.
    """

    code: Token
    events: Count


class Fact(Model):
    """A body: knows its type, prints itself, and reads exactly what it prints."""

    type: ClassVar[str]
    role: ClassVar[str]
    ending: ClassVar[bytes] = b""  # after the document

    v: Literal[1] = 1
    request: RequestId

    def body(self) -> bytes:
        """Return the canonical JSON of this fact."""
        return jsonstrict.dumps(self.model_dump(exclude_none=True)) + self.ending

    def event(self, id: str, **attributes: Any) -> Event:
        """Return the ledger's event; the same id with other content is a conflict (I4)."""
        return Event(
            type=self.type, source=SOURCE + self.role, id=f"{self.request}/{id}", data=self.body(), **attributes
        )

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Return the fact that `body` states.

        Raises:
            MalformedError: It is not what `body()` prints.
        """
        jsonstrict.parse_canonical(body.removesuffix(cls.ending), limit_bytes=limits.BODY_BYTES)
        try:
            fact = cls.model_validate_json(body)
        except ValidationError as error:
            raise MalformedError(f"body of {cls.type} is wrong at {where_wrong(error)}") from error
        if fact.body() != body:
            raise MalformedError(f"body of {cls.type} is not printed as the format says")
        return fact


class Planned(Fact):
    """What will be done, written before the first destructive call."""

    type: ClassVar[str] = "tallystick.deletion.planned.v1"
    role: ClassVar[str] = "planner"

    at: At
    lineage: Position
    seeds: tuple[Dataset, ...]
    closure: ClosureSummary
    targets: tuple[Target, ...]
    only_in_contract: tuple[Dataset, ...] = ()
    only_in_lineage: tuple[Dataset, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def left_out(self) -> int:
        """How many datasets are no targets because one plan does not hold them."""
        return sum(finding.events for finding in self.findings if finding.code == LEFT_OUT)


class Executed(Fact):
    """What one executor did at one target; `plan` is the seq of the plan."""

    type: ClassVar[str] = "tallystick.deletion.executed.v1"
    role: ClassVar[str] = "executor"

    plan: Count
    target: Token
    dataset: Dataset
    attempt: Count
    executor: Component
    started: At
    finished: At
    outcome: Literal["done", "failed"]
    rows: Count = 0
    method: Token | None = None
    code: Token | None = None
    residuals: tuple[Residual, ...] = ()


class Verified(Fact):
    """What another component found afterwards; `executed` is the seq of the step that it looked at."""

    type: ClassVar[str] = "tallystick.deletion.verified.v1"
    role: ClassVar[str] = "verifier"

    plan: Count
    target: Token
    dataset: Dataset
    attempt: Count
    executed: Count
    verifier: Component
    at: At
    control: Control
    result: Literal["absent", "present", "inconclusive"]
    matched: Count = 0
    level: Level | None = None
    query: Hex | None = None
    code: Token | None = None
