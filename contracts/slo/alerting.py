"""Prometheus alert rules for service levels: one set for every level alike, or one for each level of the catalogue.

Source: Prometheus, "Alerting rules"; The Site Reliability Workbook, chapter 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from contracts.dialects import yamlwrite
from contracts.slo.burn import PAIRS, Pair, decimal, percent, threshold
from contracts.slo.catalogue import Level
from contracts.slo.facts import Alert

SILENT_SECONDS: Final = 7_200  # `tally slo measure` runs every hour at the least
_SEVERITY: Final = {"critical": "page", "warning": "ticket"}
_PAST: Final[dict[Alert, str]] = {"fast": "hour", "medium": "six hours", "slow": "three days"}


def rules(levels: tuple[Level, ...]) -> str:
    """Return the alert rules of a catalogue, as the YAML that `promtool check rules` takes."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for level in levels:
        groups.setdefault(f"tally-slo-{level.contract.name}", []).extend(_of_level(level))
    return yamlwrite.dump({"groups": [{"name": name, "rules": found} for name, found in groups.items()]})


def _of_level(level: Level) -> Iterator[dict[str, Any]]:
    chosen = f'contract="{level.contract.name}",slo="{level.slo.name}"'
    for pair in PAIRS:
        least = decimal(threshold(pair, level.objective), 100)
        both = " and ignoring (window) ".join(
            f'tally_slo_burn_rate{{{chosen},alert="{pair.alert}",window="{window}"}} >= {least}'
            for window in ("long", "short")
        )
        severe = _SEVERITY[pair.severity]
        yield _rule("TallySloBurns", both, level, {"severity": severe, "alert": pair.alert}, _burning(level, pair))
    spent = f'tally_slo_breached{{{chosen},alert="budget"}} == 1'
    summary = f"{level.name}: more was bad than {level.slo.window_days} days may have"
    yield _rule("TallySloBudgetSpent", spent, level, {"severity": "page", "alert": "budget"}, summary)
    if level.is_by_time:  # batches and probes come when they come; time is measured whenever somebody looks
        silent = f"time() - tally_slo_measured_at_seconds{{{chosen}}} > {SILENT_SECONDS}"
        summary = f"{level.name}: nobody measures it; is the cron job of `tally slo measure` alive?"
        yield _rule("TallySloNotMeasured", silent, level, {"severity": "ticket"}, summary)


def _rule(alert: str, expression: str, level: Level, labels: dict[str, str], summary: str) -> dict[str, Any]:
    said = {**labels, "contract": level.contract.name, "slo": level.slo.name}
    labelled = _said({**said, "owner": level.owner, "on_call": level.on_call})
    annotations = {"summary": summary, "description": level.slo.description, "runbook_url": level.runbook}
    return {"alert": alert, "expr": expression, "labels": labelled, "annotations": _said(annotations)}


def _burning(level: Level, pair: Pair) -> str:
    return (
        f"{level.name}: the error budget of {percent(level.objective)} over {level.slo.window_days} days burns too fast, "
        f"over the last {_PAST[pair.alert]}"
    )


def _said(values: Mapping[str, str | None]) -> dict[str, str]:
    """What is said, without what Prometheus would take for a template in somebody's words."""
    return {name: value.replace("{{", "{{`{{`}}") for name, value in values.items() if value is not None}
