"""What the log knows of one request: the stream `request:<id>`, read strictly.

Nothing of a deletion's progress is kept anywhere else, so a crash at any point is resumed by reading. A record counts as
a step only when its type, its source and its whole body are right; anything else in the stream is somebody's remark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from ledger.event import Event
from lineage.deletion.facts import SOURCE, Dataset, Executed, Fact, Place, Planned, Target, Verified
from lineage.deletion.request import REQUESTED, DeletionRequest, read_request
from proofs import jsonstrict
from proofs.errors import ConflictError, MalformedError, MissingError
from proofs.streams import stream_name

CERTIFIED: Final = "tallystick.deletion.certified.v1"
ERASED: Final = "tallystick.subject.erased.v1"
FactT = TypeVar("FactT", bound=Fact)
T = TypeVar("T")


class Receipt(Protocol):
    """What an append answers."""

    @property
    def seq(self) -> int:
        """The entry's position."""

    @property
    def leaf(self) -> bytes:
        """The entry's leaf hash, 32 bytes."""


class Record(Protocol):
    """What a stream yields."""

    @property
    def seq(self) -> int:
        """The position in the log."""

    @property
    def at(self) -> str:
        """The ledger's clock."""

    @property
    def type(self) -> str:
        """The event's type."""

    @property
    def source(self) -> str:
        """Who said it."""

    @property
    def body(self) -> bytes | None:
        """The body; None when it was destroyed."""


class Log(Protocol):
    """What a deletion needs of a ledger."""

    @property
    def origin(self) -> str:
        """The log's name, the source of what the ledger itself says."""

    def append(self, event: Event, /) -> Receipt:
        """Append one event; durable when it returns."""

    def stream(self, name: str, /) -> Iterator[Record]:
        """Yield the records of a stream in log order."""


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """A fact with where and when it stands in the log."""

    seq: int
    at: str
    fact: T


@dataclass(frozen=True, slots=True)
class History:
    """The steps of one request, each kind in log order.

    Attributes:
        certificates: (seq, body) of the certificates.
        erased: The seq at which the ledger erased its own sealed part of the request; None before.
    """

    request: str
    requested: Step[DeletionRequest] | None
    plans: tuple[Step[Planned], ...]
    executed: tuple[Step[Executed], ...]
    verified: tuple[Step[Verified], ...]
    certificates: tuple[tuple[int, bytes], ...]
    erased: int | None

    @property
    def plan(self) -> Step[Planned]:
        """The plan that stands: the last.

        Raises:
            MissingError: Nothing was planned yet.
        """
        if not self.plans:
            raise MissingError(f"request {self.request} has no plan", hint="run `tally delete plan`")
        return self.plans[-1]

    @property
    def opening(self) -> Step[DeletionRequest]:
        """The request itself.

        Raises:
            MissingError: The log has no such request.
        """
        if self.requested is None:
            raise MissingError(f"the log has no request {self.request}")
        return self.requested

    def counted(self, target: Target, query: str) -> int:
        """Return the most rows that this query found at the target before anything was deleted, in any plan.

        A later plan counts again and finds nothing where an earlier one was executed; what was there was there.
        """
        same = (known for step in self.plans for known in step.fact.targets if known.place == target.place)
        return max((known.before.matched for known in same if known.before and known.before.query == query), default=0)

    def found_at(self, identity: str) -> list[Place]:
        """Return the places where a survey found the person by this type of identity, each once, in the plans' order."""
        places = (
            known.place
            for step in self.plans
            for known in step.fact.targets
            if known.place is not None and known.before is not None and known.before.matched
        )
        return [place for place in dict.fromkeys(places) if place.identity == identity]

    def steps_at(self, dataset: Dataset) -> tuple[list[Step[Executed]], list[Step[Verified]]]:
        """Return what was done and what was found at a dataset under every plan: a later plan takes nothing back."""
        plans = {step.seq for step in self.plans}
        executed = [step for step in self.executed if step.fact.dataset == dataset and step.fact.plan in plans]
        return executed, [step for step in self.verified if step.fact.dataset == dataset and step.fact.plan in plans]

    def executions(self, target: Target) -> list[Step[Executed]]:
        """Return what was done at `target` under the standing plan."""
        plan = self.plan.seq
        return [step for step in self.executed if step.fact.plan == plan and step.fact.target == target.id]

    def verifications(self, target: Target) -> list[Step[Verified]]:
        """Return what was found at `target` under the standing plan."""
        plan = self.plan.seq
        return [step for step in self.verified if step.fact.plan == plan and step.fact.target == target.id]


def read_history(log: Log, request: str) -> History:
    """Return what the log knows of a request; empty where it knows nothing."""
    requested: Step[DeletionRequest] | None = None
    plans, executed, verified = list[Step[Planned]](), list[Step[Executed]](), list[Step[Verified]]()
    certificates: list[tuple[int, bytes]] = []
    erased: int | None = None
    for record in log.stream(stream_name("request", request)):
        if record.body is None:
            continue
        if record.type == REQUESTED and requested is None:
            requested = _requested(record, record.body, request)
        elif record.type == CERTIFIED and record.source == f"{SOURCE}certifier":
            certificates.append((record.seq, record.body))
        elif record.type == ERASED and record.source == log.origin and _is_of(record.body, request):
            erased = record.seq
        else:
            plans += _steps(Planned, record, request)
            executed += _steps(Executed, record, request)
            verified += _steps(Verified, record, request)
    return History(request, requested, tuple(plans), tuple(executed), tuple(verified), tuple(certificates), erased)


def append_step(log: Log, event: Event, request: str, is_taken: Callable[[History], bool]) -> Receipt | None:
    """Append one step of a request; None when somebody else took its place in the meantime: the first one's word stands.

    Args:
        event: Its id names the step's place, so that of two at once the second meets a conflict.
        is_taken: Says of what the log knows by then whether such a step stands in that place.

    Raises:
        ConflictError: The id is taken by something that is no such step.
    """
    try:
        return log.append(event)
    except ConflictError:
        if not is_taken(read_history(log, request)):
            raise
        return None


def _requested(record: Record, body: bytes, request: str) -> Step[DeletionRequest] | None:
    try:
        fact = read_request(body)
    except MalformedError:
        return None
    return Step(record.seq, record.at, fact) if fact.request == request else None


def _steps(kind: type[FactT], record: Record, request: str) -> list[Step[FactT]]:
    if record.type != kind.type or record.source != SOURCE + kind.role or record.body is None:
        return []
    try:
        fact = kind.read(record.body)
    except MalformedError:
        return []
    return [Step(record.seq, record.at, fact)] if fact.request == request else []


def _is_of(body: bytes, request: str) -> bool:
    try:
        members = jsonstrict.loads_foreign(body)
    except MalformedError:
        return False
    return isinstance(members, dict) and members.get("request") == request
