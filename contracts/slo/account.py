"""How a service level stands, as the command line and the service print it; numbers with a point are text, and exact."""

from __future__ import annotations

from typing import Any

from contracts.slo.burn import decimal
from contracts.slo.standing import Standing
from contracts.slo.stretches import printed
from contracts.terms import MILLION


def row(standing: Standing) -> dict[str, Any]:
    """Return a level as a line of a table, and as an object of JSON."""
    level = standing.level
    return {
        "level": level.name,
        "objective": decimal(level.objective, MILLION),
        "days": level.slo.window_days,
        "good": standing.counts.good,
        "total": standing.counts.total,
        "budget_left": decimal(standing.budget.left, 10_000),
        "burn": decimal(max(min(rates) for rates in standing.burns.values()), 100),
        "state": standing.state,
        "alerts": [episode.alert for episode in standing.open],
        "on_call": level.on_call or level.owner,
    }


def account(standing: Standing) -> dict[str, Any]:
    """Return everything that is known of how a level stands, as an object of JSON."""
    level = standing.level
    return {
        **row(standing),
        "indicator": level.indicator,
        "owner": level.owner,
        "runbook": level.runbook,
        "value": standing.value,
        "counted_in": "seconds" if level.is_by_time else "probes" if level.indicator == "availability" else "batches",
        "measured_until": None if standing.measured_until is None else printed(standing.measured_until),
        "burns": {alert: [decimal(rate, 100) for rate in rates] for alert, rates in standing.burns.items()},
        "breaches": [
            {"alert": each.alert, "since": each.clock, "until": each.recovered, "seq": each.entry.seq}
            for each in standing.episodes
        ],
    }
