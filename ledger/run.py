"""`with log.run(…)`: one run of a job as OpenLineage events, START before the work and COMPLETE or FAIL after it.

Source: OpenLineage 2-0-2, `RunEvent`.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from ledger.clock import Clock, print_at, uuid7
from ledger.event import Event
from proofs.errors import TallyError

RUN_OBSERVED: Final = "tallystick.lineage.run-observed.v1"
SCHEMA_URL: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
PRODUCER: Final = "urn:tallystick:client"


ReceiptT = TypeVar("ReceiptT")
ReceiptT_co = TypeVar("ReceiptT_co", covariant=True)


class Log(Protocol[ReceiptT_co]):
    """What a run needs of whoever records it: an open ledger, or a client."""

    clock: Clock

    def append(self, events: Event, /) -> ReceiptT_co:
        """Take one event; durable when it returns."""


class Run(Generic[ReceiptT]):
    """One run, known by its UUIDv7.

    Attributes:
        id: The run's id.
        receipts: Of the events so far, in order.
    """

    def __init__(
        self,
        log: Log[ReceiptT],
        job: str,
        *,
        inputs: Iterable[str],
        outputs: Iterable[str],
        namespace: str,
        source: str = PRODUCER,
    ) -> None:
        self.id = uuid7(log.clock())
        self.receipts: list[ReceiptT] = []
        self._log = log
        self._source = source
        self._job = {"namespace": namespace, "name": job}
        self._inputs = [split_name(name, namespace) for name in inputs]
        self._outputs = [split_name(name, namespace) for name in outputs]

    def reads(self, *names: str) -> None:
        """Add inputs that were not known at the start."""
        self._inputs += [split_name(name, self._job["namespace"]) for name in names]

    def writes(self, *names: str) -> None:
        """Add outputs that were not known at the start."""
        self._outputs += [split_name(name, self._job["namespace"]) for name in names]

    def emit(self, state: str, **facets: Any) -> ReceiptT:
        """Append one event of this run: START, RUNNING, COMPLETE, ABORT, FAIL or OTHER."""
        run: dict[str, Any] = {"runId": self.id}
        if facets:
            run["facets"] = facets
        body = {
            "eventTime": print_at(self._log.clock()),
            "eventType": state,
            "inputs": self._inputs,
            "job": self._job,
            "outputs": self._outputs,
            "producer": PRODUCER,
            "run": run,
            "schemaURL": SCHEMA_URL,
        }
        receipt = self._log.append(Event.of(RUN_OBSERVED, self._source, body))
        self.receipts.append(receipt)
        return receipt

    def __enter__(self) -> Self:
        self.emit("START")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or error is None:
            self.emit("COMPLETE")
            return
        try:
            # The class alone: a message may quote the data.
            self.emit("FAIL", tallystick_error=_error(kind))
        except TallyError as unrecorded:
            # What ended the run is what its caller has to hear of, and not that nobody could be told.
            error.add_note(f"and the run's FAIL was not recorded: {unrecorded}")


def split_name(name: str, namespace: str) -> dict[str, str]:
    """Return the namespace and name that "namespace|name" says; `namespace` where there is no `|`."""
    before, bar, after = name.partition("|")
    return {"namespace": before, "name": after} if bar else {"namespace": namespace, "name": name}


def _error(kind: type[BaseException]) -> dict[str, str]:
    return {"_producer": PRODUCER, "_schemaURL": "urn:tallystick:facets:error:v1", "class": kind.__qualname__}
