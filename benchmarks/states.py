"""What a month of daily files costs when one of them is new: read whole, and by states; as Parquet and as CSV.

Thirty files of a hundred thousand customers each, the contract of `benchmarks/checks.py` (with and without the standard
deviation, which is asked of all files). Counted is the CPU of the process; states of the first twenty-nine are kept before.

    .venv/bin/python benchmarks/states.py [ROWS]
"""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import customers, ours
from benchmarks.peers import peer
from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.scan.beside import Given
from contracts.sources.files import folder_source
from contracts.states.store import States

DAYS: Final = 30
ROUNDS: Final = 3


def contract(rows: int, *, has_stdev: bool) -> Contract:
    """Return the contract for the whole month."""
    ordered: peer.Orders = {
        "path": "",
        "email": customers.EMAIL,
        "balance": customers.BALANCE,
        "currencies": list(customers.CURRENCIES),
        "name_nulls": customers.NAME_NULLS,
        "fresh_hours": customers.FRESH_HOURS,
        "rows": (1, rows * DAYS),
        "mean": customers.MEAN,
        "stdev": customers.STDEV,
    }
    made = ours.document(ordered).contract
    checks = tuple(check for check in made.checks if has_stdev or check.kind != "stdev")
    return made.model_copy(update={"checks": checks})


def main() -> None:
    """Make the files, measure in turns, and print a row for each form."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    now = dt.datetime.now(dt.UTC)
    with tempfile.TemporaryDirectory() as name:
        made, forms = Path(name) / "made", ("parquet", "csv")
        for folder in (made, *(Path(name) / form for form in forms)):
            folder.mkdir()
        for day in range(DAYS):
            customers.make(made, seed=1_000_000 + day, now=now, rows=rows)
            for form in forms:
                (made / f"customers.{form}").rename(Path(name) / form / f"day-{day:02}.{form}")
        for form in forms:
            for has_stdev in (False, True):
                asked = contract(rows, has_stdev=has_stdev)
                print(_row(Path(name) / form, form, asked, now, has_stdev=has_stdev), flush=True)


def _row(folder: Path, form: str, asked: Contract, now: dt.datetime, *, has_stdev: bool) -> str:
    given = Given(clock=lambda: now)
    whole, merged, first = [], [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as states:
            kept = replace(given, states=States(Path(states)))
            last = folder / f"day-{DAYS - 1:02}.{form}"
            hidden = last.rename(last.with_suffix(".hidden"))
            first.append(_timed(asked, folder, kept)[0])
            hidden.rename(last)
            seconds, of_states = _timed(asked, folder, kept)
            merged.append(seconds)
            seconds, of_all = _timed(asked, folder, given)
            whole.append(seconds)
            assert of_states == of_all, "the counts are those of a full reading"
    a, b, c = (statistics.median(each) for each in (whole, merged, first))
    what = "with" if has_stdev else "without"
    return f"| {form}, {what} stdev | {a:.2f} | {b:.2f} | {a / b:.1f} | {c:.2f} |"


def _timed(asked: Contract, folder: Path, given: Given) -> tuple[float, Measurement]:
    start = time.process_time()
    found = measure(asked, folder_source(folder), given=given)
    return time.process_time() - start, found


if __name__ == "__main__":
    main()
