"""status --watch: the page of what goes on, drawn until somebody has seen enough, or as one JSON document."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from cli.session import Session
from contracts.slo.account import row
from evidence.overview import Lookout, Overview
from ledger.log import Ledger
from proofs.errors import TallyError


def show(session: Session, *, every: float, once: bool) -> None:
    """Draw the page, or print it as JSON, which is done once."""
    with _opened(session) as log:
        lookout = Lookout(log, now=time.time)
        if session.output.as_json:
            session.output.document(_document(lookout.look(log.clock())))
            return
        from cli.screen import page
        from cli.watch import draw

        draw(lambda: page(lookout.look(log.clock())), every=every, once=once)


def _opened(session: Session) -> Ledger:
    """The ledger, with the views that it keeps; where it may not be written, with views of our own."""
    try:
        return session.open()
    except TallyError:
        return session.open(read_only=True)


def _document(found: Overview) -> dict[str, Any]:
    count, first = found.quarantines
    return {
        "clock": found.clock,
        **asdict(found.health),
        "decisions": list(found.decisions),
        "failing": [{"dataset": dataset, "rule": rule, "batches": times} for dataset, rule, times in found.failing],
        "quarantines": {"open": count, "first_until": first},
        "levels": [row(each) for each in found.levels],
        "overdue_deletions": [
            {"request": each.request, "state": each.state, "certificate_due": each.due} for each in found.overdue
        ],
        "notices": None if found.notices is None else list(found.notices),
    }
