"""What a command prints: for people by default, with `--json` one document, for programs, on one line.

Progress goes to the terminal and nowhere else: in a pipe there is none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from cli.exits import status_of
from proofs.errors import TallyError

Advance = Callable[[int, int], None]


class Output:
    """Prints either form; the command need not know which."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._console = Console(highlight=False, soft_wrap=True)

    def document(self, value: Any, text: str | None = None) -> None:
        """Print `value` as JSON, or `text` for people."""
        if self.as_json:
            click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))
        elif text is not None:
            click.echo(text)

    def facts(self, value: dict[str, Any], title: str | None = None) -> None:
        """Print names and values, aligned."""
        if self.as_json:
            self.document(value)
            return
        if title:
            self._console.print(Text(title, style="bold"))
        width = max(map(len, value), default=0)
        for name, shown in value.items():
            self._console.print(Text.assemble((f"{name.replace('_', ' '):<{width}}  ", "dim"), _shown(shown)))

    def rows(self, value: Sequence[dict[str, Any]], columns: Sequence[str], *, empty: str) -> None:
        """Print one object per row, or a table of `columns`."""
        if self.as_json:
            self.document(list(value))
            return
        if not value:
            click.echo(empty)
            return
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        for column in columns:
            is_number = all(isinstance(row.get(column), int) for row in value)
            table.add_column(column.replace("_", " "), justify="right" if is_number else "left", overflow="fold")
        for row in value:
            table.add_row(*(Text(_shown(row.get(column, ""))) for column in columns))
        self._console.print(table)

    @contextmanager
    def progress(self, label: str) -> Iterator[Advance]:
        """Show a bar on a terminal while long work runs; yields a callback of (done, total)."""
        if self.as_json or not sys.stderr.isatty():
            yield lambda _done, _total: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def error(self, error: TallyError) -> None:
        """Print a refusal to the error stream."""
        if self.as_json:
            found = {
                "code": error.code,
                "hint": error.hint,
                "message": error.what,
                "status": status_of(error),
                "where": error.where,
            }
            click.echo(json.dumps({"error": found}, ensure_ascii=False, separators=(",", ":")), err=True)
            return
        click.echo(f"{click.style('tally:', fg='red')} {error}", err=True)
        if error.hint:
            click.echo(f"  hint: {error.hint}", err=True)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "–"
    return str(value)
