"""The client: `emit` puts an event into the outbox, a thread takes it from there to the server.

    with Client("https://ledger.example.org", outbox="outbox.db", source="urn:acme:shop", token=Path("token")) as client:
        emission = client.emit(Event.of("com.acme.order.v1", client.source, {"order": 17}))
        client.receipt(emission.id, timeout=10)          # waits for the server; nobody has to

`emit` does the same whether the server is up, down or hangs: one durable transaction on this machine. Nobody has to call
`close`: what is not delivered when the process ends, however it ends, is delivered by the next one that opens the outbox.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

from ledger.client import upkeep
from ledger.client.backlog import Backlog
from ledger.client.forks import watch
from ledger.client.outbox import Emission, Outbox
from ledger.client.receipt import Receipt
from ledger.client.settings import Settings
from ledger.clock import Clock, system_clock
from ledger.event import Event
from ledger.run import Run
from proofs.entry import check_text
from proofs.errors import BusyError, MissingError, RefusedError
from proofs.limits import SOURCE_BYTES

if TYPE_CHECKING:
    from ledger.client.courier import Courier
    from ledger.client.shipper import Shipper
    from proofs.policy import Policy
    from proofs.tlogproof import ProvenEntry

_LOOK_SECONDS: Final = 0.05  # how often to look for what another process delivers


class Fact(Protocol):
    """Anything that can be said as one event."""

    def event(self, source: str) -> Event:
        """Return the event that says it."""


class Client:
    """A producer's side of the ledger; safe for many threads, and across a fork.

    Attributes:
        source: Who speaks in what the client says by itself, in its helpers and heartbeats; it belongs to this outbox alone.
        outbox: Where events wait.
        clock: The producer's clock.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        outbox: Path | str,
        source: str | None = None,
        token: str | Path | None = None,
        settings: Settings | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Open the outbox, making it when there is none; nothing is connected yet.

        Args:
            url: The server, "https://host[:port]"; None: events only gather, and `tally outbox flush` or another client
                delivers them.
            source: None: the outbox itself, `urn:tallystick:outbox:<uuid>`.
            token: For `Authorization: Bearer`; a path is read before each request.

        Raises:
            RefusedError: The URL, the source or the outbox is not acceptable, or the outbox delivers to another server.
            MalformedError: The file is no outbox.
        """
        if source is not None:
            try:
                check_text(source, limit_bytes=SOURCE_BYTES, name="source")
            except ValueError as error:
                raise RefusedError(str(error)) from error
        self.clock = clock
        self.settings = settings or Settings()
        self._url = url
        self._token = token
        courier = None if url is None else self._new_courier(url)
        self.outbox = Outbox(outbox, self.settings, clock=clock)
        self.source = source or f"urn:tallystick:outbox:{self.outbox.id}"
        self._backlog = Backlog(self.outbox)
        self._shipper = None
        if url is not None and courier is not None:
            self.outbox.bind(url.rstrip("/"))
            self._shipper = self._new_shipper(courier)
        self._is_closed = False
        self._lock = threading.Lock()
        self._end = _at_end(self)
        watch(self)
        if self._shipper is not None and self._backlog.left():
            self._shipper.start()  # what an earlier process left behind

    def _new_courier(self, url: str) -> Courier:
        from ledger.client.courier import Courier

        return Courier(url, token=self._token, settings=self.settings)

    def _new_shipper(self, courier: Courier) -> Shipper:
        from ledger.client.shipper import Shipper

        return Shipper(self.outbox, courier, source=self.source)

    def emit(self, event: Event) -> Emission:
        """Take one event; it is durable when this returns, and the network is never waited for.

        Raises:
            OutboxFullError, StorageError, RefusedError, ConflictError, BusyError, MissingError: As `Outbox.append`; nothing
                was taken.
            UnknownOutcomeError: The disk failed; emitting the same event again is harmless when it has an id of its own.
        """
        return self.emit_all((event,))[0]

    append = emit

    def emit_all(self, events: Iterable[Event]) -> list[Emission]:
        """Take all of `events` in one transaction, or none; raises as `emit`."""
        if self._is_closed:
            raise RefusedError("the client is closed")
        emissions = self.outbox.append(tuple(events))
        if self._shipper is not None:
            with self._lock:
                self._shipper.start()
            self._shipper.wake()
        return emissions

    def record(self, fact: Fact) -> Emission:
        """Emit a fact of `ledger.client.facts`: a decision, a schema that was published, a request to delete."""
        return self.emit(fact.event(self.source))

    def run(
        self, job: str, *, inputs: Iterable[str] = (), outputs: Iterable[str] = (), namespace: str | None = None
    ) -> Run[Emission]:
        """Record one run of `job` as OpenLineage events: START now, COMPLETE at the end, FAIL when an exception leaves it.

        Args:
            inputs, outputs: Datasets as "namespace|name"; a name without `|` is in `namespace`.
            namespace: Of the job; the source unless named.
        """
        return Run(self, job, inputs=inputs, outputs=outputs, namespace=namespace or self.source, source=self.source)

    def flush(self, timeout: float) -> int:
        """Wait up to `timeout` seconds until what was emitted so far is delivered, and return how many events are left.

        A backoff is not waited out; what a server asked for with Retry-After is.
        """
        return self._deliver(timeout, patient=True)

    def _deliver(self, timeout: float, *, patient: bool) -> int:
        size = self._backlog.size()
        if not self._backlog.left(size):
            return 0
        if self._shipper is not None:
            self._shipper.start()
            self._shipper.hurry()
        deadline = time.monotonic() + timeout
        while left := self._backlog.left(size):
            if self._wait(deadline) or not (patient or self._is_well):
                return left
        return 0

    @property
    def _is_well(self) -> bool:
        return self._shipper is not None and self._shipper.is_well

    def _wait(self, deadline: float) -> bool:
        """Wait a moment for something to be settled, by this process or another; True when the time is over."""
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return True
        if self._shipper is None:
            time.sleep(min(remaining, _LOOK_SECONDS))
            return False
        with self._shipper.changed:
            self._shipper.changed.wait(min(remaining, _LOOK_SECONDS))
        return False

    def receipt(self, id: str, timeout: float) -> Receipt:
        """Return the receipt of an event that was emitted here, waiting up to `timeout` seconds for its delivery.

        Raises:
            BusyError: It is not delivered yet; it stays in the outbox.
            RefusedError: The ledger will not take it; it is a dead letter.
            MissingError: The outbox does not know it, or does not keep its receipt any more.
        """
        deadline = time.monotonic() + timeout
        while (found := self._backlog.receipt(id)) is None:
            if self._wait(deadline):
                raise BusyError(
                    f"event {id!r} is not delivered after {timeout:g} seconds", hint="it waits in the outbox"
                )
        return found

    def prove(self, id: str, trust: Policy, timeout: float) -> ProvenEntry:
        """Return the proof that an event is in the log: fetched from the server, verified against the trust file here.

        Args:
            trust: `proofs.policy.Policy.parse(…)` of the reader's own file.

        Raises:
            BusyError: No checkpoint covers the entry yet.
            UnverifiableError: The trust file does not know the log, the log did not sign, or the quorum is not met.
            TamperedError, MalformedError: The proof does not prove the entry of the receipt.
            MissingError, RefusedError: As `receipt`; or there is no server.
        """
        from ledger.client.proving import fetch_proof

        if self._url is None:
            raise MissingError("the client has no server to ask for a proof")
        deadline = time.monotonic() + timeout
        receipt = self.receipt(id, timeout)
        courier = self._new_courier(self._url)  # the shipper's own is in use
        try:
            return fetch_proof(courier, receipt, trust, deadline=deadline)
        finally:
            courier.drop()

    def forget(self, person: str) -> int:
        """Destroy the personal parts of `person` that wait here; see `upkeep.forget`."""
        return upkeep.forget(self.outbox, person)

    def status(self) -> upkeep.Status:
        """Return where the outbox stands."""
        return upkeep.status(self.outbox)

    def close(self, timeout: float = 0.0, *, patient: bool = True) -> int:
        """Deliver for up to `timeout` seconds, stop, and return how many events are left to whoever opens the outbox next.

        Args:
            patient: False: not a moment longer than until the server is seen to be down.
        """
        return 0 if self._is_closed else self._close(timeout, patient=patient)

    def _close(self, timeout: float, *, patient: bool) -> int:
        deadline = time.monotonic() + timeout
        left = self._deliver(timeout, patient=patient) if timeout > 0 else self._backlog.left()
        self._is_closed = True
        atexit.unregister(self._end)
        if self._shipper is None or self._shipper.stop(max(deadline - time.monotonic(), 0.2)):
            self.outbox.close()
        return left

    def at_exit(self) -> None:
        """End with the interpreter: give a server that answers a moment to take the rest; of one that does not, none."""
        if not self._is_closed:
            self._close(self.settings.exit_seconds if self._is_well else 0.0, patient=False)

    def before_fork(self) -> None:
        """Nothing to get ready: what the client shares is the outbox's file."""

    def after_fork(self, *, in_child: bool) -> None:
        """In a forked child: begin with a thread and a connection of its own; none came along."""
        if not in_child:
            return
        self._lock = threading.Lock()
        if self._shipper is not None and self._url is not None:
            self._shipper.forget_parent()
            self._shipper = None if self._is_closed else self._new_shipper(self._new_courier(self._url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close(self.settings.exit_seconds)


def _at_end(client: Client) -> Callable[[], None]:
    """Let `client` end with the interpreter, without keeping it alive for that."""
    known = weakref.ref(client)

    def end() -> None:
        if (each := known()) is not None:
            each.at_exit()

    atexit.register(end)
    return end
