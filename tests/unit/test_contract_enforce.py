"""Decide first, act second: what is in the log at each step, and what happens when a step fails."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest

import ledger
from contracts.document import Document, parse
from contracts.enforce import check, evaluate
from contracts.facts import ActionTaken, ContractPublished, ValidationDecided
from contracts.record import Action, Context, contract_published
from contracts.scan.beside import Given
from contracts.source import CsvFile, Table
from ledger.event import Event
from ledger.fact import Fact
from ledger.log import Ledger
from proofs import jsonstrict
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
RUN = "0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"

CONTRACT = b"""\
name: spend
version: 1.0.0
dataset: {namespace: demo, name: spend}
schema:
  - {name: id, type: integer, required: true}
  - {name: amount, type: number, range: {min: 0}}
privacy: {subject_key: id, deletion_propagation: [scores]}
"""


@dataclass
class ListLog:
    """A log in a list, for the flow alone."""

    events: list[Event] = field(default_factory=list)
    fails_at: int = -1

    def append(self, event: Event) -> Any:
        if len(self.events) == self.fails_at:
            raise BusyError("somebody else is writing")
        self.events.append(event)
        return Receipt(len(self.events) - 1, bytes([len(self.events)]) * 32)


@dataclass(frozen=True)
class Receipt:
    seq: int
    leaf: bytes


@dataclass
class Lever:
    """Notes what was asked of it, and how much the log held then."""

    log: ListLog
    error: Exception | None = None
    on_release: Action | None = "promoted"
    on_withhold: Action | None = "rolled-back"
    pulled: list[tuple[str, int]] = field(default_factory=list)

    def release(self) -> None:
        self._pull("release")

    def withhold(self) -> None:
        self._pull("withhold")

    def _pull(self, name: str) -> None:
        self.pulled.append((name, len(self.log.events)))
        if self.error:
            raise self.error


@pytest.fixture
def document() -> Document:
    return parse(CONTRACT)


def table(rows: str) -> Table:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE batch AS SELECT * FROM (VALUES {rows}) t(id, amount)")
    return Table(connection, "batch")


GOOD = "(1, 1.5), (2, 2.5)"
ALERTING = "(1, -1.5), (2, 2.5), (3, 3.5), (4, 4.5)"
BAD = "(NULL, 1.5), (2, 2.5)"


def bodies(log: ListLog) -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in log.events]


@pytest.mark.parametrize(
    ("rows", "decision", "pulled", "action"),
    [
        (GOOD, "ALLOW", "release", "promoted"),
        (ALERTING, "ALLOW_WITH_ALERT", "release", "promoted"),
        (BAD, "BLOCK_AND_ROLLBACK", "withhold", "rolled-back"),
    ],
)
def test_the_decision_is_in_the_log_before_anything_is_done(
    document: Document, rows: str, decision: str, pulled: str, action: str
) -> None:
    log = ListLog()
    lever = Lever(log)

    outcome = check(log, document, table(rows), enforcement=lever)

    assert lever.pulled == [(pulled, 1)]
    assert [event.type for event in log.events] == [
        "tallystick.validation.decided.v1",
        "tallystick.validation.action-taken.v1",
    ]
    assert bodies(log)[0]["decision"] == decision
    assert {**bodies(log)[1], "contract": None} == {
        "action": action,
        "contract": None,
        "dataset": {"name": "spend", "namespace": "demo"},
        "decided": {"leaf": "01" * 32, "seq": 0},
        "decision": decision,
        "result": "done",
    }
    assert (outcome.action, outcome.taken) == (action, Receipt(1, bytes([2]) * 32))


def test_without_an_enforcement_the_decision_stands_alone(document: Document) -> None:
    log = ListLog()

    outcome = check(log, document, table(BAD))

    assert (outcome.blocked, outcome.action, outcome.taken, len(log.events)) == (True, None, None, 1)


def test_where_there_is_nothing_to_do_nothing_is_recorded(document: Document) -> None:
    log = ListLog()
    lever = Lever(log, on_release=None)

    check(log, document, table(GOOD), enforcement=lever)

    assert (lever.pulled, len(log.events)) == ([], 1)


def test_where_the_log_does_not_take_the_decision_nothing_is_done(document: Document) -> None:
    log = ListLog(fails_at=0)
    lever = Lever(log)

    with pytest.raises(BusyError):
        check(log, document, table(BAD), enforcement=lever)

    assert (lever.pulled, log.events) == ([], [])


def test_where_a_batch_cannot_be_measured_nothing_is_decided(document: Document, tmp_path: Path) -> None:
    log = ListLog()
    (tmp_path / "batch.csv").write_bytes(b"id,amount\n1\n")

    with pytest.raises(MalformedError):
        check(log, document, CsvFile(tmp_path / "batch.csv"))

    assert log.events == []


@pytest.mark.parametrize(("rows", "action"), [(GOOD, "promoted"), (BAD, "rolled-back")])
def test_an_action_that_fails_is_recorded_as_failed_and_raised(document: Document, rows: str, action: str) -> None:
    log = ListLog()

    with pytest.raises(MissingError, match="gone"):
        check(log, document, table(rows), enforcement=Lever(log, MissingError("gone")))

    assert [bodies(log)[1][name] for name in ("action", "result", "error")] == [action, "failed", "missing"]


def test_where_the_log_does_not_take_the_action_the_decision_still_tells_of_it(document: Document) -> None:
    log = ListLog(fails_at=1)
    lever = Lever(log)

    with pytest.raises(BusyError):
        check(log, document, table(BAD), enforcement=lever)

    assert (lever.pulled, len(log.events)) == ([("withhold", 1)], 1)


def test_an_action_that_fails_is_raised_although_its_failure_is_not_recorded_either(document: Document) -> None:
    log = ListLog(fails_at=1)

    with pytest.raises(MissingError, match="gone") as told:
        check(log, document, table(BAD), enforcement=Lever(log, MissingError("gone")))

    assert told.value.__notes__ == ["and that it failed was not recorded: somebody else is writing"]


def test_a_blocked_outcome_is_an_error_to_raise_and_no_other_is(document: Document) -> None:
    blocked = check(ListLog(), document, table(BAD)).error()

    assert blocked is not None
    assert str(blocked) == (
        "entry 0: contract spend 1.0.0 blocks the batch: risk 50 of 100, 1 of 8 rules broken, required:id first"
    )
    assert blocked.code == "blocked"
    assert check(ListLog(), document, table(GOOD)).error() is None
    assert check(ListLog(), document, table(ALERTING)).error() is None


def test_evaluating_says_what_would_be_decided_and_tells_no_log(document: Document) -> None:
    evaluated = evaluate(document, table(BAD))

    assert (evaluated.measurement.rows, evaluated.verdict.decision.value) == (2, "BLOCK_AND_ROLLBACK")


def test_the_body_of_a_decision_has_this_shape(document: Document) -> None:
    ids = (f"id-{number}" for number in count())
    log = ListLog()
    context = Context(source="pipeline/1", run=RUN, job=("demo", "load"), new_id=lambda: next(ids))

    check(log, document, table(ALERTING), context=context, given=Given(clock=lambda: NOON))

    event = log.events[0]
    body = json.loads(event.data)
    assert (event.id, event.source, event.subject, event.time) == ("id-0", "pipeline/1", "spend", None)
    assert {name: body[name] for name in body.keys() - {"metrics"}} == {
        "batch": {"extra_columns": 0, "kind": "table", "rows": 4},
        "clock": "2026-11-28T12:00:00.000000Z",
        "contract": {"name": "spend", "sha256": document.sha256, "version": "1.0.0"},
        "dataset": {"name": "spend", "namespace": "demo"},
        "decision": "ALLOW_WITH_ALERT",
        "engine": f"duckdb {duckdb.__version__}",
        "job": {"name": "load", "namespace": "demo"},
        "policy": {
            "alert_at": 2_500,
            "alert_on": "warning",
            "block_at": 4_000,
            "block_on": "critical",
            "quarantine_on": "never",
        },
        "reasons": [{"cause": "RULE_ALERTS", "rule": "range:amount"}],
        "risk": 750,
        "run": RUN,
    }
    assert [metric for metric in body["metrics"] if metric["rule"] == "range:amount"] == [
        {
            "columns": ["amount"],
            "failed": 1,
            "found": "failed",
            "kind": "range",
            "rule": "range:amount",
            "severity": "warning",
            "share": 750,
            "structural": False,
            "tolerance": 0,
            "total": 4,
            "weight": 300_000,
        }
    ]


def test_the_body_of_a_file_names_its_content_and_not_its_path(document: Document, tmp_path: Path) -> None:
    log = ListLog()
    (tmp_path / "maria.csv").write_bytes(b"id,amount,maria@example.org\n1,-77.25,secret\n")

    check(log, document, CsvFile(tmp_path / "maria.csv"))

    assert bodies(log)[0]["batch"] == {
        "extra_columns": 1,
        "kind": "csv",
        "rows": 1,
        "sha256": "c2530e1b6542044d44497ea3928f70438a48e6dfb3638f494ceda6ef8a846e8f",
        "size_bytes": 44,
    }
    assert not re.search(rb"maria|secret|77", log.events[0].data)


def test_every_body_is_canonical_json_that_reads_back(document: Document) -> None:
    log = ListLog()
    check(log, document, table(BAD), enforcement=Lever(log))
    published = contract_published(document, Context(), previous="0.9.0")

    kinds: list[type[Fact]] = [ValidationDecided, ActionTaken, ContractPublished]
    for kind, event in zip(kinds, (*log.events, published), strict=True):
        value: Any = jsonstrict.parse_canonical(event.data, limit_bytes=len(event.data))
        assert kind.parse(event.data).print() == event.data
        with pytest.raises(MalformedError):
            kind.parse(jsonstrict.dumps({**value, "more": 1}))


def test_a_published_contract_names_its_deletion_targets_for_their_streams(document: Document) -> None:
    body = json.loads(contract_published(document, Context()).data)

    assert body == {
        "contract": {"name": "spend", "sha256": document.sha256, "version": "1.0.0"},
        "dataset": {"name": "spend", "namespace": "demo"},
        "datasets": [{"name": "scores", "namespace": "demo"}],
        "definition": CONTRACT.decode(),
        "privacy": {"deletion_propagation": [{"name": "scores", "namespace": "demo"}], "subject_key": "id"},
    }


def test_two_equal_measurements_are_two_decisions(tmp_path: Path, document: Document) -> None:
    with ledger.create("memory://", origin="test/contracts", home=tmp_path, passphrase=lambda: b"secret") as log:
        first, second = (check(log, document, table(GOOD)).decided.seq for _ in range(2))

    assert (first, second) == (2, 3)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Ledger]:
    with ledger.create("memory://", origin="test/contracts", home=tmp_path, passphrase=lambda: b"secret") as log:
        yield log


def test_a_real_log_files_a_decision_under_its_dataset_contract_job_and_run(real: Ledger, document: Document) -> None:
    check(real, document, table(BAD), context=Context(run=RUN, job=("demo", "load")))

    assert sorted(real.entry(2).streams) == [
        "contract:spend",
        "dataset:demo|spend",
        "job:demo|load",
        f"run:{RUN}",
        "source:tallystick/contracts",
        "type:tallystick.validation.decided.v1",
    ]


def test_a_context_that_no_entry_may_hold_is_refused_before_anything_is_done(document: Document) -> None:
    log = ListLog()

    with pytest.raises(RefusedError, match="has an attribute that no entry may hold"):
        check(log, document, table(GOOD), context=Context(source=""))

    assert log.events == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"run": "nightly"}, "the run is not a UUID"),
        ({"run": ""}, "the run is not a UUID"),
        ({"run": RUN + "\n"}, "the run is not a UUID"),
        ({"job": ("demo", "")}, "a job has a namespace and a name"),
        ({"job": ("", "load")}, "a job has a namespace and a name"),
    ],
)
def test_a_run_is_a_uuid_and_a_job_has_two_names(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        Context(**fields)
