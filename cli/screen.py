"""What is drawn on a terminal: the page of `tally status --watch`, and the table of service levels.

Names come from contracts and datasets of others: none of them is markup, and none an escape of the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from contracts.slo.burn import decimal, percent
from contracts.slo.standing import Standing
from evidence.overview import Overview
from ledger.clock import parse_at
from proofs.report import visible

_WIDTH: Final = 10  # of a bar
_SHOWN: Final = 10
_STYLES: Final = {"spent": "bold red", "burning": "yellow", "unmeasured": "dim", "met": "green"}
_DECIDED: Final = {
    "ALLOW": "green",
    "ALLOW_WITH_ALERT": "yellow",
    "QUARANTINE": "red",
    "BLOCK_AND_ROLLBACK": "bold red",
}


def page(found: Overview) -> RenderableType:
    """Return the whole page."""
    parts: list[RenderableType] = [_health(found)]
    rows = [
        (
            str(row["seq"]),
            row["at"][:19],
            row["dataset"],
            (row["decision"], _DECIDED.get(row["decision"], "")),
            row["action"],
        )
        for row in found.decisions
    ]
    parts.append(_panel("decisions", _table(("seq", "at", "dataset", "decision", "action"), rows), "no decisions"))
    failing = [(dataset, rule, str(count)) for dataset, rule, count in found.failing]
    parts.append(_panel("most frequent failures", _table(("dataset", "rule", "batches"), failing), "every rule held"))
    if found.levels:
        parts.append(_panel("service levels", levels_table(found.levels[:_SHOWN]), ""))
    parts.append(_open(found))
    return Group(*parts)


def levels_table(levels: Sequence[Standing]) -> Table:
    """Return service levels, each with what is left of its budget as a bar."""
    rows = [
        (
            each.level.name,
            percent(each.level.objective),
            f"{each.level.slo.window_days} d",
            f"{'█' * (each.budget.left * _WIDTH // 10_000):░<{_WIDTH}} {decimal(each.budget.left, 100)} %",
            (each.state, _STYLES[each.state]),
            ", ".join(episode.alert for episode in each.open) or None,
            each.level.on_call or each.level.owner,
        )
        for each in levels
    ]
    return _table(("level", "objective", "window", "budget left", "state", "alerts", "on call"), rows)


def _health(found: Overview) -> Panel:
    health = found.health
    facts = {
        "entries": f"{health.entries:,}" + (f", closed by {health.closed_by}" if health.closed_by is not None else ""),
        "last entry": _age(found.clock, health.last_entry_at),
        "signed": f"{health.signed:,}"
        + (f", others unsigned since {_age(found.clock, health.unsigned_since)}" if health.unsigned_since else ""),
        "last census": _age(found.clock, health.census_at),
    }
    return Panel(_pairs(facts), title=Text(visible(health.origin)), subtitle=Text(found.clock[:19] + "Z"))


def _open(found: Overview) -> Panel:
    count, first = found.quarantines
    facts = {
        "quarantines": f"{count:,} open" + (f", the first until {first[:10]}" if first else ""),
        "deletions": f"{len(found.overdue)} overdue" + "".join(f", {each.request}" for each in found.overdue[:3]),
    }
    if found.notices is not None:
        waiting = sum(int(str(row["waiting"])) for row in found.notices)
        dead = sum(int(str(row["dead"])) for row in found.notices)
        facts["notices"] = f"{waiting:,} waiting, {dead:,} given up"
    return Panel(_pairs(facts), title="open", title_align="left")


def _pairs(facts: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(Text(name, style="dim"), Text(visible(value)))
    return table


def _panel(title: str, table: Table, empty: str) -> Panel:
    return Panel(table if table.row_count else Text(empty, style="dim"), title=title, title_align="left")


_Cell = str | tuple[str, str] | None


def _table(columns: Sequence[str], rows: Iterable[Sequence[_Cell]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    return table


def _text(cell: _Cell) -> Text:
    text, style = cell if isinstance(cell, tuple) else (cell or "–", "")
    return Text(visible(text), style=style)


def _age(clock: str, at: str | None) -> str:
    if at is None:
        return "–"
    passed = max(timedelta(0), parse_at(clock) - parse_at(at))
    hours, rest = divmod(passed.seconds, 3_600)
    if passed.days:
        return f"{passed.days} d {hours} h ago"
    return f"{hours} h {rest // 60} min ago" if hours else f"{rest // 60} min {rest % 60} s ago"
