"""How a client behaves, in one value; every default is one that a pipeline can live with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OnFull = Literal["raise", "block"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Bounds and times; seconds are seconds, sizes are bytes.

    Attributes:
        limit_bytes: What the events that wait and the dead letters may take together. The file is larger: it also keeps the
            last 10,000 receipts, the ids that producers chose, and the pages that were freed, which it uses again.
        on_full: At that bound `emit` raises `OutboxFullError` at once, or blocks for up to `block_seconds` and then raises.
            Nothing that was not delivered is ever dropped to make room.
        block_seconds: See there.
        batch_events: At most so many events in one request; the server takes 1,000.
        batch_bytes: At most so many bytes of events in one request, unless one event alone is longer.
        linger_seconds: How long the shipper lets events gather after the first one.
        poll_seconds: How often it looks for what other processes put into the outbox.
        heartbeat_seconds: How often the source says that it is alive, and where its outbox stands; 0: never.
        exit_seconds: How long the end of the interpreter may wait for what was not delivered yet.
        connect_seconds, read_seconds: For one connection, and for each wait for bytes.
        total_seconds: For one request with its answer, whatever trickles in.
        backoff_seconds, backoff_cap_seconds: After the n-th failure in a row a random time up to backoff × 2ⁿ, capped.
        retry_after_cap_seconds: A server that asks for more patience than this gets this.
        ca_file: Certificates to trust instead of the system's; a PEM file.
    """

    limit_bytes: int = 1 << 30
    on_full: OnFull = "raise"
    block_seconds: float = 30.0
    batch_events: int = 500
    batch_bytes: int = 4 << 20
    linger_seconds: float = 0.02
    poll_seconds: float = 0.5
    heartbeat_seconds: float = 300.0
    exit_seconds: float = 1.0
    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 60.0
    backoff_seconds: float = 0.5
    backoff_cap_seconds: float = 60.0
    retry_after_cap_seconds: float = 300.0
    ca_file: str | None = None

    def __post_init__(self) -> None:
        if self.on_full not in ("raise", "block"):
            raise ValueError(f"on_full is {self.on_full!r}, expected 'raise' or 'block'")
        if not 1 <= self.batch_events <= 1_000:
            raise ValueError(f"batch_events is {self.batch_events}, expected 1 to 1000")
        for name in ("limit_bytes", "batch_bytes", "poll_seconds", "connect_seconds", "read_seconds", "total_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected more than 0")
