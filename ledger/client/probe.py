"""A synthetic event, all the way: sent, acknowledged, read back and proven, each step timed.

What monitors ask of a server is whether it answers. What its users rely on is that an acknowledged event is in the log and
can be proven; so that is what this asks, with an event of its own and the auditor's own trust file.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ledger.client.courier import Courier, Request
from ledger.client.proving import fetch_proof
from ledger.client.receipt import Receipt, check_receipt
from ledger.client.settings import Settings
from ledger.client.wire import BATCH_TYPE, Problem, answer_bytes, print_batch, read_problem, read_results
from ledger.clock import print_at, uuid7
from ledger.event import Event
from proofs.errors import BusyError, MalformedError, RefusedError, TamperedError
from proofs.limits import BODY_BYTES
from proofs.policy import Policy

TYPE: Final = "org.tallystick.probed.v1"
SOURCE: Final = "urn:tallystick:probe"


@dataclass(frozen=True, slots=True)
class Probed:
    """What one probe found; times are seconds from the moment before it sent.

    Attributes:
        seq: Where the event stands.
        recorded: Until the receipt was there, and checked.
        read: Until the stored body was there, and was the one that was sent.
        proven: Until the proof of inclusion was there, and verified; None when no trust file was given.
    """

    id: str
    seq: int
    recorded: float
    read: float
    proven: float | None


def probe(
    url: str, *, now: datetime, token: str | Path | None = None, source: str = SOURCE, trust: Policy | None = None,
    settings: Settings | None = None,
) -> Probed:  # fmt: skip
    """Send one event, read it back and prove it.

    Args:
        now: The prober's clock; it becomes the event's `time` and its id's.
        source: Who says so; the token must reach it.
        trust: The reader's own policy; None: nothing is proven.

    Raises:
        BusyError: The server did not answer, or no checkpoint covered the event within `settings.total_seconds`.
        RefusedError: The server refused the event, or to show it.
        TamperedError: Receipt, body or proof is not that of the event.
    """
    settings = settings or Settings()
    courier = Courier(url, token=token, settings=settings)
    event = Event.of(TYPE, source, {"probed": print_at(now)}, id=uuid7(now), time=print_at(now))
    began = time.monotonic()
    try:
        receipt = _send(courier, event)
        recorded = time.monotonic() - began
        _read_back(courier, receipt, event)
        read = time.monotonic() - began
        proven = None
        if trust is not None:
            fetch_proof(courier, receipt, trust, deadline=began + settings.total_seconds)
            proven = time.monotonic() - began
    finally:
        courier.drop()
    return Probed(id=str(event.id), seq=receipt.seq, recorded=recorded, read=read, proven=proven)


def _send(courier: Courier, event: Event) -> Receipt:
    headers = {"Content-Type": BATCH_TYPE, "Content-Encoding": "gzip", "Accept": "application/json"}
    answer = courier.ask(Request("POST", "/api/v1/events", answer_bytes(1), print_batch([event]), headers))
    if answer.status != 200:
        problem = read_problem(answer.status, answer.headers.get("content-type", ""), answer.body)
        why = f": {problem.why}" if problem is not None else ""
        kind = BusyError if answer.status in (429, 503) else RefusedError
        raise kind(f"the server answered {answer.status}, expected 200{why}")
    (result,) = read_results(answer.body, 1)
    if isinstance(result, Problem):
        hint = f"its token needs the role emitter, and the source {event.source} or none"
        raise RefusedError(f"the server refused the probe's event with {result.status}: {result.why}", hint=hint)
    if result is None:
        raise MalformedError("the server's answer holds no receipt")
    check_receipt(result, event)
    return result


def _read_back(courier: Courier, receipt: Receipt, event: Event) -> None:
    answer = courier.ask(Request("GET", f"/api/v1/log/entries/{receipt.seq}/body", BODY_BYTES))
    if answer.status != 200:
        raise RefusedError(
            f"the server answered {answer.status} when asked for the body of entry {receipt.seq}",
            hint="its token needs the role reader beside emitter",
        )
    if answer.body != event.data:
        raise TamperedError(f"the body of entry {receipt.seq} is not the one that was sent")
