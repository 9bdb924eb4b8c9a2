"""Two at once: whoever comes second takes the first one's word, and goes on from there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import pytest

from ledger.append import Receipt
from ledger.event import Event
from ledger.log import Ledger
from ledger.record import Record
from lineage.deletion import certificate, run
from lineage.deletion.facts import Place, Planned
from lineage.deletion.history import read_history
from lineage.deletion.plan import Delete, Lineage, make_plan
from lineage.deletion.request import new_request
from proofs.statement import Node

if TYPE_CHECKING:
    from tests.conftest import Ledgers

T = TypeVar("T")
REQUEST = "0b6f7a0e-7f3c-4c58-9d3e-1f2a3b4c5d6e"
AT = "2026-11-20T09:15:00.000000Z"
ORDERS = Node("dataset", "shop", "orders")


def clock() -> datetime:
    return datetime(2026, 11, 20, 12, tzinfo=UTC)


def draft(table: str = "orders") -> Planned:
    place = Place(store="shop", table=(table,), column="id", identity="household")
    lineage = Lineage(size=2, root="0" * 64, closure={ORDERS: 0}, findings={})
    return make_plan(REQUEST, lineage, seeds=[ORDERS], declared=[], dispositions={ORDERS: Delete(place)}, at=AT)


class Meeting:
    """A ledger whose first append waits until somebody else is about to append as well."""

    def __init__(self, log: Ledger, both: threading.Barrier) -> None:
        self.origin = log.origin
        self._log = log
        self._both: threading.Barrier | None = both

    def append(self, event: Event, /) -> Receipt:
        if self._both is not None:
            both, self._both = self._both, None
            both.wait(20)
        return self._log.append(event)

    def stream(self, name: str, /) -> Iterator[Record]:
        return self._log.stream(name)


@pytest.fixture
def asked(ledgers: Ledgers) -> Ledger:
    log = ledgers.create()
    made = new_request([("household", "7700123")], regulation="gdpr", received=AT, request=REQUEST)
    log.append(made.event(person="person:00", source="urn:desk"))
    return log


def at_once(ledgers: Ledgers, *works: Callable[[Meeting], T]) -> list[T]:
    both = threading.Barrier(len(works))
    with ThreadPoolExecutor(len(works)) as threads:
        begun = [threads.submit(work, Meeting(ledgers.open(), both)) for work in works]
        return [each.result(20) for each in begun]


def test_of_two_certificates_at_once_one_is_issued_and_both_are_told_of_it(ledgers: Ledgers, asked: Ledger) -> None:
    run.record_plan(asked, draft())

    first, second = at_once(ledgers, *[lambda log: certificate.issue(log, REQUEST, clock=clock)] * 2)

    assert first == second
    assert [known for _, known in certificate.read_certificates(read_history(asked, REQUEST))] == [first]


def test_a_refusal_and_a_certificate_at_once_are_both_issued_one_behind_the_other(
    ledgers: Ledgers, asked: Ledger
) -> None:
    run.record_plan(asked, draft())

    issued = at_once(
        ledgers,
        lambda log: certificate.issue(log, REQUEST, clock=clock),
        lambda log: certificate.issue_refusal(log, REQUEST, "art17.3.e", clock=clock),
    )

    known = [each for _, each in certificate.read_certificates(read_history(asked, REQUEST))]
    assert sorted(each.certificate for each in known) == sorted(each.certificate for each in issued)
    assert [each.supersedes for each in known] == [None, known[0].certificate]


def test_of_two_equal_plans_at_once_one_is_recorded_and_both_go_on_with_it(ledgers: Ledgers, asked: Ledger) -> None:
    first, second = at_once(ledgers, *[lambda log: run.record_plan(log, draft())] * 2)

    assert first.seq == second.seq
    assert len(read_history(asked, REQUEST).plans) == 1


def test_of_two_plans_that_differ_at_once_both_are_recorded(ledgers: Ledgers, asked: Ledger) -> None:
    steps = at_once(ledgers, lambda log: run.record_plan(log, draft("a")), lambda log: run.record_plan(log, draft("b")))

    assert sorted(step.seq for step in steps) == [step.seq for step in read_history(asked, REQUEST).plans]
