"""What a command prints: for people by default, with `--json` one document, for programs, on one line.

Progress goes to the terminal and nowhere else: in a pipe there is none.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proofs.errors import TallyError
from proofs.exits import CRASHED, status_of
from proofs.report import visible

if TYPE_CHECKING:
    from ledger.finding import Finding

Advance = Callable[[int, int], None]


def say(text: str, *, err: bool = False) -> None:
    """Print a line; when the reader of our output went away, as `head` does, what was found out still stands."""
    try:
        click.echo(text, err=err)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(text: str, *, err: bool = False) -> None:
    """Print one line that holds words of somebody else's: no escape of a terminal, and no line of theirs."""
    say(visible(text), err=err)


class Output:
    """Prints either form; the command need not know which."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._warnings: list[dict[str, str]] = []

    def warn(self, warnings: Iterable[Finding]) -> None:
        """Print what the reader has to know beside every answer: on the error stream, and in a JSON object as `warnings`."""
        for warning in warnings:
            found = {"code": warning.code, "message": warning.what, "where": warning.where}
            self._warnings.append(found)
            if self.as_json:
                say(json.dumps({"warning": found}, ensure_ascii=False, separators=(",", ":")), err=True)
            else:
                say(f"{click.style('tally: warning:', fg='yellow')} {warning.what}", err=True)

    def remark(self, remarks: Iterable[str]) -> None:
        """Print what may not be what the caller meant: a line with `!` on the error stream, or in a JSON object as `warnings`."""
        for remark in remarks:
            if self.as_json:
                self._warnings.append({"code": "remark", "message": remark, "where": ""})
            else:
                say(f"! {visible(remark)}", err=True)

    def document(self, value: Any, text: str | None = None) -> None:
        """Print `value` as JSON, or `text` for people."""
        if self.as_json:
            if self._warnings and isinstance(value, dict):
                value = {**value, "warnings": self._warnings}
            say(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))
        elif text is not None:
            say(text)

    def facts(self, value: dict[str, Any], title: str | None = None) -> None:
        """Print names and values, aligned."""
        if self.as_json:
            self.document(value)
            return
        if title:
            say(click.style(title, bold=True))
        width = max(map(len, value), default=0)
        for name, shown in value.items():
            say(click.style(name.replace("_", " ").ljust(width), dim=True) + f"  {_shown(shown)}")

    def rows(self, value: Sequence[dict[str, Any]], columns: Sequence[str], *, empty: str) -> None:
        """Print one object per row, or aligned columns: one line a row, nothing cut off, so that it can be grepped."""
        if self.as_json:
            self.document(list(value))
            return
        if not value:
            say(empty)
            return
        table = [[column.replace("_", " ") for column in columns]]
        table += [[_shown(row.get(column, "")) for column in columns] for row in value]
        widths = [max(len(row[at]) for row in table) for at in range(len(columns))]
        right = [all(isinstance(row.get(column), int) for row in value) for column in columns]
        for number, row in enumerate(table):
            cells = [
                text.rjust(width) if is_number else text.ljust(width)
                for text, width, is_number in zip(row, widths, right, strict=True)
            ]
            line = "  ".join(cells).rstrip()
            say(line if number else click.style(line, dim=True))

    @contextmanager
    def progress(self, label: str) -> Iterator[Advance]:
        """Show a bar on a terminal while long work runs; yields a callback of (done, total)."""
        if self.as_json or not sys.stderr.isatty():
            yield lambda _done, _total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def fault(self, error: Exception) -> None:
        """Print that something of ours broke: where, and nothing that the error might quote."""
        *_, frame = traceback.extract_tb(error.__traceback__)
        what = f"a fault of ours: {type(error).__name__} in {Path(frame.filename).name} line {frame.lineno}"
        self._failed("fault", what, CRASHED, hint="please report it; TALLY_DEBUG=1 shows the traceback")

    def stopped(self, status: int) -> None:
        """Print that the user ended it."""
        self._failed("stopped", "stopped", status)

    def usage(self, error: click.ClickException) -> None:
        """Print a wrong call."""
        context = error.ctx if isinstance(error, click.UsageError) else None
        # Called without anything, click's message is the whole help.
        is_bare = isinstance(error, click.exceptions.NoArgsIsHelpError)
        what = "missing command" if is_bare else " ".join(error.format_message().split()).rstrip(".")
        hint = f"see `{context.command_path} --help`" if context else ""
        self._failed("usage", what[:1].lower() + what[1:], error.exit_code, hint=hint)

    def error(self, error: TallyError) -> None:
        """Print a refusal to the error stream."""
        self._failed(error.code, error.what, status_of(error), where=error.where, hint=error.hint)

    def _failed(self, code: str, what: str, status: int, *, where: str = "", hint: str = "") -> None:
        if self.as_json:
            found = {"code": code, "hint": hint, "message": what, "status": status, "where": where}
            say(json.dumps({"error": found}, ensure_ascii=False, separators=(",", ":")), err=True)
            return
        said = visible(f"{where}: {what}" if where else what)
        say(f"{click.style('tally:', fg='red')} {said}", err=True)
        if hint:
            say(f"  hint: {visible(hint)}", err=True)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "–"
    return visible(str(value))
