"""delete request, plan, run, certificate, refuse: a person's way out, or the ground on which there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from cli.commands.lineage import read_dataset
from cli.output import say, tell
from cli.session import Session, ask, named_file, pass_session, with_json, write_output
from evidence import deletion
from evidence.deletion import Warehouse
from evidence.dispositions import Decided
from lineage import query
from lineage.deletion.certificate import Certificate, issue_refusal, read_certificates
from lineage.deletion.history import read_history
from lineage.deletion.request import REGULATIONS
from lineage.deletion.state import DeletionProjection, standings
from lineage.graph import LineageProjection
from proofs.errors import ConflictError, IncompleteError, MissingError, RefusedError
from proofs.statement import Node

_F = TypeVar("_F", bound=Callable[..., object])

_DUCKDB = click.option(
    "--duckdb",
    "warehouses",
    multiple=True,
    metavar="NAMESPACE=FILE",
    help="Where a namespace's tables are; may repeat.",
)
_READER = click.option(
    "--as", "reader", default="operator", show_default=True, metavar="PSEUDONYM", help="Who does this."
)


def _decision(option: str, name: str, what: str, told: str) -> Callable[[_F], _F]:
    return click.option(option, name, multiple=True, metavar=f"'NS|NAME={what}'", help=told)


_OUT = click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Keep the certificate in a new file."
)


@click.group()
def delete() -> None:
    """Delete a person everywhere they went, and prove it."""


@delete.command()
@click.option(
    "--identity",
    "identities",
    multiple=True,
    required=True,
    metavar="TYPE=VALUE",
    help="household_id=2317; or TYPE=- to be asked, or for a line of standard input.",
)
@click.option(
    "--dataset", "datasets", multiple=True, required=True, metavar="NS|NAME", help="Where the person's data begin."
)
@click.option(
    "--regulation", type=click.Choice(REGULATIONS), default="gdpr", show_default=True, help="The law it is by."
)
@with_json
@pass_session
def request(session: Session, identities: tuple[str, ...], datasets: tuple[str, ...], regulation: str) -> None:
    """Record a request.

    The person is sealed and stands in no entry.

    Example: tally delete request --identity household_id=- --dataset 'warehouse|orders'
    """
    pairs = [read_identity(text) for text in identities]
    nodes = [read_dataset(dataset) for dataset in datasets]
    with session.open() as log:
        made = deletion.request(log, pairs, regulation=regulation, datasets=nodes, channel="cli")
        with log.viewing(LineageProjection()) as db:
            # No error: its events may come later, and the plan is made from what is recorded then.
            unknown = [node.text for node in nodes if not query.subgraph(db, [node]).nodes]
    facts = {"request": made.request, "received": made.received}
    session.output.facts(
        {**facts, "unknown_datasets": unknown} if session.output.as_json else facts, "Request recorded."
    )
    for name in () if session.output.as_json else unknown:
        tell(f"! no lineage knows {name} yet: until it does, nothing downstream of it is planned", err=True)


def read_identity(text: str) -> tuple[str, str]:
    """Return the (type, value) of `TYPE=VALUE`; of `TYPE=-` the value that the user is asked for.

    Raises:
        RefusedError: It is not written so; it is not quoted.
    """
    kind, equals, value = text.partition("=")
    if not equals or not kind or not value:
        raise RefusedError(
            "an identity is not written TYPE=VALUE", hint="household_id=2317; or TYPE=- to be asked for the value"
        )
    return kind, ask(kind) if value == "-" else value


@delete.command()
@click.argument("request")
@_DUCKDB
@_decision("--subject-key", "subject_keys", "COLUMN", "The column that says whose a row is; may repeat.")
@_decision("--retain", "retained", "GROUND", "Keep the rows on this ground, a code; may repeat.")
@_decision("--not-applicable", "not_applicable", "REASON", "Nothing is about one person there; may repeat.")
@_READER
@with_json
@pass_session
def plan(
    session: Session, /, request: str, *, warehouses: tuple[str, ...], reader: str, **decisions: tuple[str, ...]
) -> None:
    """Say what will be deleted, before anything is.

    From the recorded lineage and the contracts. What they do not say of a dataset, you may: in this plan alone.

    Example: tally delete plan REQUEST --duckdb warehouse=shop.duckdb
    """
    decided = Decided(**{name: _decisions(texts) for name, texts in decisions.items()})
    with session.open() as log:
        made = deletion.make(log, request, _warehouses(warehouses), reader=reader, decided=decided)
    planned, codes = made.fact, {remark.target: remark.code for remark in made.remarks}
    rows = [
        {
            "target": target.id,
            "dataset": target.dataset.node.text,
            "action": target.action,
            "rows": target.before.matched if target.before else None,
            "why": target.reason or codes.get(target.id, ""),
        }
        for target in planned.targets
    ]
    if session.output.as_json:
        remarks = [{"target": each.target, "code": each.code, "message": each.what} for each in made.remarks]
        beside = {"held": made.held, "remarks": remarks, "unread_contracts": list(made.unread_contracts)}
        session.output.document({**json.loads(planned.body()), **beside})
        return
    session.output.rows(rows, ("target", "dataset", "action", "rows", "why"), empty="no targets")
    for title, found in (
        ("only in a contract", planned.only_in_contract),
        ("only in the lineage", planned.only_in_lineage),
    ):
        if found:
            tell(f"! {title}: {', '.join(dataset.node.text for dataset in found)}")
    for remark in made.remarks:
        tell(f"! {remark.target}: {remark.what}")
    if made.unread_contracts:
        entries = ", ".join(map(str, made.unread_contracts[:8]))
        say(f"! contracts that could not be read, so that what they declare is not in this plan: entries {entries}")
    if planned.left_out:
        say(
            f"! {planned.left_out} datasets that derive from these do not fit into one plan: they are not deleted from, and the "
            "certificate will be partial; `tally lineage downstream` lists them"
        )
    if made.held is not None:
        say(f"! legal hold {made.held}: `tally delete run` is refused while it stands")


@delete.command()
@click.argument("request")
@_DUCKDB
@_READER
@with_json
@pass_session
def run(session: Session, request: str, warehouses: tuple[str, ...], reader: str) -> None:
    """Delete at every target of the plan.

    Each is then looked at by another component. May be run again.

    Example: tally delete run REQUEST --duckdb warehouse=shop.duckdb
    """
    with session.open() as log:
        executed, verified = deletion.carry_out(log, request, _warehouses(warehouses), reader=reader)
        left = deletion.left(log, request)
    done, seen = {fact.target: fact for fact in executed}, {fact.target: fact for fact in verified}
    codes = {remark.target: remark.code for _, remark in left}
    rows = [
        {
            "target": target,
            "dataset": (done.get(target) or seen[target]).dataset.node.text,
            "deleted": done[target].rows if target in done else None,
            "outcome": done[target].outcome if target in done else None,
            "found_after": seen[target].result if target in seen else None,
            "why": codes.get(target, ""),
        }
        for target in dict.fromkeys((*done, *seen))
    ]
    columns = ("target", "dataset", "deleted", "outcome", "found_after", "why")
    session.output.rows(rows, columns, empty="✓ Nothing was left to do")
    if left:
        names = ", ".join(name for name, _ in left)[:300]
        raise IncompleteError(
            f"{len(left)} {'target is' if len(left) == 1 else 'targets are'} left: {names}",
            hint="; ".join(dict.fromkeys(remark.what for _, remark in left[:3])),
        )


@delete.command()
@click.argument("request")
@_OUT
@click.option("--show", is_flag=True, help="Show the last certificate instead of issuing one.")
@click.option(
    "--even-if-partial", is_flag=True, help="Although targets are left. Final: nobody knows afterwards whom to delete."
)
@with_json
@pass_session
def certificate(session: Session, request: str, *, out: Path | None, show: bool, even_if_partial: bool) -> None:
    """Erase the person from the ledger and issue the certificate.

    Again, and it is the same until something changed.

    Example: tally delete certificate REQUEST --out certificate.json
    """
    with session.open() as log:
        history = read_history(log, request)
        _ = history.opening  # a request that does not exist has no plan either, and that is not what is wrong
        known = [earlier for _, earlier in read_certificates(history)]
        if show:
            if not known:
                raise MissingError(f"request {request} has no certificate yet")
            issued = known[-1]
        else:
            _check_free(out)
            issued = deletion.certify(log, request, even_if_partial=even_if_partial)
    _hand_over(session, issued, out, is_new=issued not in known)
    if issued.outcome == "partial":
        raise IncompleteError(
            f"the deletion of request {request} is partial", hint="the certificate names each target's outcome"
        )


@delete.command()
@click.argument("request")
@click.option("--reason", required=True, metavar="CODE", help="The ground, as a code: it stands in the log for ever.")
@_OUT
@with_json
@pass_session
def refuse(session: Session, request: str, *, reason: str, out: Path | None) -> None:
    """Issue the certificate of a refusal.

    Nothing is deleted, on a ground that it names.

    Example: tally delete refuse REQUEST --reason art17.3.e --out refusal.json
    """
    _check_free(out)
    with session.open() as log:
        known = [earlier for _, earlier in read_certificates(read_history(log, request))]
        issued = issue_refusal(log, request, reason, clock=log.clock)
    _hand_over(session, issued, out, is_new=issued not in known)


def _check_free(out: Path | None) -> None:
    if out is not None and out.exists():
        raise ConflictError(f"{out} exists already", hint="choose another name, or remove it")


def _hand_over(session: Session, issued: Certificate, out: Path | None, *, is_new: bool) -> None:
    if out is not None:
        write_output(out, issued.body())
    if session.output.as_json:
        session.output.document({**json.loads(issued.body()), "is_new": is_new})
    else:
        session.output.facts(_told(issued), _title(issued, is_new=is_new))
        if out is not None:
            say(f"✓ {out}")


def _title(issued: Certificate, *, is_new: bool) -> str:
    if not is_new:
        return "Deletion certificate, issued before; no other one was"
    return f"Deletion certificate, an addendum to {issued.supersedes}" if issued.supersedes else "Deletion certificate"


def _told(issued: Certificate) -> dict[str, object]:
    found: dict[str, object] = {
        "level": issued.level,
        "targets": len(issued.targets),
        "rows_deleted": sum(target.deleted or 0 for target in issued.targets),
    }
    return {
        "certificate": issued.certificate,
        "outcome": issued.outcome,
        **({"basis": issued.basis} if issued.outcome == "refused" else found),
        "issued": issued.issued,
        "in_time": issued.on_time,
    }


@delete.command("list")
@with_json
@pass_session
def list_(session: Session) -> None:
    """List every request and where it stands.

    Example: tally delete list
    """
    with session.open(read_only=True) as log, log.viewing(DeletionProjection()) as db:
        rows = [
            {"request": found.request, "state": found.state, "received": found.received, "certificate_due": found.due}
            for found in standings(db)
        ]
    session.output.rows(rows, ("request", "state", "received", "certificate_due"), empty="no requests")


def _decisions(texts: tuple[str, ...]) -> dict[Node, str]:
    found: dict[Node, str] = {}
    for text in texts:
        dataset, equals, what = text.rpartition("=")
        if not equals or not what:
            raise RefusedError(f"{text[:120]!r} is not written NAMESPACE|NAME=WORD")
        if (node := read_dataset(dataset)) in found:
            raise RefusedError(f"two things are decided of {node.text[:200]}")
        found[node] = what
    return found


def _warehouses(texts: tuple[str, ...]) -> list[Warehouse]:
    found = []
    for text in texts:
        namespace, equals, path = text.partition("=")
        if not equals or not namespace or not path:
            raise RefusedError(f"{text[:120]!r} is not written NAMESPACE=FILE")
        found.append(Warehouse(namespace, named_file(Path(path), "DuckDB file")))
    return found
