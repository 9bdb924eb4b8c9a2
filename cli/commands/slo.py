"""slo list, status, report, measure, probe, rules: what contracts promise of the service, and what is left of the budget."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from cli.output import say
from cli.session import Session, pass_session, with_json
from contracts.slo import probe as probing
from contracts.slo.account import account, row
from contracts.slo.alerting import rules as rules_of
from contracts.slo.burn import decimal
from contracts.slo.catalogue import Level, catalogue, find
from contracts.slo.exposition import exposition
from contracts.slo.facts import Probed
from contracts.slo.measure import measure as measure_levels
from contracts.slo.standing import Standing, standings
from contracts.slo.stretches import printed, seconds_of
from contracts.terms import MILLION
from ledger import durable
from ledger.clock import print_at
from ledger.log import Ledger
from proofs.errors import BlockedError, BusyError, MissingError, RefusedError
from proofs.moment import as_at

_COLUMNS = ("level", "objective", "days", "good", "total", "budget_left", "burn", "state", "alerts", "on_call")


@click.group()
def slo() -> None:
    """Service levels that contracts promise, and their budgets."""


@slo.command("list")
@with_json
@pass_session
def list_(session: Session) -> None:
    """List every service level, and who answers for it.

    Example: tally slo list
    """
    with session.open(read_only=True) as log:
        levels = catalogue(log)
    columns = ("level", "version", "indicator", "target", "objective", "days", "owner", "on_call", "runbook")
    session.output.rows([_listed(level) for level in levels], columns, empty="no contract promises a service level")


@slo.command()
@click.argument("name", required=False)
@with_json
@pass_session
def status(session: Session, name: str | None) -> None:
    """Say how service levels stand now, all or that of NAME.

    As measured: it records nothing. Exit status 10 when a budget is spent.

    Example: tally slo status
    """
    with session.open(read_only=True) as log:
        found = _standings(log, name)
    _tell(session, found)
    _check(found)


@slo.command()
@click.argument("name", required=False)
@click.option("--prometheus", is_flag=True, help="Print metrics in Prometheus' text format.")
@click.option(
    "--textfile", type=click.Path(path_type=Path), metavar="FILE", help="Write those for Prometheus' node exporter."
)
@with_json
@pass_session
def report(session: Session, name: str | None, textfile: Path | None, *, prometheus: bool) -> None:
    """Report each level's budget, burn rates and breaches.

    Example: tally slo report --textfile /var/lib/node-exporter/slo.prom
    """
    with session.open(read_only=True) as log:
        found = _standings(log, name)
    if textfile is not None:
        # Whole, for the exporter may read it at any moment.
        durable.replace(textfile, exposition(found).encode(), mode=0o644)
    if prometheus:
        say(exposition(found).rstrip("\n"))
        return
    if session.output.as_json:
        session.output.document([account(standing) for standing in found])
        return
    for standing in found:
        facts = account(standing)
        breaches, burns = facts.pop("breaches"), facts.pop("burns")
        facts["burns"] = [f"{alert} {long} and {short}" for alert, (long, short) in burns.items()]
        session.output.facts(facts, standing.level.name)
        for each in breaches:
            until = f"until {each['until']}" if each["until"] else "and lasts"
            say(f"  {each['alert']} since {each['since']} {until} (entry {each['seq']})")
    if not found:
        say("no contract promises a service level")


@slo.command()
@click.option("--clock", metavar="TIME", help="Measure up to then: YYYY-MM-DD[Thh:mm:ssZ]; not stated: now.")
@with_json
@pass_session
def measure(session: Session, clock: str | None) -> None:
    """Record what there is to measure, and what it breaches or mends.

    For a cron job. Exit status 10 when a budget is spent.

    Example: tally slo measure
    """
    with session.open() as log:
        done = measure_levels(log, _second(log, clock))
    if session.output.as_json:
        session.output.document(
            {
                "measured": done.measured,
                "breached": [f"{name} {alert}" for name, alert in done.breached],
                "recovered": [f"{name} {alert}" for name, alert in done.recovered],
                "levels": [row(standing) for standing in done.standings],
            }
        )
    else:
        say(f"{done.measured} measured")
        for name, alert in done.breached:
            say(f"✗ {name}: {alert}")
        for name, alert in done.recovered:
            say(f"✓ {name}: {alert} no more")
    _check(done.standings)


@slo.command()
@click.argument("name")
@click.argument("endpoint", required=False)
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Of HTTP; a secret is ${VARIABLE}.")
@click.option("--max-age", type=click.IntRange(0), metavar="SECONDS", help="Of a file, since it was changed.")
@click.option("--timeout", default=10.0, show_default=True, type=click.FloatRange(min=0.1, max=300), help="In seconds.")
@click.option("--good", type=click.IntRange(0), help="Ask nothing: so many probes of another tool were good …")
@click.option("--total", type=click.IntRange(1), help="… of so many.")
@click.option("--by", metavar="TOOL", help="That tool.")
@click.option("--id", metavar="ID", help="The same for a result that is told again.")
@with_json
@pass_session
def probe(session: Session, /, name: str, endpoint: str | None, id: str | None, **options: Any) -> None:
    """Ask ENDPOINT whether it is there, and record that for level NAME.

    ENDPOINT is http(s)://…, postgresql://… or a file; a password in it is ${VARIABLE}, which the environment has.
    Exit status 13 when it did not answer as it should; that is recorded all the same.

    Example: tally slo probe orders/available https://orders.example.org/health
    """
    told = (options["good"], options["total"], options["by"])
    if (endpoint is None) is (None in told) or (endpoint is not None and told != (None, None, None)):
        raise RefusedError("give an endpoint, or --good, --total and --by of another tool")
    with session.open() as log:
        level = find(catalogue(log), name)
        if endpoint is None:
            probed, counts = probing.told(options["by"]), (options["good"], options["total"])
        else:
            probed = probing.ask(_endpoint(endpoint, options), log.clock())
            counts = (int(probed.error is None), 1)
        receipt = probing.record(log, level, probed, counts, id=id)
        done = measure_levels(log, _second(log, None), only=frozenset((level.name,)))
    facts = {"level": level.name, "good": counts[0], "total": counts[1], "error": probed.error}
    facts |= {"latency_ms": probed.latency_ms, "seq": receipt.seq, "state": done.standings[0].state}
    session.output.facts(facts, "Recorded.")
    _check_answer(level, probed)


@slo.command()
@with_json
@pass_session
def rules(session: Session) -> None:
    """Print Prometheus alert rules for every level of the catalogue.

    Check them with `promtool check rules`.

    Example: tally slo rules
    """
    with session.open(read_only=True) as log:
        levels = catalogue(log)
    if not levels:
        raise MissingError("no contract promises a service level", hint="slos: in a contract, and publish it")
    text = rules_of(levels)
    session.output.document({"rules": text}, text.rstrip("\n"))


def _standings(log: Ledger, name: str | None) -> tuple[Standing, ...]:
    levels = catalogue(log)
    return standings(log, levels if name is None else (find(levels, name),), _second(log, None))


def _second(log: Ledger, clock: str | None) -> int:
    """The second up to which is measured: never one that is yet to come."""
    now = seconds_of(print_at(log.clock()))
    if clock is None:
        return now
    try:
        then = seconds_of(as_at(clock))
    except ValueError as error:
        raise RefusedError(str(error)) from error
    if then > now:
        raise RefusedError(f"{printed(then)} is yet to come")
    return then


def _endpoint(address: str, options: dict[str, Any]) -> probing.Endpoint:
    kind, whole = probing.kind_of(address, os.environ)
    headers = dict(probing.header(text, os.environ) for text in options["headers"])
    return probing.Endpoint(kind, whole, options["timeout"], options["max_age"], headers)


def _check_answer(level: Level, probed: Probed) -> None:
    if probed.error is not None:
        raise BusyError(f"the endpoint of {level.name} did not answer as it should: {probed.error}")


def _check(found: tuple[Standing, ...]) -> None:
    spent = [standing.level.name for standing in found if standing.state == "spent"]
    if spent:
        more = f" and {len(spent) - 1} more" if len(spent) > 1 else ""
        raise BlockedError(f"the error budget of {spent[0]}{more} is spent", hint="`tally slo report` says since when")


def _tell(session: Session, found: tuple[Standing, ...]) -> None:
    if sys.stdout.isatty() and not session.output.as_json and found:
        from rich.console import Console

        from cli.screen import levels_table

        Console().print(levels_table(found))
        return
    session.output.rows([row(each) for each in found], _COLUMNS, empty="no contract promises a service level")


def _listed(level: Level) -> dict[str, Any]:
    target = level.slo.target.model_dump(mode="json", exclude_defaults=True)
    return {
        "level": level.name,
        "version": level.contract.version,
        "indicator": level.indicator,
        "target": ", ".join(f"{name} {value}" for name, value in target.items()),
        "objective": decimal(level.objective, MILLION),
        "days": level.slo.window_days,
        "owner": level.owner,
        "on_call": level.on_call,
        "runbook": level.runbook,
    }
