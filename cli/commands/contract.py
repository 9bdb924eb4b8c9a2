"""check: hold data to a contract, and record what was decided."""

from __future__ import annotations

from pathlib import Path

import click

from cli.output import say
from cli.session import Session, named_file, pass_session, read_input, with_json
from contracts import enforce, publish
from contracts.actions import MoveAside
from contracts.decision import Decision, Verdict
from contracts.document import beside, parse
from contracts.lifecycle import check_usable
from contracts.metric import Found, Measurement
from contracts.policies import evaluate_for, publish_policy
from contracts.policyfile import parse_policy
from contracts.record import Context
from contracts.ruling import Ruling
from contracts.source import file_source
from proofs.errors import BlockedError

_MARK = {"ALLOW": "✓", "ALLOW_WITH_ALERT": "!", "QUARANTINE": "!", "BLOCK_AND_ROLLBACK": "✗"}


@click.command()
@click.argument("contract", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--object", "object_name", metavar="NAME", help="Which object of an ODCS contract.")
@click.option("--namespace", metavar="NAME", help="The dataset's, where the contract names none.")
@click.option("--run", metavar="UUID", help="The run that made the data.")
@click.option(
    "--move-blocked", type=click.Path(path_type=Path), metavar="DIR", help="Where a blocked file is moved to."
)
@click.option("--policy", metavar="FILE", help="Decide by this policy, and put it in force.")
@click.option("--dry-run", is_flag=True, help="Measure and decide, and record nothing.")
@with_json
@pass_session
def check(
    session: Session,
    contract: Path,
    data: Path,
    *,
    object_name: str | None,
    namespace: str | None,
    run: str | None,
    move_blocked: Path | None,
    policy: str | None,
    dry_run: bool,
) -> None:
    """Hold DATA (Parquet or CSV) to CONTRACT (YAML).

    Exit status 10 when the contract blocks it.

    Example: tally check orders.yaml orders.parquet
    """
    document = parse(
        read_input(str(contract), "contract"),
        name=str(contract),
        object_name=object_name,
        namespace=namespace,
        beside=beside(contract),
    )
    source = file_source(named_file(data, "data file"))
    ruled = None if policy is None else parse_policy(read_input(policy, "policy"), name=policy)
    if dry_run:
        evaluated = enforce.evaluate(document, source, ruling=Ruling(ruled))
        _show(session, document.contract.name, evaluated.measurement, evaluated.verdict)
        if evaluated.verdict.decision.rank > Decision.ALLOW_WITH_ALERT.rank:
            raise BlockedError(f"contract {document.contract.name} would block the batch; nothing was recorded")
        return
    with session.open() as log:
        if (remark := check_usable(log, document)) is not None:
            session.output.remark([remark])
        # Before anything is recorded: a file that cannot be measured leaves no contract behind that never was held to anything.
        evaluated = evaluate_for(log, document, source, clock=log.clock, policy=ruled)
        context = Context(source=f"{log.origin}/check", run=run)
        if ruled is not None:
            publish_policy(log, ruled, Context(source=f"{log.origin}/policy"))
        publish.publish(log, document, context, clock=log.clock)
        aside = MoveAside(data, move_blocked) if move_blocked else None
        outcome = enforce.carry_out(log, evaluated, context=context, enforcement=aside)
    moved = aside.aside if aside else None
    _show(session, document.contract.name, outcome.measurement, outcome.verdict, outcome.decided.seq, moved)
    if refusal := outcome.error():
        raise refusal


def _show(
    session: Session,
    name: str,
    measurement: Measurement,
    verdict: Verdict,
    seq: int | None = None,
    moved: Path | None = None,
) -> None:
    broken = [metric for metric in measurement.metrics if not metric.passed]
    rows: list[dict[str, object]] = [
        {
            "rule": metric.rule.id,
            "severity": metric.rule.severity.value,
            "found": metric.found.value,
            "failed": metric.failed,
            "of": metric.total,
            "hint": measurement.why_unmeasured(metric) or metric.hint or "",
        }
        for metric in broken
    ]
    if session.output.as_json:
        session.output.document(
            {
                "contract": name,
                "decision": verdict.decision.value,
                "risk_basis_points": verdict.risk.basis_points,
                "rows": measurement.rows,
                "rules": len(measurement.metrics),
                "broken": rows,
                "reasons": [{"cause": reason.cause.value, "rule": reason.rule} for reason in verdict.reasons],
                "seq": seq,
                "moved_to": None if moved is None else str(moved),
            }
        )
        return
    entry = "" if seq is None else f" (entry {seq})"
    over = "1 row" if measurement.rows == 1 else f"{measurement.rows:,} rows"
    say(
        f"{_MARK[verdict.decision.value]} {name}: {verdict.decision.value}, risk {verdict.risk.points} of 100, "
        f"{len(measurement.metrics) - len(broken)} of {len(measurement.metrics)} rules hold over {over}{entry}"
    )
    if rows:
        session.output.rows(
            [row if row["found"] != Found.UNMEASURED else _unmeasured(row) for row in rows],
            ("rule", "severity", "failed", "of", "hint"),
            empty="",
        )
    if moved is not None:
        say(f"the file was moved to {moved}")


def _unmeasured(row: dict[str, object]) -> dict[str, object]:
    """A row of what was not counted: nobody should read that none of none failed."""
    return {**row, "failed": None, "of": None, "hint": f"not measured: {row['hint']}"}
