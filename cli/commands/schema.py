"""schema publish, list."""

from __future__ import annotations

import click

from cli.session import Session, named, pass_session, read_input, with_json
from contracts.record import Context
from contracts.registry import publish as registry
from contracts.registry.store import subjects, versions


@click.group()
def schema() -> None:
    """Schemas, each version no smaller a step than its changes."""


@schema.command("publish")
@click.argument("subject")
@click.argument("version")
@click.argument("file")
@with_json
@pass_session
def publish(session: Session, subject: str, version: str, file: str) -> None:
    """Publish the JSON Schema in FILE as VERSION of SUBJECT.

    A breaking change under too small a version is refused.

    Example: tally schema publish orders 1.1.0 orders.json
    """
    definition = read_input(file, "schema")
    with session.open() as log, named(file):
        size = log.size
        published = registry.publish(
            log, subject, version, definition, context=Context(source=f"{log.origin}/registry")
        )
    facts = {"subject": subject, "version": published.version, "sha256": published.sha256, "seq": published.seq}
    session.output.facts(
        facts, "Schema in force." if published.seq >= size else "Schema in force already; nothing was recorded."
    )


@schema.command("list")
@click.argument("subject", required=False)
@with_json
@pass_session
def list_(session: Session, subject: str | None) -> None:
    """List the versions in force, of one subject or of all.

    Example: tally schema list orders
    """
    with session.open(read_only=True) as log:
        rows = [
            {"subject": name, "version": found.version, "sha256": found.sha256, "seq": found.seq}
            for name in ([subject] if subject else subjects(log))
            for found in versions(log, name)
        ]
    session.output.rows(rows, ("subject", "version", "sha256", "seq"), empty="no schemas")
