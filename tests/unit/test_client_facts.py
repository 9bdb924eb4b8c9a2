"""What a producer states with the client's helpers is what contracts, registry and deletion read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts import facts as contract_facts
from contracts.registry.store import versions
from ledger.client import Client
from ledger.client.backlog import Backlog
from ledger.client.facts import Decided, DeletionRequested, Rule, SchemaPublished
from ledger.clock import Clock
from ledger.event import Event
from ledger.run import Run
from lineage.deletion.request import read_request, read_subject
from proofs.errors import BusyError, RefusedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

DECIDED = Decided(
    contract=("orders", "1.0.0"),
    definition=b"contract: orders",
    dataset="warehouse|orders",
    decision="BLOCK_AND_ROLLBACK",
    rows=200,
    rules=(Rule("not_null:id", "required", failed=1, total=200, columns=("id",)), Rule("rows", "row_count", 0, 1)),
    risk=10_000,
    job="airflow|load",
    run="01936d6e-0000-7000-8000-000000000001",
)
REQUESTED = DeletionRequested(
    {"email": "ada@example.com"}, "gdpr", ("warehouse|orders",), received=datetime(2026, 11, 20, 9, tzinfo=UTC)
)


def test_a_decision_is_one_that_contracts_read_and_streams_file(ledgers: Ledgers) -> None:
    log = ledgers.create()

    record = log.entry(log.append(DECIDED.event("urn:dq")).seq)

    fact = contract_facts.ValidationDecided.parse(record.body or b"")
    assert (fact.decision, fact.risk, fact.batch.rows) == ("BLOCK_AND_ROLLBACK", 10_000, 200)
    assert [(rule.rule, rule.found, rule.failed, rule.share) for rule in fact.metrics] == [
        ("not_null:id", "failed", 1, 50),
        ("rows", "passed", 0, 0),
    ]
    assert {
        "contract:orders",
        "dataset:warehouse|orders",
        "job:airflow|load",
        "run:01936d6e-0000-7000-8000-000000000001",
    } <= set(record.streams)


def test_a_published_schema_is_in_the_registry(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(SchemaPublished("orders", "1.0.0", b'{"type":"object"}').event("urn:registry"))
    log.append(SchemaPublished("orders", "1.1.0", b'{"type": "object"}', "1.0.0", "minor").event("urn:registry"))

    assert [(each.version, each.definition) for each in versions(log, "orders")] == [
        ("1.0.0", '{"type":"object"}'),
        ("1.1.0", '{"type": "object"}'),
    ]


def test_I6_a_request_to_delete_seals_the_person_and_opens_its_stream(ledgers: Ledgers) -> None:
    log = ledgers.create()
    event = REQUESTED.event("urn:desk")

    record = log.entry(log.append(event).seq)

    assert b"ada@example.com" not in (record.body or b"")
    request = read_request(record.body or b"")
    assert (request.request, request.regulation, request.received) == (
        REQUESTED.request,
        "gdpr",
        "2026-11-20T09:00:00.000000Z",
    )
    assert f"request:{REQUESTED.request}" in record.streams
    subject = read_subject(b'{"identities":[{"type":"email","value":"ada@example.com"}]}')
    assert subject.values("email") == ("ada@example.com",)
    assert b'"subject":{"identities":[{"type":"email","value":"ada@example.com"}]}' in event.data
    assert "ada@example.com" not in repr(REQUESTED) + repr(event)


class Unwilling:
    """A log that takes the start of a run and not its end."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.clock: Clock = lambda: datetime(2026, 11, 20, 9, tzinfo=UTC)

    def append(self, event: Event, /) -> int:
        if self.events:
            raise BusyError("somebody else is writing")
        self.events.append(event)
        return 1


def test_what_ended_a_run_is_told_although_its_end_is_not_recorded() -> None:
    with pytest.raises(ZeroDivisionError) as told, Run(Unwilling(), "score", inputs=(), outputs=(), namespace="n"):
        raise ZeroDivisionError

    assert told.value.__notes__ == ["and the run's FAIL was not recorded: somebody else is writing"]


def test_a_run_that_ended_well_and_is_not_recorded_so_says_so() -> None:
    with pytest.raises(BusyError), Run(Unwilling(), "score", inputs=(), outputs=(), namespace="n"):
        pass


def test_a_client_records_facts_and_runs_under_its_own_source(tmp_path: Path) -> None:
    client = Client(outbox=tmp_path / "outbox.db", source="urn:acme:dq")
    client.record(DECIDED)
    client.record(REQUESTED)
    with client.run("churn.features", inputs=["crm|households"], outputs=["features"]) as run:
        pass
    with pytest.raises(ZeroDivisionError), client.run("churn.score"):
        raise ZeroDivisionError

    found = [each.event for each in Backlog(client.outbox).batch() if each.event is not None]
    client.close()

    assert {each.source for each in found} == {"urn:acme:dq"}
    assert [(each.type.split(".", 1)[1], each.sequence) for each in found] == [
        ("producer.restarted.v1", "0"),
        ("validation.decided.v1", "1"),
        ("deletion.requested.v1", "2"),
        ("lineage.run-observed.v1", "3"),
        ("lineage.run-observed.v1", "4"),
        ("lineage.run-observed.v1", "5"),
        ("lineage.run-observed.v1", "6"),
    ]
    assert [emission.sequence for emission in run.receipts] == [3, 4]
    assert b'"eventType":"FAIL"' in found[-1].data
    assert (found[2].parts, found[2].person) == (("/subject",), REQUESTED.person)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Decided(("c", "1"), b"", "orders", "ALLOW", 1), "'orders' does not name a namespace and a name"),
        (lambda: DeletionRequested({}, "gdpr", request="r"), "request r names nobody"),
        (lambda: SchemaPublished("s", "1.0.0", b"\xff"), "the schema of 's' is not UTF-8"),
    ],
)
def test_a_fact_that_cannot_be_stated_is_refused(make: type, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        make().event("urn:s")


def test_an_unacceptable_fact_is_refused_without_quoting_it() -> None:
    with pytest.raises(RefusedError) as raised:
        DeletionRequested({"email": "ada\ud800@example.com"}, "gdpr").event("urn:s")

    chained = (raised.value.__cause__, raised.value.__context__)
    assert chained == (None, None)
    assert "ada" not in str(raised.value)
    assert isinstance(REQUESTED.event("urn:s"), Event)
