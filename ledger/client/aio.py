"""The client in asyncio: each call in a thread, since a durable write blocks, if only for a fraction of a millisecond.

async with AsyncClient("https://ledger.example.org", outbox="outbox.db", source="urn:acme:shop") as client:
    await client.emit(event)
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ledger.client.client import Client, Fact
from ledger.client.outbox import Emission
from ledger.client.receipt import Receipt
from ledger.event import Event

if TYPE_CHECKING:
    from proofs.policy import Policy
    from proofs.tlogproof import ProvenEntry


class AsyncClient:
    """The same client, awaited.

    Attributes:
        client: The one that does the work; what has no method here is asked of it.
    """

    def __init__(self, url: str | None = None, **options: Any) -> None:
        """Open the outbox; options and errors as `Client`."""
        self.client = Client(url, **options)

    async def emit(self, event: Event) -> Emission:
        """As `Client.emit`."""
        return await asyncio.to_thread(self.client.emit, event)

    async def emit_all(self, events: Iterable[Event]) -> list[Emission]:
        """As `Client.emit_all`."""
        return await asyncio.to_thread(self.client.emit_all, list(events))

    async def record(self, fact: Fact) -> Emission:
        """As `Client.record`."""
        return await asyncio.to_thread(self.client.record, fact)

    async def flush(self, timeout: float) -> int:
        """As `Client.flush`."""
        return await asyncio.to_thread(self.client.flush, timeout)

    async def receipt(self, id: str, timeout: float) -> Receipt:
        """As `Client.receipt`."""
        return await asyncio.to_thread(self.client.receipt, id, timeout)

    async def prove(self, id: str, trust: Policy, timeout: float) -> ProvenEntry:
        """As `Client.prove`."""
        return await asyncio.to_thread(self.client.prove, id, trust, timeout)

    async def close(self, timeout: float = 0.0) -> int:
        """As `Client.close`."""
        return await asyncio.to_thread(self.client.close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(self.client.settings.exit_seconds)
