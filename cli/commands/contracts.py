"""contract lint, show, convert: contracts of any dialect."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.output import say, tell
from cli.session import Session, pass_session, read_input, with_json, write_output
from contracts.dialects import native, odcs_writer, yamlwrite
from contracts.document import Document, beside, parse
from contracts.policyfile import parse_policy
from contracts.rules import rules_of
from proofs.errors import MalformedError

if TYPE_CHECKING:
    from contracts.lint import Remark

of_object = click.option("--object", "object_name", metavar="NAME", help="Which object of an ODCS document.")
in_namespace = click.option("--namespace", metavar="NAME", help="The dataset's, where the document names none.")


@click.command("lint")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--policy", metavar="FILE", help="A policy; where it demands an owner, to have none is an error.")
@with_json
@pass_session
def lint(session: Session, files: tuple[str, ...], *, policy: str | None) -> None:
    """Say what is wrong with contracts, and what may not be meant.

    Every object of an ODCS document is looked at, offline, under the version that it declares. Exit status 4 when a
    FILE is no contract; what is only strange is no error.

    Example: tally contract lint orders.odcs.yaml
    """
    from contracts.lint import lint as look_at

    demands = policy is not None and parse_policy(read_input(policy, "policy"), name=policy).policy.demand_owner
    found: dict[str, tuple[Remark, ...]] = {}
    for file in files:
        data = read_input(file, "contract")
        found[file] = look_at(data, name=_name(file), beside=beside(Path(file)), demands_owner=demands)
    remarks = [remark for each in found.values() for remark in each]
    wrong = sum(any(remark.is_error for remark in each) for each in found.values())
    if session.output.as_json:
        rows = [
            {"level": _level(remark), "where": remark.where, "message": remark.what, "hint": remark.hint}
            for remark in remarks
        ]
        session.output.document({"files": len(files), "invalid": wrong, "remarks": rows})
    else:
        for remark in remarks:
            hint = f" ({remark.hint})" if remark.hint else ""
            tell(f"{'✗' if remark.is_error else '!'} {remark.where}: {remark.what}{hint}")
        for file, each in found.items():
            if not each:
                tell(f"✓ {file}")
    if wrong:
        raise MalformedError(
            f"{wrong} of {len(files)} files are no contract" if len(files) > 1 else "the file is no contract"
        )


@click.command("show")
@click.argument("file")
@of_object
@in_namespace
@with_json
@pass_session
def show(session: Session, file: str, *, object_name: str | None, namespace: str | None) -> None:
    """Show a contract, and each of its rules with its line.

    Example: tally contract show events.yaml
    """
    document = read_contract(file, object_name, namespace)
    rules: list[dict[str, object]] = [
        {"rule": rule.id, "severity": rule.severity.value, "where": document.where(rule.place)}
        for rule in rules_of(document.contract)
    ]
    head = {
        "name": document.contract.name,
        "version": document.contract.version,
        "dataset": f"{document.contract.dataset.namespace}/{document.contract.dataset.name}",
        "owner": document.contract.owner,
        "status": document.contract.status,
        "dialect": document.dialect,
        "sha256": document.sha256,
    }
    if session.output.as_json:
        said = _json(native.mapping(document.contract))
        session.output.document({**head, "rules": rules, "contract": said})
        return
    session.output.facts({key: "none" if value is None else value for key, value in head.items()})
    say("")
    session.output.rows(rules, ("rule", "severity", "where"), empty="no rules")


@click.command("convert")
@click.argument("file")
@click.option(
    "--to", "target", type=click.Choice(["tally", "odcs"]), default="tally", help="Our own form, or ODCS 3.2."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Where it is written to; a new file.")
@of_object
@in_namespace
@with_json
@pass_session
def convert(
    session: Session, file: str, *, target: str, out: Path | None, object_name: str | None, namespace: str | None
) -> None:
    """Write a contract of any dialect in our form, or in ODCS.

    Nothing that it says is lost: what the target has no word for is kept beside the rest.

    Example: tally contract convert events.yaml --to odcs
    """
    document = read_contract(file, object_name, namespace)
    said = odcs_writer.mapping(document.contract) if target == "odcs" else native.mapping(document.contract)
    text = yamlwrite.dump(said)
    if out is not None:
        write_output(out, text.encode())
        session.output.document({"written": str(out), "dialect": target}, f"{out} written")
        return
    session.output.document(_json(said), text.removesuffix("\n"))


def read_contract(file: str, object_name: str | None = None, namespace: str | None = None) -> Document:
    """Return the contract in a file that the user named, in any dialect, with the file beside it where there is one."""
    data = read_input(file, "contract")
    return parse(data, name=_name(file), object_name=object_name, namespace=namespace, beside=beside(Path(file)))


def _name(file: str) -> str:
    return "standard input" if file == "-" else file


def _level(remark: Remark) -> str:
    return "error" if remark.is_error else "warning"


def _json(value: Any) -> Any:
    """What is decimal as a number of JSON."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value
