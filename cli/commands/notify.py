"""notify run, status: tell people what was decided, by channels of theirs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from cli.session import Session, pass_session, read_input, with_json
from contracts.notify.channels import Channels, parse_channels
from contracts.notify.follow import Round, record_tellings, step
from contracts.notify.queue import NoticeQueue
from ledger.log import Ledger
from proofs.errors import BusyError, MissingError


@click.group()
def notify() -> None:
    """Tell people what was decided, and keep it until told."""


@notify.command()
@click.argument("channels")
@click.option("--every", type=click.FloatRange(1), metavar="SECONDS", help="Go on, looking this often; else once.")
@click.option("--from-start", is_flag=True, help="The first time, begin with the first entry of the log.")
@with_json
@pass_session
def run(session: Session, channels: str, *, every: float | None, from_start: bool) -> None:
    """Read the log on, and tell what is due.

    CHANNELS is a YAML file; secrets in it are names of environment variables.
    Exit status 13 when something could not be told; it is kept and told later.

    Example: tally notify run channels.yaml --every 30
    """
    found = parse_channels(read_input(channels, "channels"), name=channels)
    with session.open(read_only=True) as log:
        queue = NoticeQueue(_beside(log), time.time)
        try:
            done = _rounds(session, log, queue, found, every=every, from_start=from_start)
        finally:
            queue.close()
    if done.failed:
        raise BusyError(f"{done.failed} notices could not be told yet", hint="`tally notify status` says why")


def _rounds(
    session: Session, log: Ledger, queue: NoticeQueue, channels: Channels, *, every: float | None, from_start: bool
) -> Round:
    while True:
        done = step(log, queue, channels, os.environ, from_start=from_start)
        if queue.unrecorded():  # only now: who tells of decisions alone never writes
            with session.open() as writable:
                record_tellings(writable, queue)
        if every is None or done != Round(0, 0, 0):
            facts = {"new": done.new, "told": done.told, "failed": done.failed}
            session.output.document(facts, f"{done.new} new, {done.told} told, {done.failed} not told yet")
        if every is None:
            return done
        time.sleep(every)


@notify.command()
@with_json
@pass_session
def status(session: Session) -> None:
    """Say what waits, was told and was given up, by channel.

    Example: tally notify status
    """
    with session.open(read_only=True) as log:
        path = _beside(log)
        if not path.exists():
            raise MissingError("nothing was told yet", hint="`tally notify run CHANNELS`")
        queue = NoticeQueue(path, time.time)
        try:
            rows = queue.counts()
        finally:
            queue.close()
    session.output.rows(rows, ("channel", "waiting", "told", "dead", "occurrences", "error"), empty="no notices")


def _beside(log: Ledger) -> Path:
    if log.keyring is None:
        raise MissingError("there is no folder for notices", hint="set TALLY_HOME to the folder of the keyrings")
    return log.keyring.folder / "notices.db"
