"""hammer: does this machine keep what it was told?"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp

import click

from cli.output import say
from cli.session import Session, pass_session, with_json
from proofs.errors import TamperedError
from proofs.report import counted


@click.command()
@click.option("--writers", default=8, show_default=True, type=click.IntRange(1, 256), help="Processes that append.")
@click.option(
    "--readers", default=2, show_default=True, type=click.IntRange(0, 64), help="Processes that verify meanwhile."
)
@click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="How long."
)
@with_json
@pass_session
def hammer(session: Session, *, writers: int, readers: int, seconds: float) -> None:
    """Hold a fresh log to its word under many writers.

    Every acknowledgement is checked. The log is made at --ledger, where there must be none yet, and stays there; without
    --ledger it is made in a temporary folder and removed. Its keys are made for the run and removed.

    Example: tally hammer --writers 16 --seconds 60
    """
    from ledger.hammer import Load
    from ledger.hammer import hammer as run

    folder = Path(mkdtemp(prefix="tally-hammer-"))
    url = session.url or f"sqlite:///{folder / 'ledger.db'}"
    try:
        with session.output.progress("hammering") as advance:
            load = Load(url, folder / "home", writers, readers, seconds)
            outcome = run(load, progress=advance)
    finally:
        shutil.rmtree(folder)
    if session.output.as_json:
        session.output.document({**asdict(outcome), "readers": readers, "writers": writers})
    else:
        for fault in outcome.faults:
            say(f"✗ {fault}")
        each_second = round(outcome.acknowledged / outcome.seconds)
        say(
            f"{counted(outcome.acknowledged, 'acknowledgement', 'acknowledgements')} of "
            f"{counted(outcome.events, 'event', 'events')} to {counted(writers, 'writer', 'writers')} in {seconds:g} s "
            f"({each_second:,} a second), {outcome.entries:,} entries, {outcome.busy} busy, {outcome.trees:,} trees compared"
        )
    if outcome.faults:
        raise TamperedError(f"the log did not keep its word: {counted(len(outcome.faults), 'fault', 'faults')}")
    if not session.output.as_json:
        say("✓ every acknowledged event stands exactly once where its receipt said; no gap, no fork")
