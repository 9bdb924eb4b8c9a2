"""Deletion requests for the console: where each stands and what is left of its time; and one, step by step. Whom it is about
is sealed, and is in none of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from evidence import deletion
from evidence.console.page import Row
from ledger.clock import parse_at
from ledger.log import Ledger
from lineage.deletion.certificate import read_certificates
from lineage.deletion.deadline import statutory_due
from lineage.deletion.facts import Planned, Target
from lineage.deletion.history import History, Step, read_history
from lineage.deletion.state import DeletionProjection, Standing, standings
from proofs.errors import MissingError

STATES: Final = ("requested", "planned", "executing", "executed", "verifying", "verified", "certified", "refused")


@dataclass(frozen=True, slots=True)
class Deletions:
    """A page of requests, the newest first, with how many there are to skip before the next one, None at the end."""

    rows: tuple[Row, ...]
    next: int | None
    total: int


def deletions(log: Ledger, state: str | None, *, after: int = 0, limit: int) -> Deletions:
    """Return a page of requests.

    Args:
        state: One of STATES; "open": without a certificate; "overdue": the time for one is over, too.
    """
    now = log.clock()
    with log.viewing(DeletionProjection()) as db:
        every = [_row(each, now) for each in reversed(standings(db))]
    found = [row for row in every if _matches(row, state)]
    more = after + limit < len(found)
    return Deletions(tuple(found[after : after + limit]), after + limit if more else None, len(found))


def _matches(row: Row, state: str | None) -> bool:
    if state == "open":
        return row["issued"] is None
    return bool(row["overdue"]) if state == "overdue" else state in (None, row["state"])


def _row(each: Standing, now: datetime) -> Row:
    left = int((parse_at(each.due) - now).total_seconds())
    is_open = each.issued is None
    return {
        **asdict(each),
        "statutory_due": statutory_due(each.regulation, each.received),
        "seconds_left": left if is_open else None,
        "overdue": is_open and left < 0,
    }


def request(log: Ledger, id: str) -> dict[str, Any]:
    """Return one request: where it stands, its plan target by target, every step, and its certificates.

    Raises:
        MissingError: There is none of this id.
    """
    with log.viewing(DeletionProjection()) as db:
        standing = next((each for each in standings(db) if each.request == id), None)
    history = read_history(log, id)
    if standing is None or history.requested is None:
        raise MissingError(f"there is no request {id[:64]!r}", hint="`tally delete list`")
    asked = history.requested
    return {
        **_row(standing, log.clock()),
        "seq": asked.seq,
        "channel": asked.fact.channel,
        "datasets": [each.model_dump() for each in asked.fact.datasets],
        "subject": "sealed" if history.erased is None else "destroyed",
        "erased": history.erased,
        "held": _hold(log, id),
        "plan": _plan(history) if history.plans else None,
        "steps": list(_steps(history)),
        "left": _left(log, history),
        "certificates": [
            {"seq": seq, **json.loads(certificate.body())} for seq, certificate in read_certificates(history)
        ],
    }


def _hold(log: Ledger, id: str) -> str | None:
    """The legal hold that stands on the request or on whom it is about; nothing is asked of a vault that is not there."""
    if log.vault is None:
        return None
    refused = log.vault.docket.refusing(log.vault.lookup(deletion.pseudonym(id)), id)
    return None if refused is None else refused.hold


def _plan(history: History) -> dict[str, Any]:
    step: Step[Planned] = history.plan
    said = step.fact.model_dump(mode="json", exclude={"v", "request", "targets"})
    targets = [_target(history, each) for each in step.fact.targets]
    return {"seq": step.seq, **said, "left_out": step.fact.left_out, "plans": len(history.plans), "targets": targets}


def _target(history: History, target: Target) -> dict[str, Any]:
    executed, verified = history.executions(target), history.verifications(target)
    done, seen = executed[-1] if executed else None, verified[-1] if verified else None
    return {
        "id": target.id,
        "dataset": target.dataset.model_dump(),
        "action": target.action,
        "reason": target.reason,
        "matched_before": target.before.matched if target.before else None,
        "outcome": done.fact.outcome if done else None,
        "deleted": sum(step.fact.rows for step in executed) if executed else None,
        "found_after": seen.fact.result if seen else None,
        "matched_after": seen.fact.matched if seen else None,
        "level": seen.fact.level if seen else None,
        "residuals": [each.model_dump(exclude_none=True) for each in target.residuals],
        "seqs": [*(step.seq for step in executed), *(step.seq for step in verified)],
    }


def _steps(history: History) -> Iterable[Row]:
    found: list[tuple[int, str, str, str]] = []
    if history.requested is not None:
        found.append((history.requested.seq, history.requested.at, "requested", ""))
    found += [(each.seq, each.at, "planned", f"{len(each.fact.targets)} targets") for each in history.plans]
    found += [(each.seq, each.at, "executed", f"{each.fact.target}: {each.fact.outcome}") for each in history.executed]
    found += [(each.seq, each.at, "verified", f"{each.fact.target}: {each.fact.result}") for each in history.verified]
    found += [(seq, each.issued, "certified", each.outcome) for seq, each in read_certificates(history)]
    for seq, at, step, says in sorted(found):
        yield {"seq": seq, "at": at, "step": step, "says": says}


def _left(log: Ledger, history: History) -> list[Row]:
    if not history.plans:
        return []
    return [
        {"dataset": name, "target": remark.target, "code": remark.code, "says": remark.what}
        for name, remark in deletion.left(log, history.request)
    ]
