"""Measure the service levels: what the ledger has decided since, and what the passing of time says; then tell what is breached.

decisions, arrivals → measured     each batch and each second once: the id of the event says which, so that whoever
                                   measures beside us, or again after a crash, writes nothing twice
measured → breached, recovered     one pair of events for each episode of each alert
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from contracts.facts import Decided, ValidationDecided
from contracts.history import ContractHistory, ReadableLog
from contracts.record import Context, Receipt, event_of
from contracts.rules import rules_of
from contracts.slo.catalogue import Known, Level, catalogue
from contracts.slo.facts import BREACHED, MEASURED, RECOVERED, Alert, Breached, Measured, Recovered
from contracts.slo.indicator import reading
from contracts.slo.standing import Standing, standing, standings
from contracts.slo.store import SOURCE, SloFold, arrivals, decided_until, last_episode, measured_until
from contracts.slo.stretches import Arrival, printed, seconds_of, stretches
from contracts.terms import Kind
from ledger.event import Event
from ledger.fact import Fact
from proofs import limits
from proofs.errors import ConflictError, MalformedError

ALERTS: Final[tuple[Alert, ...]] = ("budget", "fast", "medium", "slow")


@dataclass(frozen=True, slots=True)
class Round:
    """What one round found and wrote.

    Attributes:
        measured: How many measurements were missing, and are there now.
        breached, recovered: (level, alert) of what is new.
        standings: How the levels stand now.
    """

    measured: int
    breached: tuple[tuple[str, Alert], ...]
    recovered: tuple[tuple[str, Alert], ...]
    standings: tuple[Standing, ...]


def measure(log: ReadableLog, clock: int, *, known: Known | None = None, only: frozenset[str] = frozenset()) -> Round:
    """Record what there is to measure up to second `clock`, and what that breaches or mends.

    Args:
        only: The names of levels that are meant; none: all.
    """
    known = {} if known is None else known
    levels = tuple(level for level in catalogue(log, known) if not only or level.name in only)
    new = sum(_appended(log, event) is not None for level in levels for event in _due(log, level, clock, known))
    breached: list[tuple[str, Alert]] = []
    recovered: list[tuple[str, Alert]] = []
    for level in levels:
        for alert, was_breached in _turn(log, level, clock):
            (breached if was_breached else recovered).append((level.name, alert))
    return Round(new, tuple(breached), tuple(recovered), standings(log, levels, clock))


def measured_event(level: Level, name: str, **said: Any) -> Event:
    """Return the event of one measurement; `name` is its id within the level."""
    fact = Measured(
        contract=level.contract, dataset=level.dataset, slo=level.slo.name, indicator=level.indicator, **said
    )
    return _event(level, MEASURED, fact, name)


def _due(log: ReadableLog, level: Level, clock: int, known: Known) -> Iterator[Event]:
    if level.is_by_time:
        yield from _by_time(log, level, clock, known)
    elif level.indicator != "availability":
        yield from _by_batches(log, level, clock)


def _by_time(log: ReadableLog, level: Level, clock: int, known: Known) -> Iterator[Event]:
    limit = level.limit_seconds
    if limit is None:
        return
    began = seconds_of(log.entry(level.since).at)
    rules = _freshness_rules(level, known)
    with log.viewing(SloFold()) as db:
        start = max(began, measured_until(db, level.key))
        came = arrivals(db, level.contract.name, rules, start, clock)
    came = [each for each in came if each.at >= began]
    if not came or came[0].at > start:  # until the first batch comes, the age counts from when the promise was made
        came.insert(0, Arrival(start, began))
    for stretch in stretches(came, start, clock, limit):
        yield measured_event(
            level,
            f"from:{stretch.start}",
            since=printed(stretch.start),
            clock=printed(stretch.stop),
            good=stretch.seconds if stretch.is_good else 0,
            total=stretch.seconds,
        )


def _freshness_rules(level: Level, known: Known) -> tuple[str, ...]:
    """The rules that say how old data is: those that the level names, else every one of its contract, in its order."""
    if level.indicator != "freshness":
        return ()
    stated = rules_of(known[level.contract.sha256].contract)
    return level.slo.rules or tuple(rule.id for rule in stated if rule.kind is Kind.FRESHNESS)


def _by_batches(log: ReadableLog, level: Level, clock: int) -> Iterator[Event]:
    with log.viewing(SloFold()) as db:
        behind = max(level.since, decided_until(db, level.key))
    select = "SELECT seq, leaf, at FROM contracts_decision WHERE contract = ? AND seq > ? ORDER BY seq"
    with log.viewing(ContractHistory()) as db:
        rows = db.execute(select, [level.contract.name, behind]).fetchall()
    for seq, leaf, at in rows:
        if seconds_of(at) > clock:
            return
        try:
            found = reading(level, ValidationDecided.parse(log.entry(seq).body or b""))
        except MalformedError:
            continue  # its body was destroyed since it was folded
        entry, moment = Decided(seq=seq, leaf=leaf), printed(seconds_of(at))
        said = {"good": found.good, "total": found.total, "value": found.value, "decided": entry}
        yield measured_event(level, f"decided:{seq}", clock=moment, **said)


def _turn(log: ReadableLog, level: Level, clock: int) -> Iterator[tuple[Alert, bool]]:
    with log.viewing(SloFold()) as db:
        now = standing(db, level, clock)
        last = {alert: last_episode(db, level.key, alert) for alert in ALERTS}
    for alert in ALERTS:
        episode = last[alert]
        is_open = episode is not None and episode.recovered is None
        if alert in now.firing and not is_open:
            number = episode.number + 1 if episode else 1
            event = _event(level, BREACHED, _breach(now, alert, number), f"breached:{alert}:{number}")
        elif is_open and alert not in now.firing and episode is not None:
            fact = Recovered(**_said(now), alert=alert, episode=episode.number, breached=episode.entry)
            event = _event(level, RECOVERED, fact, f"recovered:{alert}:{episode.number}")
        else:
            continue
        if _appended(log, event) is not None:
            yield alert, not is_open


def _breach(now: Standing, alert: Alert, episode: int) -> Breached:
    level = now.level
    return Breached(
        **_said(now),
        alert=alert,
        episode=episode,
        objective=level.objective,
        window_days=level.slo.window_days,
        burn=now.burns.get(alert),
        owner=level.owner,
        on_call=level.on_call,
        runbook=level.runbook,
    )


def _said(now: Standing) -> dict[str, Any]:
    """What a breach and a recovery both say of the moment."""
    level, counts = now.level, now.counts
    named = {"contract": level.contract, "dataset": level.dataset, "slo": level.slo.name, "indicator": level.indicator}
    left = {"bad": counts.bad, "total": counts.total, "left": now.budget.left}
    return {**named, "clock": printed(now.clock), **left}


def _event(level: Level, type: str, fact: Fact, name: str) -> Event:
    id = "/".join((*level.key, name))
    if len(id) > limits.ID_BYTES:
        id = f"sha256:{hashlib.sha256(id.encode()).hexdigest()}"
    return event_of(type, fact, Context(source=SOURCE, new_id=lambda: id), subject=level.contract.name)


def _appended(log: ReadableLog, event: Event) -> Receipt | None:
    """The receipt of an event; None where somebody else has just said the same, of another moment or version."""
    try:
        return log.append(event)
    except ConflictError:
        return None
