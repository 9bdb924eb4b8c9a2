"""What was measured as a table, and the goals that it is held to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

COLD_SECONDS: Final = 0.6
COLD_MB: Final = 300
PARQUET_RATIO: Final = 1.5
CSV_RATIO: Final = 1.2
COLD_RATIOS: Final = {"soda": 2.0, "datacontract": 2.5, "gx": 8.0}


@dataclass(slots=True)
class Cell:
    """What one engine took for one file: seconds of wall and CPU, megabytes at the peak."""

    name: str = ""
    version: str = ""
    cold: list[float] = field(default_factory=list)
    cold_cpu: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    warm_cpu: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)


Figures = dict[tuple[str, str], Cell]


def baseline(figures: Figures, file: str) -> Cell | None:
    """Return what ours is measured against: Polars, and for CSV the faster of Polars and DuckDB."""
    names = ("polars", "duckdb") if file.endswith(".csv") else ("polars",)
    cells = [figures[file, name] for name in names if (file, name) in figures]
    return min(cells, key=lambda cell: statistics.median(cell.warm), default=None)


def table(figures: Figures, files: Sequence[str]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| file | engine | version | cold s (CPU) | warm s (min; CPU) | peak MB | warm, of the baseline (CPU) |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for file in files:
        against = baseline(figures, file)
        lines += [_line(file, cell, against) for (name, _), cell in figures.items() if name == file]
    return "\n".join(lines)


def _line(file: str, cell: Cell, against: Cell | None) -> str:
    middle = statistics.median
    ratio = ""
    if against is not None:
        wall, cpu = (
            middle(ours) / middle(theirs)
            for ours, theirs in ((cell.warm, against.warm), (cell.warm_cpu, against.warm_cpu))
        )
        ratio = f"{wall:.2f} ({cpu:.2f})" if cell is not against else "1"
    return (
        f"| {file} | {cell.name} | {cell.version} | {middle(cell.cold):.2f} ({middle(cell.cold_cpu):.2f}) | "
        f"{middle(cell.warm):.3f} ({min(cell.warm):.3f}; {middle(cell.warm_cpu):.3f}) | {max(cell.rss):.0f} | {ratio} |"
    )


def verdicts(figures: Figures) -> str:
    """Return each goal with what was reached, as lines of text."""
    middle = statistics.median
    lines = []
    for file, most in (("customers.parquet", PARQUET_RATIO), ("customers.csv", CSV_RATIO)):
        ours, against = figures.get((file, "ours")), baseline(figures, file)
        if ours and against:
            lines.append(_goal(f"{file} warm, of {against.name}", middle(ours.warm) / middle(against.warm), most))
    cold = figures.get(("customers.parquet", "ours"))
    if cold:
        lines.append(_goal("cold `tally check` of Parquet, seconds", middle(cold.cold), COLD_SECONDS))
        lines.append(_goal("the same, MB", max(cold.rss), COLD_MB))
        for name, times in COLD_RATIOS.items():
            if peer := figures.get(("customers.parquet", name)):
                lines.append(_goal(f"cold, of {peer.name}", middle(cold.cold) / middle(peer.cold), 1 / times))
    return "\n".join(lines)


def _goal(what: str, reached: float, most: float) -> str:
    return f"{'kept  ' if reached <= most else 'MISSED'} {what}: {reached:.3g}, at most {most:.3g}"
