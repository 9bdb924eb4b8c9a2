"""decision list, why, replay, override: what was decided, from what, and by whom it was overruled."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from cli.commands.beside import engines_of, others_of, taken_of, with_beside
from cli.commands.contracts import read_contract
from cli.output import tell
from cli.session import Session, pass_session, with_json
from contracts.decision import Decision
from contracts.document import Document
from contracts.explain import Explained, explain
from contracts.history import decisions
from contracts.overrides import Word
from contracts.overrides import override as overrule
from contracts.policyfile import DECISIONS
from contracts.replay import Known, contract_of, read_decision
from contracts.replay import replay as decide_again
from contracts.scan.beside import Given
from contracts.source import Source
from contracts.sources.named import found, table_place
from ledger.clock import print_at
from proofs.errors import MissingError, RefusedError, TamperedError

_CONTRACT = click.option(
    "--contract", type=click.Path(path_type=Path), metavar="FILE", help="The contract, where the log does not have it."
)
_WORDS = {"allow": Decision.ALLOW, **DECISIONS}


@click.group()
def decision() -> None:
    """Decisions: what each batch was worth, and why."""


@decision.command("list")
@click.argument("contract", required=False)
@click.option(
    "--last", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, the newest first."
)
@with_json
@pass_session
def list_(session: Session, contract: str | None, last: int) -> None:
    """List the last decisions, of one contract or of all.

    Example: tally decision list orders --last 5
    """
    with session.open(read_only=True) as log:
        rows = decisions(log, contract, last)
    columns = ("seq", "at", "contract", "version", "decision", "risk_basis_points", "action", "overridden_by")
    session.output.rows(rows, columns, empty="no decisions")


@decision.command()
@click.argument("seq", type=click.IntRange(0))
@_CONTRACT
@with_json
@pass_session
def why(session: Session, seq: int, contract: Path | None) -> None:
    """Explain the decision of entry SEQ, term by term.

    Example: tally decision why 41
    """
    with session.open(read_only=True) as log:
        known = read_decision(log, seq)
        try:
            document = _given(contract) or contract_of(log, known.fact)
        except MissingError:
            document = None  # the counts explain it without the lines of the file
    told = explain(known, document)
    if session.output.as_json:
        session.output.document(told.as_json())
        return
    _tell(session, told)


def _tell(session: Session, told: Explained) -> None:
    fact = told.known.fact
    dataset, contract = fact.dataset, fact.contract
    tell(f"{fact.decision.value}: {dataset.namespace}|{dataset.name} by contract {contract.name} {contract.version}")
    ruled = f"policy {fact.ruled_by.name} {fact.ruled_by.version}" if fact.ruled_by else "the contract's own policy"
    tell(f"{fact.batch.rows:,} rows, clock {fact.clock}, {ruled}")
    session.output.rows(
        told.terms, ("rule", "line", "severity", "failed", "of", "weight", "share"), empty="every rule holds"
    )
    tell(told.equation)
    for reason in told.reasons:
        tell(f"• {reason}")


@decision.command()
@click.argument("seq", type=click.IntRange(0))
@click.option("--data", metavar="DATA", help="Measure this again, too; a table at the version that was measured.")
@click.option("--hive", is_flag=True, help="Take key=value folders for columns.")
@with_beside
@_CONTRACT
@with_json
@pass_session
def replay(
    session: Session,
    seq: int,
    *,
    data: str | None,
    hive: bool,
    others: tuple[str, ...],
    allowed: tuple[str, ...],
    results: tuple[str, ...],
    asked: tuple[str, ...],
    contract: Path | None,
) -> None:
    """Decide again what entry SEQ decided, and compare the bytes.

    With --data every rule is measured again, against what the same options name as when it was checked: a drift against the
    batches that the log had before the decision. What is found otherwise is shown rule by rule. Exit status 3 where they differ.

    Example: tally decision replay 41
    """
    if data is None and (others or allowed or results or asked):
        raise click.UsageError("--reference, --allow, --results and --engine go with --data.")
    taken, engines = taken_of(results), engines_of(asked)
    with ExitStack() as opened, session.open(read_only=True) as log:
        known = read_decision(log, seq)
        source = None if data is None else opened.enter_context(_measured(data, known, hive=hive))
        given = Given(others=others_of(others, opened), allowed=frozenset(allowed), engines=engines)
        made = decide_again(log, known, document=_given(contract), source=source, given=given, results=taken)
    facts = {
        "seq": seq,
        "decision": made.again.decision.value,
        "risk_basis_points": made.again.risk,
        "measured_again": made.measured,
        "same_bytes": not made.differs,
        "differs": list(made.differs),
    }
    if session.output.as_json:
        session.output.document({**facts, "measurements": list(made.measurements)})
    else:
        session.output.facts(facts, "✓ The same bytes." if not made.differs else "✗ Another decision.")
        if made.measurements:
            session.output.rows(list(made.measurements), ("rule", "then", "now"), empty="")
    if made.differs:
        raise TamperedError(f"entry {seq} decided otherwise in {', '.join(made.differs)[:300]}")


@decision.command()
@click.argument("seq", type=click.IntRange(0))
@click.option("--to", type=click.Choice(list(_WORDS)), default="allow", show_default=True, help="What holds instead.")
@click.option("--by", required=True, metavar="PSEUDONYM", help="Who answers for it.")
@click.option("--approved-by", metavar="PSEUDONYM", help="Who else does, where the policy wants four eyes.")
@click.option("--reason", required=True, metavar="TEXT", help="Why. It stands for ever: name no person.")
@click.option("--until", metavar="TIME", help="When it ends: YYYY-MM-DD[Thh:mm:ssZ]; in 24 hours unless stated.")
@with_json
@pass_session
def override(
    session: Session, seq: int, *, to: str, by: str, approved_by: str | None, reason: str, until: str | None
) -> None:
    """Overrule the decision of entry SEQ.

    When `tally check` meets the same data and contract again, it decides so.
    Exit status 9 where the policy wants another pair of eyes.

    Example: tally decision override 41 --by ops:7 --reason known-late-feed
    """
    with session.open() as log:
        ends = log.clock() + timedelta(days=1) if until is None else _moment(until)
        if ends <= log.clock():
            raise RefusedError(f"the override would have ended at {print_at(ends)}")
        receipt = overrule(log, seq, Word(_WORDS[to], by, reason, ends, approved_by))
    session.output.facts(
        {"seq": receipt.seq, "decision_of": seq, "to": _WORDS[to].value, "until": print_at(ends)}, "Overruled."
    )


def _measured(data: str, known: Known, *, hive: bool) -> AbstractContextManager[Source]:
    """The data of a decision: a table at the version that was measured, or whatever is written so."""
    table = known.fact.batch.table
    return found(data, hive=hive, as_of=table.version if table and table_place(data) is not None else None)


def _given(path: Path | None) -> Document | None:
    return None if path is None else read_contract(str(path))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RefusedError(f"{text[:40]!r} is no time written YYYY-MM-DD[Thh:mm:ssZ]") from error
