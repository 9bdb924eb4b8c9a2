"""The writer's way to the ledger, when a commit does not answer and the ledger cannot be opened again at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.event import Event
from ledger.group import Group
from proofs.errors import BusyError, UnknownOutcomeError
from server.metrics import Metrics
from server.service import Service
from server.settings import Settings


def event(id: str) -> Event:
    return Event(type="org.example.v1", source="urn:x", id=id, data=b"1")


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TALLY_KEY_PASSPHRASE", "x")
    url = f"sqlite:///{tmp_path}/log.db"
    ledger.create(url, origin="ledger.example/o", home=tmp_path / "home").close()
    made = Service(Settings.of(ledger=url, home=tmp_path / "home"), metrics=Metrics(), journal=lambda *_, **__: None)
    made._log = made._open()
    yield made
    made._log.close()


def test_a_writer_that_could_not_reopen_the_ledger_tries_again_with_the_next_events(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, reopen = Group.append_each, service._open

    def unanswered(group: Group, events: Sequence[Event]) -> Any:
        append(group, events)
        raise UnknownOutcomeError("the commit did not answer")

    def locked() -> Any:
        raise BusyError("the ledger is locked")

    with monkeypatch.context() as unlucky:
        unlucky.setattr(Group, "append_each", unanswered)
        unlucky.setattr(service, "_open", locked)
        with pytest.raises(UnknownOutcomeError):
            service._append_each([event("1")])
        with pytest.raises(BusyError):  # of these nothing was tried
            service._append_each([event("2")])
    assert service._open == reopen

    first, second = service._append_each([event("1"), event("2")])

    assert (first.is_replay, second.is_replay, second.seq) == (True, False, first.seq + 1)


def test_a_commit_that_does_not_answer_is_asked_again_at_a_new_handle(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, failures = Group.append_each, [UnknownOutcomeError("the commit did not answer")]

    def once(group: Group, events: Sequence[Event]) -> Any:
        answers = append(group, events)
        if failures:
            raise failures.pop()
        return answers

    monkeypatch.setattr(Group, "append_each", once)

    (answer,) = service._append_each([event("1")])

    assert answer.is_replay


def test_a_handle_whose_commit_did_not_answer_twice_is_not_used_again(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = service._log

    def unanswered(group: Group, events: Sequence[Event]) -> Any:
        raise UnknownOutcomeError("the commit did not answer")

    with monkeypatch.context() as unlucky:
        unlucky.setattr(Group, "append_each", unanswered)
        with pytest.raises(UnknownOutcomeError):
            service._append_each([event("1")])
    again = service._log

    service._append_each([event("1")])

    assert len({id(lost), id(again), id(service._log)}) == 3
