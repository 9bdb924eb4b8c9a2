"""check: hold data to a contract, and record what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.acting import with_acts
from cli.commands.beside import engines_of, others_of, taken_of, with_beside
from cli.commands.contracts import read_contract
from cli.output import say
from cli.session import Session, named_file, pass_session, read_input, with_json
from cli.streaming import StreamOptions, is_stream, with_stream
from contracts import enforce, profiles, scores
from contracts.decision import Cause, Decision
from contracts.document import Document
from contracts.engines.measured import Taken
from contracts.gate import Acts, Batch, Passed, let_through
from contracts.metric import Found
from contracts.model import Contract
from contracts.policies import check_rules, evaluate_for
from contracts.policyfile import PolicyDocument, parse_policy
from contracts.record import Evaluated
from contracts.ruling import Ruling
from contracts.scan.beside import Given
from contracts.source import CsvFile, ParquetFile, Source
from contracts.sources.jsonlines import JsonLines
from contracts.sources.named import found, table_place
from contracts.sources.objects import is_stored
from contracts.swap import real_version
from proofs.errors import BlockedError, MissingError, RefusedError

if TYPE_CHECKING:
    from contracts.engines.second import Second

_TOLD = {
    "promoted": "consumers read it",
    "rolled-back": "consumers do not read it",
    "called-back": "the function was called",
}
_FOLDER = click.Path(path_type=Path)
_MARK = {"ALLOW": "✓", "ALLOW_WITH_ALERT": "!", "QUARANTINE": "!", "BLOCK_AND_ROLLBACK": "✗"}


@click.command()
@click.argument("contract", type=click.Path(path_type=Path), required=False)
@click.argument("data", required=False)
@click.option("--object", "object_name", metavar="NAME", help="Which object of an ODCS contract.")
@click.option("--namespace", metavar="NAME", help="The dataset's, where the contract names none.")
@click.option("--hive", is_flag=True, help="Take key=value folders for columns.")
@click.option("--as-of", metavar="VERSION", help="Which version of a table; the newest unless stated.")
@click.option("--states", type=_FOLDER, metavar="DIR", help="Keep counts by file, so that none is read twice.")
@with_beside
@click.option("--run", metavar="UUID", help="The run that made the data.")
@click.option("--policy", metavar="FILE", help="Decide by this policy, and put it in force.")
@click.option("--dry-run", is_flag=True, help="Measure and decide, and record nothing.")
@click.option("--job", type=click.Path(path_type=Path), metavar="FILE", help="Do so for every asset of a job.")
@click.option("--anywhere", is_flag=True, help="A job may name files outside its own folder.")
@with_acts
@with_json
@pass_session
@with_stream
def check(
    session: Session,
    contract: Path | None,
    data: str | None,
    *,
    object_name: str | None,
    namespace: str | None,
    hive: bool,
    others: tuple[str, ...],
    allowed: tuple[str, ...],
    results: tuple[str, ...],
    asked: tuple[str, ...],
    run: str | None,
    policy: str | None,
    dry_run: bool,
    job: Path | None,
    anywhere: bool,
    as_of: str | None,
    states: Path | None,
    acts: Acts,
    stream: StreamOptions,
) -> None:
    """Hold DATA to CONTRACT (YAML).

    DATA is a file (Parquet, CSV, JSON lines), a folder or quoted pattern of such files, s3://bucket/key (or a prefix or
    pattern), sqlite:///file.db#table, postgresql://…#schema.table, delta:FOLDER-OR-URL, iceberg:CATALOG.NAMESPACE.TABLE,
    lancedb:///folder#table or chroma:///folder#collection; or a stream, of which each window is decided by itself:
    ndjson:- (standard input), ndjson:FILE or kafka:TOPIC, with --window.

    Exit status 10 when the contract blocks it; when it quarantines rows, too, unless --quarantine keeps them apart. Without
    DATA the results of other engines decide alone. --current swaps a link between versions that lie side by side.

    --job holds every asset of a file to its contract, with the options --policy, --allow and --run; the worst decision counts.

    Example: tally check orders.yaml orders.parquet
    """
    if job is not None:
        _alone(contract, object_name, namespace, hive, as_of, others, results, asked, states, dry_run, acts != Acts())
        _run_job(session, job, anywhere=anywhere, allowed=allowed, policy=policy, run=run)
        return
    if contract is None or anywhere:
        raise click.UsageError("--anywhere goes with --job." if anywhere else "Missing argument 'CONTRACT'.")
    _check_options(data, stream, acts, as_of, is_alone=bool(results or asked or dry_run or hive or states))
    document = read_contract(str(contract), object_name, namespace)
    ruled = None if policy is None else parse_policy(read_input(policy, "policy"), name=policy)
    taken, engines = taken_of(results), engines_of(asked)
    with ExitStack() as opened:  # what is copied from a store is there as long as it is needed
        source, path = _opened(data, opened, acts, hive=hive, as_of=as_of)
        given = _given(session, document.contract, others_of(others, opened), allowed, engines, states)
        if data is not None and is_stream(data):
            _check_stream(session, data, stream, document, given, (ruled, acts.quarantine, run))
            return
        if dry_run:
            _try(session, _tried(session, document, source, given, ruled, taken))
            return
        with session.open() as log:
            batch = Batch(document, source, path, given, ruled, taken, table_place(data or ""))
            passed = let_through(log, batch, acts, run=run)
        show_passed(session, passed)
        passed.check()


def _run_job(
    session: Session, job: Path, *, anywhere: bool, allowed: tuple[str, ...], policy: str | None, run: str | None
) -> None:
    from cli.job import run_job  # what most checks do not need, none waits for

    run_job(session, job, anywhere=anywhere, allowed=allowed, policy=policy, run=run)


def _check_stream(
    session: Session,
    data: str,
    options: StreamOptions,
    document: Document,
    given: Given,
    others: tuple[PolicyDocument | None, Path | None, str | None],
) -> None:
    from cli.commands.streams import Checked, check_stream

    check_stream(session, data, options, Checked(document, given, *others))


def _alone(*given: object) -> None:
    if any(given):
        raise click.UsageError(
            "--job names its contracts and data itself; it goes with --policy, --allow, --run, --anywhere."
        )


def show_passed(session: Session, passed: Passed) -> None:
    """Print what became of a batch."""
    if passed.remark is not None:
        session.output.remark([passed.remark])
    outcome = passed.outcome
    _show(session, outcome.evaluated, passed)
    if passed.went_back is not None:
        say(passed.went_back, err=session.output.as_json)
    elif outcome.taken is not None and outcome.action in _TOLD and not session.output.as_json:
        say(_TOLD[outcome.action])
    if passed.kept is not None:
        folder, parted = passed.kept
        say(f"{parted.bad_rows:,} rows kept apart, {parted.good_rows:,} are good: {folder}", err=True)


def _opened(
    data: str | None, opened: ExitStack, acts: Acts, *, hive: bool, as_of: str | None
) -> tuple[Source | None, Path | None]:
    if data is not None and not is_stream(data):
        if acts.current is not None:
            data = _version(data)
        return _source(opened.enter_context(found(data, hive=hive, as_of=as_of)), data, acts)
    if acts.needs_path:
        option = "--current swaps" if acts.current is not None else "--move-blocked moves"
        raise click.UsageError(f"{option} DATA, and there is none.")
    return None, None


def _version(data: str) -> str:
    """Where a version lies, where DATA names one."""
    if "://" in data:
        raise RefusedError("only a file or a folder can be read by a link")
    return str(real_version(Path(data)))


def _check_options(data: str | None, stream: StreamOptions, acts: Acts, as_of: str | None, *, is_alone: bool) -> None:
    if as_of is not None and data is None:
        raise click.UsageError("--as-of names a version of DATA, and there is none.")
    if acts.rolls_back and (data is None or table_place(data) is None):
        raise click.UsageError("--roll-back takes a Delta or Iceberg table back, and DATA is none.")
    if acts.rolls_back and as_of is not None:
        raise click.UsageError("--roll-back undoes the newest version, and --as-of names an earlier one.")
    if not is_stream(data) and (stream.window is not None or stream.follow):
        raise click.UsageError("--window and --follow go with a stream: ndjson:- or kafka:TOPIC.")
    if is_stream(data) and (is_alone or acts != Acts(quarantine=acts.quarantine)):
        raise click.UsageError(
            "With a stream go --window, --follow and --quarantine: the others are for data that has an end."
        )


def _try(session: Session, evaluated: Evaluated) -> None:
    name = evaluated.document.contract.name
    _show(session, evaluated)
    if evaluated.verdict.decision.rank > Decision.ALLOW_WITH_ALERT.rank:
        raise BlockedError(f"contract {name} would block the batch; nothing was recorded")


def _tried(
    session: Session,
    document: Document,
    source: Source | None,
    given: Given,
    policy: PolicyDocument | None,
    results: Sequence[Taken],
) -> Evaluated:
    """What would be decided: where a ledger is named, by the policies and overrides that it knows."""
    try:
        log = session.open(read_only=True)
    except MissingError as error:
        if session.url is not None:
            session.output.remark(
                [f"{error.what}, so this is decided without policies and overrides that it would know"]
            )
    else:
        with log:
            return evaluate_for(log, document, source, given=given, policy=policy, results=results)
    if policy is not None:
        check_rules(policy, document.contract.dataset, given.clock())
    return enforce.evaluate(document, source, given=given, ruling=Ruling(policy), results=results)


def _source(source: Source, data: str, acts: Acts) -> tuple[Source, Path | None]:
    is_file = isinstance(source, ParquetFile | CsvFile | JsonLines) and not is_stored(data)
    if is_file:
        named_file(Path(data), "data file")
    elif acts.move_blocked is not None:
        raise RefusedError("only a single file can be moved where it is blocked")
    return source, Path(data) if is_file or acts.current is not None else None


def _given(
    session: Session,
    contract: Contract,
    others: dict[str, Source],
    allowed: tuple[str, ...],
    engines: tuple[Second, ...],
    states: Path | None,
) -> Given:
    """What the contract is measured against beside the data; of earlier batches, what the ledger has of them."""
    given = Given(others=others, allowed=frozenset(allowed), engines=engines)
    if states is not None:
        from contracts.states.store import States

        given = replace(given, states=States(states))
    if session.url is None or not (profiles.is_wanted(contract) or scores.is_wanted(contract)):
        return given
    with session.open(read_only=True) as log:
        earlier = profiles.references(log, contract.dataset)
        return replace(given, profiles=earlier, scores=scores.scores(log, contract.dataset))


def _show(session: Session, evaluated: Evaluated, passed: Passed | None = None) -> None:
    name, measurement, verdict = evaluated.document.contract.name, evaluated.measurement, evaluated.verdict
    seq, moved = (passed.outcome.decided.seq, passed.moved) if passed else (None, None)
    broken = [metric for metric in measurement.metrics if not metric.passed]
    rows: list[dict[str, object]] = [
        {
            "rule": metric.rule.id,
            "severity": metric.rule.severity.value,
            "found": metric.found.value,
            "failed": metric.failed,
            "of": metric.total,
            "hint": measurement.why_unmeasured(metric)
            or metric.hint
            or (f"value {metric.value}" if metric.value else ""),
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
                "action": passed.outcome.action if passed else None,
            }
        )
        return
    entry = "" if seq is None else f" (entry {seq})"
    over = "1 row" if measurement.rows == 1 else f"{measurement.rows:,} rows"
    over = f" over {over}" if measurement.rows or measurement.kind != "external" else ""
    over += f", by {measurement.engine}" if measurement.told else ""
    held, rules = len(measurement.metrics) - len(broken), len(measurement.metrics)
    found = f"risk {verdict.risk.points} of 100, {held} of {rules} rules hold{over}"
    if any(reason.cause is Cause.DISABLED for reason in verdict.reasons):
        found = "the contract's enforcement is disabled: nothing was measured"
    say(f"{_MARK[verdict.decision.value]} {name}: {verdict.decision.value}, {found}{entry}")
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
