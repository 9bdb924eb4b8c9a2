"""Proofs of inclusion: asked of the server, judged here by the reader's own trust file."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from ledger.client.courier import Courier, Request
from ledger.client.patience import retry_after
from ledger.client.receipt import Receipt
from ledger.client.settings import Settings
from ledger.client.wire import read_problem
from proofs import limits, tlogproof
from proofs.errors import BusyError, RefusedError, TamperedError
from proofs.policy import Policy
from proofs.tlogproof import ProvenEntry

_WAIT_SECONDS: Final = 0.5
_NOT_YET: Final = "not-yet-signed"


def fetch_proof(courier: Courier, receipt: Receipt, trust: Policy, *, deadline: float) -> ProvenEntry:
    """Return the proof that the receipt's entry is in the log, waiting for a checkpoint that covers it.

    Args:
        deadline: By the monotonic clock, in seconds.

    Raises:
        BusyError: No checkpoint covers the entry yet, or no answer came, until the deadline.
        RefusedError: The server will not say.
        UnverifiableError, TamperedError, MalformedError: As `proofs.tlogproof.verify`.
    """
    path = f"/api/v1/log/entries/{receipt.seq}/proof"
    while True:
        answer = courier.ask(Request("GET", path, limits.NOTE_BYTES))
        if answer.status == 200:
            break
        problem = read_problem(answer.status, answer.headers.get("content-type", ""), answer.body)
        is_early = answer.status == 404 and problem is not None and problem.code.replace("_", "-") == _NOT_YET
        if not is_early and answer.status not in (429, 503):
            raise RefusedError(f"the server answered {answer.status} when asked for a proof of entry {receipt.seq}")
        asked = retry_after(answer.headers.get("retry-after"), datetime.now(UTC), Settings())
        wait = _WAIT_SECONDS if asked is None else max(asked, _WAIT_SECONDS)
        if time.monotonic() + wait > deadline:
            raise BusyError(f"no checkpoint covers entry {receipt.seq} yet", hint="ask again later")
        time.sleep(wait)
    proven = tlogproof.verify(answer.body, receipt.entry, trust)
    if proven.index != receipt.seq:
        raise TamperedError(f"the proof is of entry {proven.index}, the receipt of {receipt.seq}")
    return proven
