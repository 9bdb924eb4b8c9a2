"""contract init, diff, publish, announce, deprecate, retire, list, gx: from a draft to its end; and lint, show, convert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from cli.commands.consumers import consumers, subscribe, unsubscribe
from cli.commands.contracts import convert, in_namespace, lint, of_object, read_contract, show
from cli.commands.json_schema import json_schema
from cli.output import say
from cli.session import Session, named_file, pass_session, with_json, write_output
from contracts import lifecycle
from contracts.consumers.register import concerned
from contracts.diff import compare, needed_bump
from contracts.document import Document, parse
from contracts.draft import default_name, draft
from contracts.engines.gx_suite import gx_suite
from contracts.history import all_versions, versions
from contracts.publish import not_told
from contracts.publish import publish as put_in_force
from contracts.record import Context, dataset_name
from contracts.source import file_source
from ledger.log import Ledger

_BY = click.option("--by", required=True, metavar="PSEUDONYM", help="Who answers for it.")
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why. It stands for ever: name no person.")


@click.group()
def contract() -> None:
    """Contracts: what a dataset promises, from draft to end."""


@contract.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="Of the contract.  [default: that of the file]")
@click.option("--namespace", default="default", show_default=True, metavar="NAME", help="Of the dataset.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it to a new file.")
@with_json
@pass_session
def init(session: Session, data: Path, *, name: str | None, namespace: str, out: Path | None) -> None:
    """Draft a contract that DATA keeps.

    Example: tally contract init orders.parquet --out orders.yaml
    """
    named = name or default_name(data)
    text = draft(file_source(named_file(data, "data file")), name=named, namespace=namespace, dataset=named)
    document = parse(text.encode(), name="the draft")
    if out is not None:
        write_output(out, text.encode())
    facts = {"contract": document.contract.name, "fields": len(document.contract.fields), "file": str(out or "")}
    if session.output.as_json:
        session.output.document({**facts, "text": text})
    elif out is None:
        say(text.rstrip("\n"))
    else:
        session.output.facts(facts, "Drafted.")


@contract.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--for",
    "perspective",
    type=click.Choice(["consumer", "producer"]),
    default="consumer",
    show_default=True,
    help="Whom a change breaks.",
)
@with_json
@pass_session
def diff(session: Session, old: str, new: str, perspective: Literal["consumer", "producer"]) -> None:
    """Compare two versions, and say how large a step it is.

    Example: tally contract diff orders-1.yaml orders-2.yaml
    """
    before, after = read_contract(old).contract, read_contract(new).contract
    changes = compare(before, after, perspective=perspective)
    rows: list[dict[str, object]] = [
        {"path": each.path, "change": each.kind, "direction": each.direction.value, "breaks": each.breaking}
        for each in changes
    ]
    bump = needed_bump(changes).word
    if session.output.as_json:
        session.output.document({"needs": bump, "from": before.version, "to": after.version, "changes": rows})
        return
    session.output.rows(rows, ("path", "change", "direction", "breaks"), empty="no change")
    say(f"from {before.version} to {after.version}: needs a {bump} step")


@contract.command()
@click.argument("file")
@of_object
@in_namespace
@with_json
@pass_session
def publish(session: Session, file: str, *, object_name: str | None, namespace: str | None) -> None:
    """Put the contract in FILE in force.

    A version is a step as large as what it breaks for those who read the data.

    Example: tally contract publish orders.yaml
    """
    document = read_contract(file, object_name, namespace)
    with session.open() as log:
        size = log.size
        session.output.remark(_left_out(log, document))
        found = put_in_force(log, document, Context(source=f"{log.origin}/contract"), clock=log.clock)
    facts = {"contract": found.name, "version": found.version, "sha256": found.sha256, "seq": found.seq}
    session.output.facts(
        facts, "Contract in force." if found.seq >= size else "Contract in force already; nothing was recorded."
    )


def _left_out(log: Ledger, document: Document) -> list[str]:
    """What to remark where a version comes of which some of those who rely on the contract were not told."""
    known = versions(log, document.contract.name)
    if not known or any(each.version == document.contract.version for each in known):
        return []
    changes = compare(parse(known[-1].definition.encode()).contract, document.contract)
    if not any(change.breaking for change in changes):
        return []
    return [f"{name} was not told of version {document.contract.version}" for name in not_told(log, document)]


@contract.command()
@click.argument("file")
@of_object
@in_namespace
@with_json
@pass_session
def announce(session: Session, file: str, *, object_name: str | None, namespace: str | None) -> None:
    """Give notice of the version in FILE, and of what it changes.

    Those who rely on the contract are told by `tally notify run`.

    Example: tally contract announce orders-2.yaml
    """
    document = read_contract(file, object_name, namespace)
    with session.open() as log:
        receipt = lifecycle.announce(log, document)
        told = concerned(log, document.contract.name, dataset_name(document.contract.dataset))
    rows = [{"consumer": each.name, "version": each.version, "channel": each.channel} for each in told]
    facts = {"contract": document.contract.name, "version": document.contract.version, "seq": receipt.seq}
    if session.output.as_json:
        session.output.document({**facts, "tells": rows})
        return
    session.output.facts(facts, "Announced.")
    session.output.rows(rows, ("consumer", "version", "channel"), empty="no consumer is registered")


@contract.command()
@click.argument("name")
@click.argument("version")
@_BY
@_REASON
@with_json
@pass_session
def deprecate(session: Session, name: str, version: str, by: str, reason: str) -> None:
    """Say that VERSION should not be used any more.

    Example: tally contract deprecate orders 1.0.0 --by data:1 --reason "see 2.0.0"
    """
    with session.open() as log:
        receipt = lifecycle.deprecate(log, name, version, by=by, reason=reason)
    session.output.facts({"contract": name, "version": version, "seq": receipt.seq}, "Deprecated.")


@contract.command()
@click.argument("name")
@click.argument("version")
@_BY
@_REASON
@with_json
@pass_session
def retire(session: Session, name: str, version: str, by: str, reason: str) -> None:
    """End VERSION: nothing is checked by it any more.

    It was deprecated before, for as long as it promises.

    Example: tally contract retire orders 1.0.0 --by data:1 --reason "see 2.0.0"
    """
    with session.open() as log:
        receipt = lifecycle.retire(log, name, version, by=by, reason=reason, clock=log.clock)
    session.output.facts({"contract": name, "version": version, "seq": receipt.seq}, "Retired.")


@contract.command("list")
@with_json
@pass_session
def list_(session: Session) -> None:
    """List the versions of every contract.

    Example: tally contract list
    """
    with session.open(read_only=True) as log:
        rows: list[dict[str, object]] = [
            {
                "contract": each.name,
                "version": each.version,
                "state": each.state,
                "sha256": each.sha256,
                "seq": each.seq,
            }
            for each in all_versions(log)
        ]
    session.output.rows(rows, ("contract", "version", "state", "sha256", "seq"), empty="no contracts")


@contract.command()
@click.argument("file")
@of_object
@in_namespace
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it to a new file.")
@with_json
@pass_session
def gx(session: Session, file: str, *, object_name: str | None, namespace: str | None, out: Path | None) -> None:
    """Write FILE as a suite of Great Expectations.

    Of version 1.x. What that engine would not answer alike is left out, and named in the suite's meta.

    Example: tally contract gx orders.yaml --out suite.json
    """
    suite = gx_suite(read_contract(file, object_name, namespace))
    if out is None:
        say(suite.decode().rstrip("\n"))
        return
    write_output(out, suite)
    made = json.loads(suite)
    session.output.facts(
        {
            "expectations": len(made["expectations"]),
            "left_out": len(made["meta"]["tallystick"]["left_out"]),
            "file": str(out),
        },
        "Written.",
    )


for command in (lint, show, convert, json_schema, subscribe, unsubscribe, consumers):
    contract.add_command(command)
