"""How the ledger and what watches it stand, for the console: views, signing, budgets, and what is overdue."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, Literal

from contracts.slo.account import account
from evidence.overview import Lookout, Overview
from evidence.views import known_views
from ledger.clock import parse_at
from ledger.log import Ledger

Grade = Literal["good", "watch", "bad"]
_UNSIGNED_SECONDS: Final = 300  # by then a service that signs every few seconds has missed many turns
_GRADES: Final[dict[str, Grade]] = {"spent": "bad", "burning": "watch", "unmeasured": "watch", "met": "good"}


def health(log: Ledger, lookout: Lookout) -> dict[str, Any]:
    """Return how all stands now, with a sentence for each thing that somebody may have to look at."""
    views = _views(log)  # first: to look at the rest brings some of them up to date
    clock = log.clock()
    found = lookout.look(clock)
    waiting, first = found.quarantines
    return {
        "clock": found.clock,
        "log": {
            **asdict(found.health),
            "unsigned": max(0, found.health.entries - found.health.signed),
            "unsigned_seconds": _since(found.health.unsigned_since, clock),
            "streams": log.store.streams.total(),
        },
        "views": views,
        "levels": [account(each) for each in found.levels],
        "quarantines": {"kept": waiting, "first_until": first, "overdue": first is not None and first <= found.clock},
        "overdue_deletions": [
            {"request": each.request, "state": each.state, "due": each.due} for each in found.overdue
        ],
        "decisions": list(found.decisions),
        "failing": [{"dataset": dataset, "rule": rule, "batches": times} for dataset, rule, times in found.failing],
        "notices": None if found.notices is None else list(found.notices),
        "told": _told(found, clock, views),
    }


def _views(log: Ledger) -> list[dict[str, Any]]:
    with log.store.viewing() as db:
        stored = {
            row[0]: (row[1], row[2]) for row in db.execute("SELECT name, version, position FROM projection").fetchall()
        }
    size, rows = log.size, []
    for view in known_views():
        version, position = stored.get(view.name, (None, None))
        is_ours = version == view.version
        rows.append(
            {
                "name": view.name,
                "version": view.version,
                "position": position if is_ours else None,
                "behind": max(0, size - position) if is_ours else None,
                "state": "not made yet" if version is None else "kept" if is_ours else "of another version",
            }
        )
    return rows


def _since(at: str | None, clock: datetime) -> int | None:
    return None if at is None else max(0, int((clock - parse_at(at)).total_seconds()))


def _told(found: Overview, clock: datetime, views: list[dict[str, Any]]) -> list[dict[str, str]]:
    """A sentence for each thing, the gravest first."""
    said = [_signing(found, clock), *_closed(found), *_levels(found), *_quarantines(found), *_deletions(found)]
    said.append(_caught_up(views))
    order: tuple[Grade, ...] = ("bad", "watch", "good")
    return [
        {"grade": grade, "about": about, "says": says} for grade in order for each, about, says in said if each == grade
    ]


_Said = tuple[Grade, str, str]


def _signing(found: Overview, clock: datetime) -> _Said:
    health = found.health
    seconds = _since(health.unsigned_since, clock)
    if seconds is None:
        return "good", "signing", f"all {health.entries:,} entries are under a signed checkpoint"
    unsigned = health.entries - health.signed
    grade: Grade = "bad" if seconds > _UNSIGNED_SECONDS else "good"
    return grade, "signing", f"{unsigned:,} entries are not signed yet, the first since {seconds:,} seconds"


def _closed(found: Overview) -> list[_Said]:
    closed = found.health.closed_by
    return [] if closed is None else [("watch", "log", f"the log is closed by entry {closed}: nothing is added to it")]


def _levels(found: Overview) -> list[_Said]:
    words = {
        "spent": "its budget is spent",
        "burning": "its budget burns too fast",
        "unmeasured": "nothing was measured",
    }
    told: list[_Said] = [
        (_GRADES[each.state], "service level", f"{each.level.name}: {words[each.state]}")
        for each in found.levels
        if each.state in words
    ]
    return told or [("good", "service level", f"{len(found.levels)} service levels, none in trouble")]


def _quarantines(found: Overview) -> list[_Said]:
    waiting, first = found.quarantines
    if not waiting:
        return [("good", "quarantine", "no rows are kept apart")]
    if first is not None and first <= found.clock:
        return [("bad", "quarantine", f"rows are kept whose time was over at {first}: `tally quarantine expire`")]
    return [("watch", "quarantine", f"{waiting:,} quarantines still have their rows, the first until {first}")]


def _deletions(found: Overview) -> list[_Said]:
    late = found.overdue
    if not late:
        return [("good", "deletion", "no certificate is overdue")]
    return [("bad", "deletion", f"{len(late):,} certificates are overdue, the first since {late[0].due}")]


def _caught_up(views: list[dict[str, Any]]) -> _Said:
    behind = [view for view in views if view["behind"]]
    if not behind:
        return "good", "views", "every view that is kept is at the end of the log"
    most = max(behind, key=lambda view: int(view["behind"]))
    return (
        "good",
        "views",
        f"{len(behind)} views catch up when they are read next, {most['name']} by {most['behind']:,} entries",
    )
