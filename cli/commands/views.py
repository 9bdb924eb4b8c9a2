"""views rebuild: what is kept of a log for speed, thrown away and made again."""

from __future__ import annotations

import click

from cli.session import Session, pass_session, with_json
from evidence.views import known_views


@click.group()
def views() -> None:
    """What is kept of the log for speed, and follows from it."""


@views.command()
@with_json
@pass_session
def rebuild(session: Session) -> None:
    """Throw every stored view away and replay the log. No entry changes.

    Example: tally views rebuild
    """
    with session.open() as log, session.output.progress("replaying") as advance:
        stored = {name for name, _ in log.views.positions()}
        for view in known_views():
            if view.name in stored:
                log.views.drop(view.name)
                log.views.catch_up(view, progress=advance)
        rows = [{"view": name, "entries": position} for name, position in log.views.positions()]
    session.output.rows(rows, ("view", "entries"), empty="no view is stored")
