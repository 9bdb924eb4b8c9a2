"""Events of several producers in one transaction: each has its own answer, and a refused one stops no other."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from ledger.append import Appender, LoserError, Receipt
from ledger.clock import ClockError
from ledger.disclosure import open_part
from ledger.event import Event
from proofs.digest import commitment
from proofs.errors import BusyError, MalformedError, RefusedError, StorageError, TallyError, TamperedError

TYPE = "org.example.loaded.v1"


def event(id: str | None, data: bytes = b"{}", **more: Any) -> Event:
    return Event(type=TYPE, source="urn:a", id=id, data=data, **more)


def seqs(answers: list[Any]) -> list[int | None]:
    return [answer.seq if isinstance(answer, Receipt) else None for answer in answers]


@pytest.fixture(params=["sqlite", "memory"])
def log(request: Any, ledgers: Any) -> Any:
    return ledgers.create(memory=request.param == "memory")


def test_new_events_are_written_in_order(log: Any) -> None:
    assert seqs(log.group.append_each([event("a"), event("b"), event(None)])) == [2, 3, 4]
    assert log.group.append_each([]) == []


def test_a_refused_event_stops_no_other(log: Any) -> None:
    bad = [event("x", b'{"a":1,"a":2}'), Event(type="tallystick.ledger.closed.v1", source="urn:a", data=b"{}")]

    answers = log.group.append_each([event("a"), *bad, event("b")])

    assert seqs(answers) == [2, None, None, 3]
    assert all(isinstance(answer, RefusedError) for answer in answers[1:3])
    assert log.size == 4


def test_retries_and_doubles_get_the_first_receipt(log: Any) -> None:
    first = log.append(event("a"))

    answers = log.group.append_each([event("b"), event("a"), event("b"), event(None, b"[1]"), event(None, b"[1]")])

    assert seqs(answers) == [3, 2, 3, 4, 4]
    assert [answer.is_replay for answer in answers] == [False, True, True, False, True]
    assert answers[1].leaf == first.leaf
    assert log.size == 5


def test_losers_are_answered_each_with_the_salt_of_its_conflict(log: Any) -> None:
    log.append(event("a", b"1"))

    answers = log.group.append_each(
        [event("a", b"2"), event("b", b"1"), event("b", b"2"), event("a", b"1"), event("b", b"3")]
    )

    losers = [answers[0], answers[2], answers[4]]
    assert seqs(answers) == [None, 3, None, 2, None]
    assert all(isinstance(answer, LoserError) for answer in losers)
    assert [answer.seq for answer in losers] == [2, 3, 3]
    conflicts = [record.json() for record in log.stream("type:tallystick.intake.conflicted.v1")]
    assert conflicts == [
        {"commitment": commitment("body", answer.salt, data).hex(), "seq": answer.seq}
        for answer, data in zip(losers, (b"2", b"2", b"3"), strict=True)
    ]


def large(datasets: int) -> Event:
    """An event of which everything is as long as it may be; each dataset adds 260 bytes to its entry."""
    names = ",".join(f'{{"namespace":"n","name":"{number:0>236}"}}' for number in range(datasets))
    keys = ['"' * 240 + str(number) for number in range(64)]
    values = "".join(f",{json.dumps(key)}:1" for key in keys)
    return Event(
        type="tallystick.slo.measured.v1",
        source="urn:" + '"' * 500,
        id=str(datasets) + '"' * 250,
        data=f'{{"datasets":[{names}]{values}}}'.encode(),
        parts=tuple(f"/{key}" for key in keys),
        ext={f"x{number}": '"' * 190 for number in range(10)},
    )


def test_an_event_whose_entry_would_be_too_large_is_refused_alone(log: Any) -> None:
    answers = log.group.append_each([event("a"), large(126), event("b")])

    assert str(answers[1]) == "the event makes an entry of 72920 bytes, at most 65535 are allowed"
    assert seqs(answers) == [2, None, 3]
    assert log.size == 4


def test_an_event_that_only_might_be_too_large_is_written(log: Any) -> None:
    event = next(each for each in map(large, range(126, 0, -1)) if log._intake.prepare(each).largest_entry <= 67_000)
    assert log._intake.prepare(event).largest_entry > 65_535

    (answer,) = log.group.append_each([event])

    assert isinstance(answer, Receipt)
    assert len(answer.entry) <= 65_535 < len(answer.entry) + 2_500


def perhaps_too_large(id: str) -> Event:
    """An event that is written alone: names and parts for an entry near the bound."""
    outputs = [{"namespace": "n" * 100, "name": f"t{number}" + "x" * 130} for number in range(124)]
    pointers = {f"p{number}" + "y" * 240: 1 for number in range(60)}
    said = {"run": {"runId": "r"}, "job": {"namespace": "a", "name": "j"}, "outputs": outputs, **pointers}
    parts = tuple(f"/{name}" for name in pointers)
    data = json.dumps(said).encode()
    return Event(type="tallystick.lineage.run-observed.v1", source="urn:a", id=id, data=data, parts=parts)


def test_a_large_event_overtakes_none_of_those_that_came_before_it(log: Any) -> None:
    sent = [event("1"), perhaps_too_large("2"), event("3"), event("4"), perhaps_too_large("5"), event("6")]

    answers = log.group.append_each(sent)

    assert [answer.seq for answer in answers] == sorted(answer.seq for answer in answers)
    assert [log.entry(answer.seq).id for answer in answers] == ["1", "2", "3", "4", "5", "6"]


def test_when_the_log_turns_busy_behind_a_large_event_what_follows_is_not_written(
    log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, writes = Appender.append_each, iter((True, True, False))

    def busy_third(appender: Appender, prepared: Any) -> Any:
        if next(writes):
            return append(appender, prepared)
        raise BusyError("the ledger is locked")

    monkeypatch.setattr(Appender, "append_each", busy_third)

    answers = log.group.append_each([event("1"), perhaps_too_large("2"), event("3"), perhaps_too_large("4")])

    assert seqs(answers) == [2, 3, None, None]
    assert [type(answer) for answer in answers[2:]] == [BusyError, BusyError]
    assert log.size == 4


def test_when_the_clock_jumped_nothing_is_written_of_any(ledgers: Any) -> None:
    log = ledgers.create()
    ledgers.now -= timedelta(days=1)

    with pytest.raises(ClockError):
        log.group.append_each([event("a"), event("b")])
    assert log.size == 2


def test_when_the_clock_jumps_behind_what_was_written_that_is_acknowledged_and_the_loser_comes_again(
    ledgers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ledgers.create()
    log.append(event("a", b"1"))
    append_each = Appender.append_each

    def then_jump(appender: Appender, prepared: Any) -> Any:
        answers = append_each(appender, prepared)
        ledgers.now -= timedelta(days=1)
        return answers

    monkeypatch.setattr(Appender, "append_each", then_jump)

    answers = log.group.append_each([event("b"), event("a", b"2")])

    assert seqs(answers) == [3, None]
    assert type(answers[1]) is ClockError
    assert log.size == 4


def test_when_the_lock_is_not_to_be_had_nothing_is_written_of_any(ledgers: Any) -> None:
    from ledger.stores.sqlite import SqliteStore

    log = ledgers.create()
    other = SqliteStore(str(ledgers.path()))
    log.store._file.conn.execute("PRAGMA busy_timeout = 10")

    with other.writing(), pytest.raises(BusyError):
        log.group.append_each([event("a"), event("b")])
    other.close()

    assert log.size == 2
    assert seqs(log.group.append_each([event("a"), event("b")])) == [2, 3]


def test_parts_of_what_was_not_written_are_not_kept(ledgers: Any) -> None:
    log = ledgers.create()
    data, parts = b'{"who":"Ada"}', ("/who",)
    log.append(event("a", data, parts=parts))
    discarded: list[int] = []
    log.vault.discard, discard = lambda found: discarded.append(len(list(found))), log.vault.discard

    log.group.append_each(
        [event("a", data, parts=parts), event("a", b'{"who":"Bob"}', parts=parts), event("b", data, parts=parts)]
    )

    log.vault.discard = discard
    assert discarded == [2]


def append_one(log: Any, sent: Event) -> None:
    log.append(sent)


def append_group(log: Any, sent: Event) -> None:
    log.group.append_each([sent])


@pytest.mark.parametrize("error", [MalformedError("no entry"), TamperedError("other bytes"), BusyError("locked")])
@pytest.mark.parametrize("append", [append_one, append_group])
def test_parts_are_not_kept_whatever_the_reason_why_nothing_was_written(
    ledgers: Any, monkeypatch: pytest.MonkeyPatch, append: Any, error: TallyError
) -> None:
    def fail(*_: Any) -> None:
        raise error

    log = ledgers.create()
    monkeypatch.setattr(Appender, "append", fail)
    monkeypatch.setattr(Appender, "append_each", fail)

    with pytest.raises(type(error)):
        append(log, event("a", b'{"who":"Ada"}', parts=("/who",), person="ada"))

    assert not log.vault.knows("ada")
    assert log.vault._file.rows("SELECT count(*) FROM data_key") == [(0,)]


@pytest.mark.parametrize("append", [append_one, append_group])
def test_parts_are_kept_of_what_was_written_before_somebody_interrupted(
    ledgers: Any, monkeypatch: pytest.MonkeyPatch, append: Any
) -> None:
    def interrupted(genuine: Any) -> Any:
        def call(*given: Any) -> None:
            genuine(*given)
            raise KeyboardInterrupt

        return call

    log = ledgers.create()
    with monkeypatch.context() as interrupting:
        for name in ("append", "append_each"):
            interrupting.setattr(Appender, name, interrupted(getattr(Appender, name)))
        with pytest.raises(KeyboardInterrupt):
            append(log, event("a", b'{"who":"Ada"}', parts=("/who",), person="ada"))

    assert open_part(log, 2, "/who", reader="r", purpose="p") == b'"Ada"'


def test_a_full_disk_is_nobodys_refusal_and_the_same_events_go_through_when_there_is_room(ledgers: Any) -> None:
    log = ledgers.create()
    ((pages,),) = log.store._file.rows("PRAGMA page_count")
    log.store._file.rows(f"PRAGMA max_page_count = {pages}")
    events = [event(str(n), b'"%s"' % (b"x" * 100_000)) for n in range(3)]
    with pytest.raises(StorageError, match="database or disk is full"):
        log.group.append_each(events)

    log.store._file.rows("PRAGMA max_page_count = 1073741823")

    assert seqs(log.group.append_each(events)) == [2, 3, 4]
