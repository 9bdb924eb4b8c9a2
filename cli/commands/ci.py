"""ci-check: hold data to contracts in a build, and show what is broken where builds show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from cli.output import say
from cli.session import Session, named_file, pass_session, read_input, with_json, write_output
from contracts import ci
from contracts.document import beside, parse
from contracts.enforce import evaluate
from contracts.policyfile import DECISIONS, parse_policy
from contracts.record import Evaluated
from contracts.ruling import Ruling
from contracts.source import file_source
from proofs.errors import BlockedError, RefusedError

_OUT = click.Path(path_type=Path)


@click.command("ci-check")
@click.argument("pairs", nargs=-1, required=True, metavar="CONTRACT DATA …")
@click.option(
    "--policy", metavar="FILE", help="Decides in the place of the contracts' own; its `ci.fail_on` fails the build."
)
@click.option(
    "--fail-on", type=click.Choice(list(DECISIONS)), help="The mildest decision that fails.  [default: block]"
)
@click.option("--junit", type=_OUT, metavar="FILE", help="Write a JUnit report to a new file.")
@click.option("--sarif", type=_OUT, metavar="FILE", help="Write a SARIF log to a new file.")
@click.option("--github", is_flag=True, help="Print annotations for GitHub Actions.")
@with_json
@pass_session
def ci_check(
    session: Session,
    pairs: tuple[str, ...],
    *,
    policy: str | None,
    fail_on: str | None,
    junit: Path | None,
    sarif: Path | None,
    github: bool,
) -> None:
    """Hold each DATA to the CONTRACT before it; nothing is recorded.

    Exit status 10 when a decision fails the build.

    Example: tally ci-check orders.yaml orders.parquet --junit report.xml
    """
    if len(pairs) % 2:
        raise RefusedError(f"there are {len(pairs)} files, expected contracts and data in turn")
    document = None if policy is None else parse_policy(read_input(policy, "policy"), name=policy)
    checked = list(_checked(pairs, Ruling(document)))
    if junit is not None:
        write_output(junit, ci.junit(checked))
    if sarif is not None:
        write_output(sarif, ci.sarif(checked, _version()))
    words = (fail_on,) if fail_on else document.policy.ci.fail_on if document else ("block",)
    failed = ci.failing(checked, [DECISIONS[word] for word in words])
    _tell(session, checked, failed, github=github)
    if failed:
        name = failed[0].document.contract.name
        raise BlockedError(f"{len(failed)} of {len(checked)} batches fail the build, that of contract {name} first")


def _checked(pairs: tuple[str, ...], ruling: Ruling) -> Iterator[Evaluated]:
    for contract, data in zip(pairs[::2], pairs[1::2], strict=True):
        document = parse(read_input(contract, "contract"), name=contract, beside=beside(Path(contract)))
        yield evaluate(document, file_source(named_file(Path(data), "data file")), ruling=ruling)


def _tell(session: Session, checked: list[Evaluated], failed: list[Evaluated], *, github: bool) -> None:
    if github:
        for line in ci.github_lines(checked):
            say(line, err=session.output.as_json)
    rows: list[dict[str, object]] = [
        {
            "contract": each.document.contract.name,
            "decision": each.verdict.decision.value,
            "risk_basis_points": each.verdict.risk.basis_points,
            "rows": each.measurement.rows,
            "broken": len(ci.broken(each)),
            "fails": each in failed,
        }
        for each in checked
    ]
    session.output.rows(rows, ("contract", "decision", "risk_basis_points", "rows", "broken", "fails"), empty="")


def _version() -> str:
    from cli.main import VERSION

    return VERSION
