"""report: how the quality of the data was in a month."""

from __future__ import annotations

from pathlib import Path

import click

from cli.session import Session, pass_session, with_json, write_output
from evidence.monthly import monthly
from evidence.monthly_page import page, share
from evidence.numbers import Month


@click.command()
@click.option("--month", required=True, metavar="YYYY-MM", help="The month, UTC.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the page to a new file.")
@with_json
@pass_session
def report(session: Session, month: str, out: Path | None) -> None:
    """Report how the quality of the data was in a month.

    One page of HTML that loads nothing; with --json the same numbers.

    Example: tally report --month 2026-10 --out october.html
    """
    wanted = Month.parse(month)
    with session.open(read_only=True) as log, session.output.progress("Reading the month") as advance:
        found = monthly(log, wanted, advance=advance)
    if out is not None:
        write_output(out, page(found))
    if session.output.as_json:
        session.output.document({**found.as_json(), "file": str(out) if out else None})
        return
    covered = found.coverage
    facts = {
        "month": found.month,
        "decisions": found.decisions,
        "kept_back": found.stopped,
        "overruled": f"{found.overruled} ({share(found.overruled, found.stopped)})",
        "covered": f"{covered.with_contract} of {covered.datasets} datasets",
        "most_failing": f"{found.failing[0].dataset} {found.failing[0].rule}" if found.failing else None,
        "file": str(out) if out else None,
    }
    session.output.facts(facts)
