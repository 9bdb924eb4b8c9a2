"""check: hold data to a contract, and record what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click

from cli.commands.contracts import read_contract
from cli.output import say
from cli.session import Session, named, named_file, pass_session, read_input, with_json
from contracts import enforce, profiles, publish
from contracts.actions import MoveAside
from contracts.decision import Cause, Decision, Verdict
from contracts.document import Document
from contracts.engines.measured import Taken, take
from contracts.lifecycle import check_usable
from contracts.metric import Found, Measurement
from contracts.model import Contract
from contracts.policies import check_rules, evaluate_for, publish_policy
from contracts.policyfile import PolicyDocument, parse_policy
from contracts.profile import Profile
from contracts.quarantine.keeping import KeepApart
from contracts.quarantine.store import record_opened
from contracts.record import Context, Evaluated
from contracts.ruling import Ruling
from contracts.scan.beside import Given
from contracts.source import CsvFile, ParquetFile, Source
from contracts.sources.jsonlines import JsonLines
from contracts.sources.named import found
from contracts.sources.objects import is_stored
from proofs.errors import BlockedError, MissingError, RefusedError

_MARK = {"ALLOW": "✓", "ALLOW_WITH_ALERT": "!", "QUARANTINE": "!", "BLOCK_AND_ROLLBACK": "✗"}


@click.command()
@click.argument("contract", type=click.Path(path_type=Path))
@click.argument("data", required=False)
@click.option("--object", "object_name", metavar="NAME", help="Which object of an ODCS contract.")
@click.option("--namespace", metavar="NAME", help="The dataset's, where the contract names none.")
@click.option("--hive", is_flag=True, help="Take key=value folders for columns.")
@click.option("--reference", "others", multiple=True, metavar="NAME=DATA", help="A dataset that is referred to.")
@click.option("--allow", "allowed", multiple=True, metavar="MODULE:FUNCTION", help="A custom check that may run.")
@click.option("--results", multiple=True, metavar="ENGINE=FILE", help="Decide by what this engine found, too.")
@click.option("--run", metavar="UUID", help="The run that made the data.")
@click.option(
    "--move-blocked", type=click.Path(path_type=Path), metavar="DIR", help="Where a blocked file is moved to."
)
@click.option(
    "--quarantine", type=click.Path(path_type=Path), metavar="DIR", help="Where bad rows are kept when that is decided."
)
@click.option("--policy", metavar="FILE", help="Decide by this policy, and put it in force.")
@click.option("--dry-run", is_flag=True, help="Measure and decide, and record nothing.")
@with_json
@pass_session
def check(
    session: Session,
    contract: Path,
    data: str | None,
    *,
    object_name: str | None,
    namespace: str | None,
    hive: bool,
    others: tuple[str, ...],
    allowed: tuple[str, ...],
    results: tuple[str, ...],
    run: str | None,
    move_blocked: Path | None,
    quarantine: Path | None,
    policy: str | None,
    dry_run: bool,
) -> None:
    """Hold DATA to CONTRACT (YAML).

    DATA is a file (Parquet, CSV, JSON lines), a folder or quoted pattern of such files, s3://bucket/key (or a prefix or
    pattern), sqlite:///file.db#table or postgresql://…#schema.table.

    Exit status 10 when the contract blocks it; when it quarantines rows, too, unless --quarantine keeps them apart. Without
    DATA the results of other engines decide alone.

    Example: tally check orders.yaml orders.parquet
    """
    document = read_contract(str(contract), object_name, namespace)
    ruled = None if policy is None else parse_policy(read_input(policy, "policy"), name=policy)
    taken = [_taken(each) for each in results]
    with ExitStack() as opened:  # what is copied from a store is there as long as it is needed
        source = _opened(data, opened, move_blocked, hive=hive)
        given = _given(session, document.contract, _others(others, opened), allowed)
        if dry_run:
            _try(session, _tried(session, document, source, given, ruled, taken))
            return
        with session.open() as log:
            if (remark := check_usable(log, document)) is not None:
                session.output.remark([remark])
            # First of all: a file that cannot be measured leaves no contract behind that never was held to anything.
            given = replace(given, clock=log.clock)
            evaluated = evaluate_for(log, document, source, given=given, policy=ruled, results=taken)
            context = Context(source=f"{log.origin}/check", run=run)
            # What may be refused comes first, and what rules others last.
            publish.publish(log, document, context, clock=log.clock)
            if ruled is not None:
                publish_policy(log, ruled, Context(source=f"{log.origin}/policy"))
            aside = MoveAside(Path(data), move_blocked) if data and move_blocked else None
            keeper = _keeper(evaluated, source, quarantine)
            outcome = enforce.carry_out(log, evaluated, context=context, enforcement=keeper or aside)
            if keeper is not None and keeper.made is not None:
                record_opened(log, evaluated, outcome.decided, keeper.made, context)
        moved = aside.aside if aside else None
        _show(session, document.contract.name, outcome.measurement, outcome.verdict, outcome.decided.seq, moved)
        if keeper is not None and keeper.made is not None:
            id, parted = keeper.made
            say(f"{parted.bad_rows:,} rows kept apart, {parted.good_rows:,} are good: {keeper.folder / id}", err=True)
        elif refusal := outcome.error():
            raise refusal


def _keeper(evaluated: Evaluated, source: Source | None, folder: Path | None) -> KeepApart | None:
    """What keeps bad rows apart, where that is decided and there are rows."""
    if folder is None or source is None or evaluated.verdict.decision is not Decision.QUARANTINE:
        return None
    return KeepApart(evaluated, source, folder)


def _opened(data: str | None, opened: ExitStack, move_blocked: Path | None, *, hive: bool) -> Source | None:
    if data is not None:
        return _source(opened.enter_context(found(data, hive=hive)), data, move_blocked)
    if move_blocked is not None:
        raise click.UsageError("--move-blocked moves DATA, and there is none.")
    return None


def _try(session: Session, evaluated: Evaluated) -> None:
    name = evaluated.document.contract.name
    _show(session, name, evaluated.measurement, evaluated.verdict)
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


def _source(source: Source, data: str, move_blocked: Path | None) -> Source:
    is_file = isinstance(source, ParquetFile | CsvFile | JsonLines) and not is_stored(data)
    if is_file:
        named_file(Path(data), "data file")
    elif move_blocked is not None:
        raise RefusedError("only a single file can be moved where it is blocked")
    return source


def _others(others: tuple[str, ...], opened: ExitStack) -> dict[str, Source]:
    sources: dict[str, Source] = {}
    for other in others:
        name, equals, data = other.partition("=")
        if not equals:
            raise RefusedError("a dataset that is referred to is written NAME=DATA")
        sources[name] = opened.enter_context(found(data))
    return sources


def _given(session: Session, contract: Contract, others: dict[str, Source], allowed: tuple[str, ...]) -> Given:
    """What the contract is measured against beside the data; of earlier batches, what the ledger has of them."""
    earlier: Mapping[tuple[str, str], Profile] = {}
    if profiles.is_wanted(contract) and session.url is not None:
        with session.open(read_only=True) as log:
            earlier = profiles.references(log, contract.dataset)
    return Given(others=others, allowed=frozenset(allowed), profiles=earlier)


def _taken(pair: str) -> Taken:
    engine, is_pair, file = pair.partition("=")
    if not is_pair:
        raise click.UsageError("--results is written ENGINE=FILE.")
    data = read_input(file, f"result of {engine}")
    with named(file):
        return take(engine, data)


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
