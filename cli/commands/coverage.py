"""lineage coverage: which datasets have no contract, no owner, or nobody on call."""

from __future__ import annotations

import click

from cli.cut import AS_OF, KNOWN_AT
from cli.output import say
from cli.session import Session, pass_session, with_json
from evidence.coverage import MOST_NAMED, Count, LineageCoverage, coverage_json
from evidence.coverage import coverage as coverage_of
from ledger.finding import Finding
from lineage.chronicle.answer import text_of
from lineage.chronicle.asked import asked


@click.command()
@click.option("--namespace", metavar="NAME", help="Only its datasets.")
@click.option(
    "--most",
    type=click.IntRange(1),
    default=MOST_NAMED,
    show_default=True,
    metavar="N",
    help="Datasets listed, at most.",
)
@AS_OF
@KNOWN_AT
@with_json
@pass_session
def coverage(session: Session, namespace: str | None, most: int, as_of: str | None, known_at: int | None) -> None:
    """Which datasets have no contract, no owner or nobody on call.

    Example: tally lineage coverage --namespace warehouse
    """
    with session.open(read_only=True) as log:
        found = coverage_of(log, asked(as_of, known_at), namespace=namespace, limit=most)
    if found.truncated:
        session.output.warn([Finding("truncated", "", "there is more: the list was cut at its limit")])
    if session.output.as_json:
        session.output.document(coverage_json(found))
        return
    rows = [_counted(name, count) for name, count in found.namespaces.items()]
    rows += [_counted("all", found.total)] if len(rows) > 1 else []
    session.output.rows(rows, tuple(rows[0]) if rows else (), empty="no dataset is in the lineage")
    _list(session, found)


def _counted(name: str, count: Count) -> dict[str, object]:
    return {
        "namespace": name,
        "datasets": count.datasets,
        "contract": count.with_contract,
        "owner": count.with_owner,
        "on call": count.with_on_call,
    }


def _list(session: Session, found: LineageCoverage) -> None:
    rows = [
        {
            "dataset": text_of(each.dataset),
            "lacks": ", ".join(each.lacks),
            "contract": ", ".join(f"{one.name} {one.version}" for one in each.contracts),
        }
        for each in found.lacking
    ]
    if rows:
        say("")
        session.output.rows(rows, ("dataset", "lacks", "contract"), empty="")
