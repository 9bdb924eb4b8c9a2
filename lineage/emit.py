"""A transport for the stock OpenLineage client that appends straight to an open ledger.

`OpenLineageClient(transport=LedgerTransport(log)).emit(event)` returns when the event is durable; there is no queue
that could be lost at exit, and a refusal reaches the caller. What the client makes of values that JSON cannot hold (it
writes a placeholder) happens before this file: the ledger keeps the bytes that the client printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from openlineage.client.serde import Serde
from openlineage.client.transport import Config, Transport

from ledger.event import Event
from lineage.openlineage import event_from_openlineage

if TYPE_CHECKING:
    from openlineage.client.client import Event as OpenLineageEvent

ReceiptT_co = TypeVar("ReceiptT_co", covariant=True)


class Appends(Protocol[ReceiptT_co]):
    """The one thing that is asked of a ledger here."""

    def append(self, event: Event, /) -> ReceiptT_co:
        """Make `event` durable and return its receipt."""


class LedgerTransport(Transport, Generic[ReceiptT_co]):
    """Appends each event to `log`, in the caller's thread.

    Args:
        log: An open ledger; closing it stays with whoever opened it.
        source: Who is recorded as the source of every event; None: each event's own `producer`.
    """

    kind = "tallystick"
    config_class = Config

    def __init__(self, log: Appends[ReceiptT_co], *, source: str | None = None) -> None:
        self._log = log
        self._source = source
        self.receipt: ReceiptT_co | None = None  # of the event emitted last: the client does not hand it back

    def emit(self, event: OpenLineageEvent | dict[str, Any]) -> ReceiptT_co:
        """Append one event and return its receipt.

        Raises:
            RefusedError: The event cannot be identified; nothing was written.
        """
        data = Serde.to_json(event).encode()
        self.receipt = self._log.append(event_from_openlineage(data, source=self._source))
        return self.receipt
