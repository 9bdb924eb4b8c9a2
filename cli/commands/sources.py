"""sources add, list, show, test, retire, access: where data come from, and who may use them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from cli.commands.access import access
from cli.output import tell
from cli.session import Session, pass_session, read_input, with_json
from contracts.catalog import store, trial
from contracts.catalog.declaration import SourceDocument, parse_source
from contracts.catalog.seen import MAX_BYTES, MAX_SECONDS, Bounds
from contracts.catalog.trial import Outcome
from ledger.clock import seconds, system_clock
from proofs.errors import RefusedError


@click.group()
def sources() -> None:
    """Sources: where data come from, and who may use them."""


@sources.command()
@click.argument("file")
@with_json
@pass_session
def add(session: Session, file: str) -> None:
    """Register the source that FILE declares, or its new declaration.

    A secret in it is the name of an environment variable: ${NAME}.

    Example: tally sources add orders-db.yaml
    """
    document = _read(file)
    with session.open() as log:
        known, is_new = store.register(log, document)
    declaration = document.declaration
    if declaration.on_call is None:
        session.output.remark([f"source {declaration.name} names nobody on call"])
    if declaration.access is None:
        session.output.remark([f"source {declaration.name} declares no terms, so that nobody can be given access"])
    facts = {"source": known.name, "kind": declaration.connection.kind, "seq": known.entry.seq}
    session.output.facts(facts, "Registered." if is_new else "Registered already; nothing was recorded.")


@sources.command("list")
@click.option("--all", "every", is_flag=True, help="Also those that are retired.")
@with_json
@pass_session
def list_(session: Session, *, every: bool) -> None:
    """List the sources, with what the last test of each found.

    Example: tally sources list
    """
    rows: list[dict[str, object]] = []
    with session.open(read_only=True) as log:
        for known in store.sources(log):
            if known.retired and not every:
                continue
            declaration, tested = known.document.declaration, store.tests_of(log, known.name)
            rows.append(
                {
                    "source": known.name,
                    "kind": declaration.connection.kind,
                    "dataset": f"{declaration.dataset.namespace}|{declaration.dataset.name}",
                    "owner": declaration.owner,
                    "on_call": declaration.on_call,
                    "state": "retired" if known.retired else "in use",
                    "tested": tested[0][1].outcome if tested else None,
                    "tested_at": tested[0][1].clock if tested else None,
                }
            )
    columns = ("source", "kind", "dataset", "owner", "on_call", "state", "tested", "tested_at")
    session.output.rows(rows, columns, empty="no sources")


@sources.command()
@click.argument("name")
@with_json
@pass_session
def show(session: Session, name: str) -> None:
    """Say what is declared of a source, and on which terms it is used.

    Example: tally sources show orders-db
    """
    with session.open(read_only=True) as log:
        known = store.find(log, name)
        tested = store.tests_of(log, name)
    declaration = known.document.declaration
    terms, refresh = declaration.access, declaration.refresh
    facts: dict[str, Any] = {
        "source": name,
        "dataset": f"{declaration.dataset.namespace}|{declaration.dataset.name}",
        "kind": declaration.connection.kind,
        "object": declaration.object,
        "owner": declaration.owner,
        "on_call": declaration.on_call,
        "contract": declaration.contract,
        "key_fields": list(declaration.key_fields),
        "refresh_seconds": refresh.every_seconds if refresh else None,
        "variables": list(declaration.variables),
        "declared": known.at,
        "seq": known.entry.seq,
        "retired": known.retired,
        "tests": len(tested),
        "terms_sha256": terms.sha256 if terms else None,
        "four_eyes": terms.four_eyes if terms else None,
        "days": terms.days if terms else None,
    }
    if session.output.as_json:
        session.output.document({**facts, "terms": terms.terms if terms else None, "definition": known.document.text})
        return
    session.output.facts(facts)
    for line in terms.terms.splitlines() if terms else ():
        tell(f"  {line}")


@sources.command()
@click.argument("name", required=False)
@click.option(
    "--file", type=click.Path(path_type=Path), metavar="FILE", help="Try this declaration; nothing is recorded."
)
@click.option("--dry-run", is_flag=True, help="Say what it would do and need, and connect nowhere.")
@click.option("--allow-local", is_flag=True, help="Also to this machine and what is linked to it.")
@click.option("--timeout", type=click.FloatRange(0.1, 3_600), default=MAX_SECONDS, show_default=True, metavar="SECONDS")
@click.option("--max-bytes", type=click.IntRange(1), default=MAX_BYTES, show_default=True, help="Read to be counted.")
@with_json
@pass_session
def test(
    session: Session,
    name: str | None,
    *,
    file: Path | None,
    dry_run: bool,
    allow_local: bool,
    timeout: float,
    max_bytes: int,
) -> None:
    """Connect to a source, and record what is found.

    Printed are its schema's version, last change, rows, rate limits and
    latency. Exit status 13 when it cannot be reached.

    Example: tally sources test orders-db --dry-run
    """
    if (name is None) == (file is None):
        raise RefusedError("a test is of a registered source, or of a --file")
    bounds = Bounds(os.environ, seconds, allow_local=allow_local, seconds=timeout, size_bytes=max_bytes)
    if file is not None:
        _test_file(session, _read(str(file)), bounds, dry_run=dry_run)
        return
    assert name is not None, "one of the two is given"
    with session.open(read_only=dry_run) as log:
        known = store.open_source(log, name)
        if dry_run:
            _print_plan(session, known.document, bounds)
            return
        wanted = trial.wanted_fields(log, known.document.declaration)
        outcome = trial.attempt(known.document.declaration, bounds, log.clock(), wanted)
        receipt = trial.record(log, known, outcome)
        number = trial.schema_number(log, known)
    if outcome.error is not None:
        raise outcome.error
    _print_outcome(session, name, outcome, {"schema_number": number, "seq": receipt.seq})


def _test_file(session: Session, document: SourceDocument, bounds: Bounds, *, dry_run: bool) -> None:
    if dry_run:
        _print_plan(session, document, bounds)
        return
    outcome = trial.attempt(document.declaration, bounds, system_clock())
    if outcome.error is not None:
        raise outcome.error
    _print_outcome(session, document.declaration.name, outcome, {})


def _print_plan(session: Session, document: SourceDocument, bounds: Bounds) -> None:
    made = trial.plan(document.declaration, bounds)
    facts = {
        "source": document.declaration.name,
        "kind": made.kind,
        "target": made.target,
        "reads": list(made.reads),
        "needs": list(made.variables),
        "not_set": list(made.unset),
        "also_read": list(made.usual),
    }
    session.output.facts(facts, "Nothing was connected to.")


def _print_outcome(session: Session, name: str, outcome: Outcome, more: dict[str, object]) -> None:
    seen = outcome.seen
    assert seen is not None, "an outcome without an error has seen something"
    limits = seen.limits
    facts = {
        "source": name,
        "system": seen.system,
        "schema_version": seen.version,
        "schema_sha256": seen.schema_sha256,
        "columns": len(seen.columns),
        "lacking": list(outcome.lacking),
        "updated": seen.updated.isoformat() if seen.updated else None,
        "rows": seen.rows,
        "rows_are": seen.rows_are,
        "rate_limit": limits.limit if limits else None,
        "rate_remaining": limits.remaining if limits else None,
        "rate_reset_seconds": limits.reset_seconds if limits else None,
        "latency_ms": outcome.latency_ms,
        **more,
    }
    if outcome.lacking:
        session.output.remark([f"source {name} lacks {len(outcome.lacking)} fields that are promised"])
    session.output.facts(facts, "Reached.")


@sources.command()
@click.argument("name")
@click.option("--by", required=True, metavar="PSEUDONYM", help="Who answers for it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why. It stands for ever: name no person.")
@with_json
@pass_session
def retire(session: Session, name: str, by: str, reason: str) -> None:
    """End a source for good: nobody may use it any more.

    Example: tally sources retire orders-db --by data:1 --reason "moved to the lake"
    """
    with session.open() as log:
        receipt = store.retire(log, name, by=by, reason=reason)
    session.output.facts({"source": name, "seq": receipt.seq}, "Retired.")


def _read(file: str) -> SourceDocument:
    return parse_source(read_input(file, "source"), name=file)


sources.add_command(access)
