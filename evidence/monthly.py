"""How a month was: what was decided, what broke most, what is covered, what was wrongly stopped, how soon it was known.

Every number is an integer and comes from the entries of the month, and from what followed on them, as this log has them: the
same log and month give the same numbers. Contracts, coverage and what is open are as the log ends.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from contracts.consumers.facts import CONSUMER_TOLD
from contracts.decision import Decision
from contracts.document import parse
from contracts.facts import VALIDATION_DECIDED, ValidationDecided
from contracts.history import ContractHistory, ReadableLog, all_versions
from contracts.metric import Found
from contracts.quarantine.facts import DELETED, EXPIRED, OPENED, Opened
from contracts.quarantine.store import quarantines
from contracts.record import TOOK
from contracts.terms import Kind
from evidence.numbers import (
    Coverage,
    DatasetCounts,
    DayCounts,
    Deletions,
    Failing,
    Month,
    Monthly,
    Quarantines,
    Share,
    Spread,
)
from evidence.runtime import Runs
from ledger.clock import parse_at, print_at
from ledger.record import Record
from lineage.deletion.state import DeletionProjection, standings
from lineage.graph import LineageProjection
from lineage.query import datasets
from proofs.errors import MalformedError

_OFTEN: Final = 1_000
MOST_FAILING: Final = 20
MOST_NAMED: Final = 100
MOST_DATASETS: Final = 1_000_000
# Kinds of rule whose count is one of rows; of the others it says how far from the bound the table is.
_OF_ROWS: Final = frozenset(
    Kind(word)
    for word in (
        *("type", "required", "max_null", "unique", "range", "enum", "pattern", "length", "format"),
        *("key", "expression", "referential"),
    )
)
_STOPS: Final = frozenset((Decision.QUARANTINE, Decision.BLOCK_AND_ROLLBACK))


class ReportedLog(ReadableLog, Protocol):
    """A log whose entries are read in order, and by stream."""

    @property
    def size(self) -> int:
        """How many entries it has."""
        ...

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """Yield entries with their bodies."""
        ...

    def stream(self, name: str, /) -> Iterator[Record]:
        """Yield the entries of a stream with their bodies."""
        ...


@dataclass(slots=True)
class _Tally:
    """What is counted while the entries of the month go by."""

    seqs: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    by_dataset: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    by_day: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    broken: defaultdict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    after_run: list[int] = field(default_factory=list)
    ages: list[int] = field(default_factory=list)
    checks_ms: Counter[str] = field(default_factory=Counter)  # by run
    others: Counter[str] = field(default_factory=Counter)  # entries of other types
    quarantined_rows: int = 0
    unread: int = 0


def monthly(
    log: ReportedLog, month: Month, *, advance: Callable[[int, int], None] = lambda _done, _total: None
) -> Monthly:
    """Return how a month was.

    Args:
        advance: Is told how many of the month's entries were read, now and then.
    """
    start, stop = (_first_at(log, print_at(moment)) for moment in (month.start, month.stop))
    runs, counted = Runs(log), _Tally()
    for record in log.read(start, stop):
        if (record.seq - start) % _OFTEN == 0:
            advance(record.seq - start, stop - start)
        try:
            _count(record, runs, counted)
        except MalformedError:
            counted.unread += 1
    return Monthly(
        month=month.name,
        origin=log.origin,
        size=log.size,
        entries=stop - start,
        unread=counted.unread,
        decisions=len(counted.seqs),
        by_dataset=tuple(DatasetCounts(name, dict(counted.by_dataset[name])) for name in sorted(counted.by_dataset)),
        by_day=tuple(DayCounts(day, dict(counted.by_day[day])) for day in sorted(counted.by_day)),
        failing=_failing(counted),
        failing_in_all=len(counted.broken),
        stopped=len(counted.stopped),
        overruled=_overruled(log, counted.stopped),
        after_run=_spread(counted.after_run),
        age=_spread(counted.ages),
        share=_share(counted, runs),
        quarantines=Quarantines(
            opened=counted.others[OPENED],
            rows=counted.quarantined_rows,
            deleted=counted.others[DELETED],
            expired=counted.others[EXPIRED],
            open=sum(not kept.is_gone for kept in quarantines(log)),
        ),
        deletions=_deletions(log, month),
        coverage=_coverage(log),
        told=counted.others[CONSUMER_TOLD],
    )


def _first_at(log: ReportedLog, at: str) -> int:
    """The first entry that is not before a moment: times of the ledger never go back."""
    low, high = 0, log.size
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if log.entry(middle).at < at else (low, middle)
    return low


def _count(record: Record, runs: Runs, counted: _Tally) -> None:
    if record.type == VALIDATION_DECIDED:
        if record.body is None:
            raise MalformedError("the decision was withheld or destroyed")
        _count_decision(record, ValidationDecided.parse(record.body), runs, counted)
        return
    if record.type == OPENED and record.body is not None:
        counted.quarantined_rows += Opened.parse(record.body).rows
    counted.others[record.type] += 1


def _count_decision(record: Record, fact: ValidationDecided, runs: Runs, counted: _Tally) -> None:
    name = f"{fact.dataset.namespace}|{fact.dataset.name}"
    counted.seqs.append(record.seq)
    counted.by_dataset[name][fact.decision.value] += 1
    counted.by_day[int(record.at[8:10])][fact.decision.value] += 1
    for metric in fact.metrics:
        if metric.found is not Found.PASSED:
            broken = counted.broken[name, metric.rule]
            broken[0] += 1
            broken[1] += metric.found is Found.UNMEASURED
            broken[2] += metric.failed if metric.kind in _OF_ROWS and not metric.structural else 0
    took = (record.entry.ext or {}).get(TOOK)
    if fact.run is not None and isinstance(took, int) and not isinstance(took, bool) and took >= 0:
        counted.checks_ms[fact.run] += took
    if fact.decision in _STOPS:
        counted.stopped.append(record.seq)
    if fact.decision is Decision.ALLOW:
        return
    ended = runs.times(fact.run).stop if fact.run is not None else None
    if ended is not None:
        # A check in the middle of a run is before its end: no time at all.
        counted.after_run.append(max(0, int((parse_at(record.at) - ended).total_seconds())))
    ages = [
        int(metric.value)
        for metric in fact.metrics
        if metric.kind is Kind.FRESHNESS and metric.value is not None and metric.value.lstrip("-").isdigit()
    ]
    if ages:
        counted.ages.append(max(0, *ages))


def _failing(counted: _Tally) -> tuple[Failing, ...]:
    found = [Failing(*key, *numbers) for key, numbers in counted.broken.items()]
    return tuple(sorted(found, key=lambda one: (-one.batches, -one.rows, one.dataset, one.rule))[:MOST_FAILING])


def _overruled(log: ReportedLog, stopped: Iterable[int]) -> int:
    with log.viewing(ContractHistory()) as db:
        known = {row[0] for row in db.execute("SELECT DISTINCT decided FROM contracts_override").fetchall()}
    return sum(seq in known for seq in stopped)


def _spread(found: list[int]) -> Spread | None:
    """The median and the ninetieth percentile are values that there are: the nearest rank, rounded up."""
    if not found:
        return None
    ranked = sorted(found)
    return Spread(len(ranked), ranked[(len(ranked) + 1) // 2 - 1], ranked[(9 * len(ranked) + 9) // 10 - 1], ranked[-1])


def _share(counted: _Tally, runs: Runs) -> Share:
    timed = {run: length for run in counted.checks_ms if (length := runs.times(run).milliseconds) is not None}
    return Share(len(timed), sum(counted.checks_ms[run] for run in timed), sum(timed.values()))


def _deletions(log: ReportedLog, month: Month) -> Deletions:
    start, stop = print_at(month.start), print_at(month.stop)
    end = log.entry(log.size - 1).at if log.size else start
    with log.viewing(DeletionProjection()) as db:
        due = [each for each in standings(db) if start <= each.due < stop]
    on_time = sum(each.issued is not None and each.issued <= each.due for each in due)
    is_open = sum(each.issued is None and each.due >= end for each in due)
    return Deletions(on_time, len(due) - on_time - is_open, is_open)


def _coverage(log: ReportedLog) -> Coverage:
    with log.viewing(LineageProjection()) as db:
        known = [f"{node.namespace}|{node.name}" for node in datasets(db, limit=MOST_DATASETS)]
    contracts = {}
    for version in all_versions(log):
        if version.state != "retired":  # in the order of versions: the last one counts
            contract = parse(version.definition.encode(), name=f"entry {version.seq}").contract
            contracts[f"{contract.dataset.namespace}|{contract.dataset.name}"] = contract
    covered = [contracts[name] for name in known if name in contracts]
    return Coverage(
        datasets=len(known),
        with_contract=len(covered),
        with_owner=sum(contract.owner is not None for contract in covered),
        with_on_call=sum(
            contract.responsible is not None and contract.responsible.on_call is not None for contract in covered
        ),
        bare=tuple(name for name in known if name not in contracts)[:MOST_NAMED],
    )
