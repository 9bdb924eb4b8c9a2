"""`tally check --job`: every asset of a job file is held to its contract, and the worst decision is the exit status."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from cli.output import tell
from cli.session import Session, read_input
from contracts.connectors import confined
from contracts.gate import Acts, Batch, Passed, let_through
from contracts.job import Asset, Job, read_job
from contracts.measure import files_of
from contracts.policyfile import PolicyDocument, parse_policy
from contracts.scan.beside import Given
from contracts.sources.named import found
from contracts.sources.objects import is_stored
from contracts.swap import real_version
from ledger.log import Ledger
from proofs.errors import BlockedError, RefusedError, TallyError
from proofs.report import visible

_COLUMNS = ("asset", "contract", "decision", "risk_basis_points", "rows", "broken", "seq", "error")


def run_job(
    session: Session, file: Path, *, anywhere: bool, allowed: tuple[str, ...], policy: str | None, run: str | None
) -> None:
    """Hold every asset of a job to its contract, and print what became of each.

    One that cannot be decided keeps no other from being so.

    Raises:
        BlockedError: A batch may not be used as it is.
        TallyError: The job cannot be read, and nothing was done; or, where nothing is blocked, what was not decided first.
    """
    job = read_job(file, environment=os.environ, anywhere=anywhere)
    ruled = None if policy is None else parse_policy(read_input(policy, "policy"), name=policy)
    rows: list[dict[str, object]] = []
    refusals: list[TallyError] = []
    with session.open() as log:
        for asset in job.assets:
            try:
                passed = _let_through(log, job, asset, Given(allowed=frozenset(allowed)), ruled, run)
            except TallyError as error:
                rows.append({**_named(asset), "error": error.code, "message": str(error)})
                refusals.append(error)
                continue
            rows.append({**_named(asset), **_decided(passed)})
            if (refusal := passed.error()) is not None:
                refusals.append(refusal)
    _show(session, job, rows)
    blocked = [refusal for refusal in refusals if isinstance(refusal, BlockedError)]
    if refusals:
        raise (blocked or refusals)[0]


def _let_through(
    log: Ledger, job: Job, asset: Asset, given: Given, policy: PolicyDocument | None, run: str | None
) -> Passed:
    acts = Acts(asset.move_blocked, asset.quarantine, asset.current)
    data = asset.data
    is_path = "://" not in data
    if acts.needs_path and not is_path:
        raise RefusedError("only a file or a folder can be moved, or read by a link")
    if acts.current is not None:
        data = str(real_version(Path(data)))
    with ExitStack() as opened:
        source = opened.enter_context(found(data, hive=asset.hive))
        if not is_stored(data):
            confined(files_of(source), job.folder)
        path = Path(data) if (is_path and not Path(data).is_dir()) or acts.current is not None else None
        return let_through(log, Batch(asset.document, source, path, given, policy), acts, run=run)


def _named(asset: Asset) -> dict[str, object]:
    contract = asset.document.contract
    return {"asset": asset.name, "contract": f"{contract.name} {contract.version}", "decision": None}


def _decided(passed: Passed) -> dict[str, object]:
    outcome = passed.outcome
    return {
        "decision": outcome.verdict.decision.value,
        "risk_basis_points": outcome.verdict.risk.basis_points,
        "rows": outcome.measurement.rows,
        "broken": sum(not metric.passed for metric in outcome.measurement.metrics),
        "seq": outcome.decided.seq,
        "action": outcome.action,
        "kept": None if passed.kept is None else str(passed.kept[0]),
        "moved_to": None if passed.moved is None else str(passed.moved),
        "error": None,
    }


def _show(session: Session, job: Job, rows: list[dict[str, object]]) -> None:
    if session.output.as_json:
        session.output.document({"tenant": job.tenant, "assets": rows})
        return
    session.output.rows([{**row, "asset": visible(str(row["asset"]))} for row in rows], _COLUMNS, empty="")
    for row in rows:
        if row["error"]:
            tell(f"{row['asset']}: {row['message']}", err=True)
