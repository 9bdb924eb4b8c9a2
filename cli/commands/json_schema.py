"""contract json-schema: what an editor knows of a contract before it is read."""

from __future__ import annotations

import click

from cli.session import Session, pass_session, with_json
from contracts.schemas.catalogue import SCHEMAS, printed, schema


@click.command("json-schema")
@click.argument("dialect", type=click.Choice(list(SCHEMAS)))
@with_json
@pass_session
def json_schema(session: Session, dialect: str) -> None:
    """Print the JSON Schema of a way of writing a contract.

    For editors and for builds. What it accepts may still be refused: expressions, and names that stand twice or
    nowhere, are read by tally contract lint.

    Example: tally contract json-schema full
    """
    session.output.document(schema(dialect), printed(dialect).removesuffix("\n"))
