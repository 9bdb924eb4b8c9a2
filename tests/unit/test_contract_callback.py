"""A function of the caller's carries a decision out: what it says is recorded, and so is that it does not say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import ledger
from contracts.callback import Call, Function, named_function
from contracts.decision import Decision
from contracts.document import parse
from contracts.facts import ACTION_TAKEN, ActionTaken
from contracts.gate import Acts, Batch, Passed, let_through
from contracts.notify.notice import notice
from contracts.source import CsvFile
from ledger.log import Ledger
from proofs.errors import BusyError, RefusedError, TallyError, UnknownOutcomeError

CONTRACT = parse(b"""\
name: scores
version: 1.0.0
dataset: {namespace: demo, name: scores}
schema: [{name: id, type: integer, unique: true}]
""")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Ledger]:
    with ledger.create("memory://", origin="test/call", home=tmp_path / "home", passphrase=lambda: b"secret") as log:
        yield log


def load(log: Ledger, folder: Path, rows: str, function: Function) -> Passed:
    path = folder / f"{log.size}.csv"
    path.write_text("id\n" + rows)
    return let_through(log, Batch(CONTRACT, CsvFile(path)), Acts(function=function))


def acted(log: Ledger) -> list[tuple[str, str, str | None]]:
    facts = [ActionTaken.parse(r.body or b"") for r in log.read() if r.type.endswith("action-taken.v1")]
    return [(fact.action, fact.result, fact.error) for fact in facts]


def test_it_is_told_the_decision_and_the_last_allowed_version(log: Ledger, tmp_path: Path) -> None:
    calls: list[Call] = []

    good = load(log, tmp_path, "1\n", calls.append)
    bad = load(log, tmp_path, "1\n1\n", calls.append)

    first, second = calls
    assert (first.decision, first.last_allowed) == (Decision.ALLOW, None)
    assert (second.decision, second.risk) == (Decision.BLOCK_AND_ROLLBACK, 5_000)
    assert second.decided.seq == bad.outcome.decided.seq
    assert second.last_allowed is not None
    assert second.last_allowed.decided.seq == good.outcome.decided.seq
    assert second.last_allowed.sha256 == hashlib.sha256(b"id\n1\n").hexdigest()
    assert acted(log) == [("called-back", "done", None), ("called-back", "done", None)]


def test_the_batch_itself_is_not_the_version_to_go_back_to(log: Ledger, tmp_path: Path) -> None:
    calls: list[Call] = []
    load(log, tmp_path, "1\n", calls.append)

    load(log, tmp_path, "1\n", calls.append)

    assert calls[1].last_allowed is None


def raising(error: BaseException) -> Function:
    def function(call: Call) -> bool | None:
        raise error

    return function


@pytest.mark.parametrize(
    ("function", "kind", "result", "error"),
    [
        (lambda call: False, RefusedError, "failed", "refused"),
        (raising(BusyError("the table is locked")), BusyError, "failed", "busy"),
        (raising(UnknownOutcomeError("no answer")), UnknownOutcomeError, "unknown", "unknown_outcome"),
        (raising(ZeroDivisionError("4111 1111")), UnknownOutcomeError, "unknown", "unknown_outcome"),
        (raising(SystemExit(0)), UnknownOutcomeError, "unknown", "unknown_outcome"),
        (lambda call: "done", UnknownOutcomeError, "unknown", "unknown_outcome"),
    ],
)
def test_what_it_says_is_recorded(
    log: Ledger, tmp_path: Path, function: Function, kind: type[TallyError], result: str, error: str
) -> None:
    with pytest.raises(kind) as told:
        load(log, tmp_path, "1\n", function)

    assert acted(log) == [("called-back", result, error)]
    assert "4111" not in str(told.value)


def test_people_are_told_that_nobody_knows(log: Ledger, tmp_path: Path) -> None:
    with pytest.raises(UnknownOutcomeError):
        load(log, tmp_path, "1\n", raising(UnknownOutcomeError("no answer")))

    [record] = [record for record in log.read() if record.type == ACTION_TAKEN]
    told = notice(record.type, record.body or b"")
    assert told is not None
    assert told.title == (
        "demo|scores: the batch may or may not have been settled by the callback (unknown_outcome), as ALLOW says"
    )


def test_it_is_not_called_where_the_batch_cannot_be_measured(log: Ledger, tmp_path: Path) -> None:
    calls: list[Call] = []

    with pytest.raises(TallyError):
        let_through(log, Batch(CONTRACT, CsvFile(tmp_path / "none.csv")), Acts(function=calls.append))

    assert (calls, acted(log)) == ([], [])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is not written"),
        ("os.system", "is not written"),
        ("os:system:x", "is not written"),
        ("os:__import__('x')", "is not written"),
        ("no_such_module:f", "no_such_module cannot be imported: ModuleNotFoundError"),
        ("json:no_such", "json has no function no_such"),
        ("json:__doc__", "json has no function __doc__"),
    ],
)
def test_a_name_of_no_function_is_refused(name: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        named_function(name)
