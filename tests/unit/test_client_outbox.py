"""The outbox: what `emit` promised is on the disk, counted without gaps, chained, bounded, and can be forgotten."""

from __future__ import annotations

import gc
import json
import os
import re
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from ledger.client import upkeep
from ledger.client.backlog import Backlog, Death
from ledger.client.client import Client
from ledger.client.outbox import Outbox, OutboxFullError
from ledger.client.receipt import Receipt
from ledger.client.record import Record
from ledger.client.settings import Settings
from ledger.event import Event
from proofs import jsonstrict
from proofs.errors import (
    ConflictError,
    MalformedError,
    MissingError,
    RefusedError,
    TallyError,
    TamperedError,
)

SOURCE = "urn:acme:shop"


def event(n: int = 0, *, source: str = SOURCE, **attributes: str) -> Event:
    return Event.of("com.acme.order.v1", source, {"n": n}, **attributes)


def personal(value: str = "Ada Lovelace", person: str = "person:1") -> Event:
    data = f'{{"n":1,"who":{{"name":"{value}"}}}}'.encode()
    return Event(type="com.acme.person.v1", source=SOURCE, data=data, parts=("/who",), person=person)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    opened = Outbox(path)
    yield opened
    opened.close()


def records(outbox: Outbox) -> list[Record]:
    return [Record.parse(line) for (line,) in outbox.file.rows("SELECT line FROM record ORDER BY n")]


def bury(outbox: Outbox) -> None:
    backlog = Backlog(outbox)
    backlog.settle([], [(each, Death("refused", "the server said no")) for each in backlog.batch()])


def test_a_sequence_counts_up_by_one_for_each_source_from_a_restart(outbox: Outbox) -> None:
    outbox.append([event(1), event(2, source="urn:acme:till")])
    emitted = outbox.append([event(3)])

    assert [(each.event.source, each.event.type, each.event.sequence) for each in records(outbox)] == [
        ("urn:acme:shop", "tallystick.producer.restarted.v1", "0"),
        ("urn:acme:shop", "com.acme.order.v1", "1"),
        ("urn:acme:till", "tallystick.producer.restarted.v1", "0"),
        ("urn:acme:till", "com.acme.order.v1", "1"),
        ("urn:acme:shop", "com.acme.order.v1", "2"),
    ]
    assert (emitted[0].sequence, emitted[0].n) == (2, 4)


def test_the_restart_names_the_outbox_and_another_outbox_is_another(outbox: Outbox, tmp_path: Path) -> None:
    outbox.append([event()])
    other = Outbox(tmp_path / "other.db")
    first = Backlog(outbox).batch()[0].event
    other.close()

    assert first is not None
    assert jsonstrict.loads(first.data, limit_bytes=99) == {"outbox": outbox.id}
    assert outbox.id != other.id


def test_an_event_gets_an_id_that_sorts_by_time_and_the_producers_time(path: Path) -> None:
    moment = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
    outbox = Outbox(path, clock=lambda: moment)
    (emission,) = outbox.append([event()])
    outbox.close()

    found = records(outbox)[-1].event
    assert emission.id == found.id
    assert emission.id[14] == "7"
    assert found.time == "2026-11-20T09:15:00.000000Z"


def test_a_time_of_the_producer_is_kept(outbox: Outbox) -> None:
    outbox.append([event(time="2026-01-01T00:00:00+01:00")])

    assert records(outbox)[-1].event.time == "2026-01-01T00:00:00+01:00"


def test_the_same_chosen_id_again_is_the_same_emission(outbox: Outbox) -> None:
    (first,) = outbox.append([event(1, id="order-1")])
    (again,) = outbox.append([event(1, id="order-1")])

    assert (again.id, again.sequence, again.n, again.is_replay) == ("order-1", first.sequence, first.n, True)
    assert len(records(outbox)) == 2


def test_the_same_chosen_id_with_other_content_is_a_conflict_and_nothing_is_written(outbox: Outbox) -> None:
    outbox.append([event(1, id="order-1")])

    with pytest.raises(ConflictError, match="waits as record 1, with other content"):
        outbox.append([event(7), event(2, id="order-1")])
    assert len(records(outbox)) == 2


def test_a_chosen_id_is_known_after_it_was_delivered_or_buried(outbox: Outbox) -> None:
    outbox.append([event(1, id="order-1")])
    bury(outbox)

    (again,) = outbox.append([event(1, id="order-1")])
    assert (again.is_replay, again.sequence) == (True, None)


def test_all_of_several_events_are_taken_or_none(outbox: Outbox) -> None:
    bad = event(2).model_copy(update={"data": b"x" * (16 * 1024 * 1024 + 1)})

    with pytest.raises(RefusedError, match="16777217 bytes, at most 16777216"):
        outbox.append([event(1), bad])
    assert records(outbox) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sequence": "4"}, "has the sequence '4': it is the outbox that counts"),
        ({"parts": ("/n",), "datacontenttype": "text/plain"}, "data that do not claim to be JSON"),
        ({"parts": ("n",)}, "parts of the event cannot be found"),
        ({"parts": ("/n", "/n/x")}, "lies inside"),
    ],
)
def test_what_cannot_be_taken_is_refused_before_anything_is_written(
    outbox: Outbox, given: dict[str, object], message: str
) -> None:
    with pytest.raises(RefusedError, match=message):
        outbox.append([event().model_copy(update=given)])
    assert records(outbox) == []


def test_at_its_bound_the_outbox_raises_and_keeps_what_it_has(path: Path) -> None:
    outbox = Outbox(path, Settings(limit_bytes=3_000))
    outbox.append([event(1)])
    before = upkeep.status(outbox)

    with pytest.raises(OutboxFullError, match="at most 3000 are allowed") as raised:
        outbox.append([event(n) for n in range(9)])

    assert raised.value.code == "outbox_full"
    assert upkeep.status(outbox) == before
    assert outbox.append([event(2)])[0].sequence == 2
    upkeep.verify(outbox)
    outbox.close()


def test_at_its_bound_the_outbox_can_wait_for_room(path: Path) -> None:
    outbox = Outbox(path, Settings(limit_bytes=1_000, on_full="block", block_seconds=30))
    outbox.append([event(1)])

    def make_room() -> None:
        bury(outbox)
        upkeep.discard(outbox, [0, 1])

    room = threading.Timer(0.05, make_room)
    room.start()

    emission = outbox.append([Event(type="com.acme.big.v1", source=SOURCE, data=b'"%b"' % (b"x" * 300))])
    room.join()

    assert emission[0].sequence == 2
    outbox.close()


def test_waiting_for_room_ends(path: Path) -> None:
    outbox = Outbox(path, Settings(limit_bytes=1, on_full="block", block_seconds=0.03))

    with pytest.raises(OutboxFullError):
        outbox.append([event()])
    outbox.close()


def test_dead_letters_count_towards_the_bound(path: Path) -> None:
    outbox = Outbox(path, Settings(limit_bytes=1_000))
    outbox.append([event(1)])
    bury(outbox)

    with pytest.raises(OutboxFullError):
        outbox.append([Event(type="com.acme.big.v1", source=SOURCE, data=b'"%b"' % (b"x" * 600))])
    outbox.close()


def test_a_heartbeat_names_the_head_of_the_chain_and_there_is_one_at_a_time(path: Path) -> None:
    now = [datetime(2026, 11, 20, 9, tzinfo=UTC)]
    outbox = Outbox(path, Settings(heartbeat_seconds=60), clock=lambda: now[0])
    assert outbox.beat(SOURCE) is False  # a source that said nothing has nothing to lose
    outbox.append([event()])
    assert outbox.beat(SOURCE) is False
    head = upkeep.status(outbox).head
    now[0] += timedelta(seconds=61)

    assert outbox.beat(SOURCE) is True
    now[0] += timedelta(seconds=61)
    assert outbox.beat(SOURCE) is False  # the first one still waits

    beat = Backlog(outbox).batch()[-1].event
    assert beat is not None
    assert (beat.type, beat.sequence) == ("tallystick.producer.heartbeat-sent.v1", "2")
    assert json.loads(beat.data) == {"dead": 0, "head": head.hex(), "outbox": outbox.id, "records": 2, "waiting": 2}
    bury(outbox)
    assert outbox.beat(SOURCE) is True
    outbox.close()


def test_a_clock_that_jumped_ahead_and_back_does_not_silence_a_source(path: Path) -> None:
    now = [datetime(2026, 11, 20, 9, tzinfo=UTC)]
    outbox = Outbox(path, Settings(heartbeat_seconds=60), clock=lambda: now[0])
    outbox.append([event()])
    now[0] += timedelta(days=3650)
    assert outbox.beat(SOURCE) is True
    bury(outbox)

    now[0] -= timedelta(days=3649)

    assert outbox.beat(SOURCE) is True
    bury(outbox)
    assert outbox.beat(SOURCE) is False  # and from here on by the clock that is right
    outbox.close()


def test_an_outbox_delivers_to_one_server_until_it_is_told_otherwise(outbox: Outbox) -> None:
    outbox.bind("https://one.example")
    outbox.bind("https://one.example")

    with pytest.raises(RefusedError, match=r"delivers to 'https://one\.example', not to 'https://two\.example'"):
        outbox.bind("https://two.example")

    upkeep.rebind(outbox, "https://two.example")
    outbox.bind("https://two.example")


def test_an_outbox_is_for_its_owner_alone(outbox: Outbox, path: Path) -> None:
    outbox.append([event()])

    assert {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {
        "outbox.db": 0o600,
        "outbox.db-shm": 0o600,
        "outbox.db-wal": 0o600,
    }


def test_what_is_no_outbox_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no database, but a text that somebody needs, and long enough to be looked at" * 99)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as conn:
        conn.execute("CREATE TABLE meta (name TEXT, value TEXT)")
    conn.close()
    before = (text.read_bytes(), other.read_bytes())

    for each in (text, other):
        with pytest.raises(MalformedError):
            Outbox(each)
    with pytest.raises(MissingError, match="no outbox at"):
        Outbox(tmp_path / "none.db", create=False)
    with pytest.raises(RefusedError, match="cannot be made"):
        Outbox(tmp_path / "no folder" / "outbox.db")
    assert text.read_bytes() == before[0]
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix == "") == ["text"]


def test_a_file_that_was_removed_or_replaced_takes_nothing_more(outbox: Outbox, path: Path) -> None:
    outbox.append([event(1)])
    path.rename(path.with_name("away.db"))

    with pytest.raises(MissingError, match="was removed or replaced under this process"):
        outbox.append([event(2)])
    path.write_bytes(b"")
    with pytest.raises(MissingError, match="was removed or replaced under this process"):
        outbox.append([event(3)])
    path.unlink()
    path.with_name("away.db").rename(path)
    assert outbox.append([event(4)])[0].sequence == 2


def test_a_dead_letter_says_why_and_is_replayed_as_the_event_that_was_meant(outbox: Outbox) -> None:
    outbox.append([event(1)])
    bury(outbox)
    outbox.append([event(2)])
    letters = upkeep.dead_letters(outbox)
    assert [(each.n, each.type, each.code, each.why) for each in letters] == [
        (0, "tallystick.producer.restarted.v1", "refused", "the server said no"),
        (1, "com.acme.order.v1", "refused", "the server said no"),
    ]

    assert upkeep.replay(outbox, [1]) == 1

    waiting = [each.event for each in Backlog(outbox).batch()]
    assert [(each.data, each.sequence) for each in waiting if each] == [(b'{"n":2}', "2"), (b'{"n":1}', "1")]
    assert waiting[1] is not None
    assert waiting[1].id == letters[1].id
    found = upkeep.status(outbox)
    assert (found.waiting, found.dead) == (2, 1)
    upkeep.verify(outbox)


def test_replaying_or_discarding_what_is_not_there_changes_nothing(outbox: Outbox) -> None:
    outbox.append([event(1)])
    bury(outbox)

    for work in (upkeep.replay, upkeep.discard):
        with pytest.raises(MissingError, match="no dead letter 5"):
            work(outbox, [1, 5])
    assert upkeep.status(outbox).dead == 2
    assert upkeep.discard(outbox, [0, 1]) == 2
    found = upkeep.status(outbox)
    assert (found.dead, found.dead_bytes, found.waiting_bytes) == (0, 0, 0)


def test_what_is_through_is_pruned_and_the_chain_goes_on_from_its_anchor(outbox: Outbox) -> None:
    outbox.append([event(n) for n in range(5)])
    bury(outbox)
    outbox.append([event(9)])

    found = upkeep.status(outbox)
    assert (found.start, found.records, found.waiting) == (6, 7, 1)
    assert [each.n for each in records(outbox)] == [6]
    upkeep.verify(outbox)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_through_in_any_order_leaves_one_hash_for_each_gap(outbox: Outbox, seed: int) -> None:
    random = Random(seed)
    for n in range(60):
        outbox.append([event(n)])
        batch = Backlog(outbox).batch()[1:]  # the first one never gets through
        Backlog(outbox).settle([], [(each, Death("refused", "no")) for each in batch if random.random() < 0.5])
        upkeep.verify(outbox)

    found = upkeep.status(outbox)
    kept = outbox.file.rows("SELECT count(*), sum(length(line) = 32) FROM record")[0]
    assert kept[0] - kept[1] == found.waiting
    assert kept[1] <= found.waiting
    assert upkeep.replay(outbox) == found.dead
    upkeep.verify(outbox)
    bury(outbox)
    upkeep.verify(outbox)
    assert outbox.file.rows("SELECT count(*) FROM record") == [(0,)]


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("DELETE FROM record WHERE n = 4", "record 2: the record is missing"),
        ("UPDATE record SET line = zeroblob(32) WHERE n = 4", "record 5: the record does not follow"),
        ("DELETE FROM dead WHERE n = 3; UPDATE state SET dead = 2", "record 3: it is neither waiting, nor dead"),
        ("UPDATE record SET line = zeroblob(32) WHERE n = 6", "record 6: the last record is not the one"),
    ],
)
def test_an_edit_around_what_is_through_is_named(outbox: Outbox, statement: str, place: str) -> None:
    outbox.append([event(n) for n in range(6)])
    Backlog(outbox).settle([], [(each, Death("refused", "no")) for each in Backlog(outbox).batch()[2:5]])
    assert outbox.file.rows("SELECT n, length(line) = 32 FROM record") == [(0, 0), (1, 0), (4, 1), (5, 0), (6, 0)]
    upkeep.verify(outbox)

    vandal(outbox, statement)

    with pytest.raises(TamperedError) as raised:
        upkeep.verify(outbox)
    assert str(raised.value).startswith(place)


@pytest.mark.parametrize("is_dead", [True, False])
def test_I10_forgetting_gives_back_the_bytes_that_were_counted(outbox: Outbox, *, is_dead: bool) -> None:
    outbox.append([event(), personal("A" * 5_000)])
    if is_dead:
        bury(outbox)

    upkeep.forget(outbox, "person:1")

    upkeep.verify(outbox)
    assert upkeep.status(outbox).waiting_bytes + upkeep.status(outbox).dead_bytes < 2_000
    bury(outbox)
    upkeep.verify(outbox)
    upkeep.discard(outbox, [each.n for each in upkeep.dead_letters(outbox)])
    found = upkeep.status(outbox)
    assert (found.waiting, found.waiting_bytes, found.dead, found.dead_bytes) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE state SET waiting_bytes = 7", r"\d{3} bytes wait and 0 are dead, the outbox counts 7 and 0"),
        ("UPDATE state SET dead_bytes = 7", r"(\d{3}) bytes wait and 0 are dead, the outbox counts \1 and 7"),
    ],
)
def test_bytes_that_were_counted_wrongly_are_named(outbox: Outbox, statement: str, says: str) -> None:
    outbox.append([event()])

    vandal(outbox, statement)

    with pytest.raises(TamperedError, match=f"^{says}$"):
        upkeep.verify(outbox)


def vandal(outbox: Outbox, statement: str) -> None:
    with outbox.file.writing("writer") as conn:
        for each in statement.split(";"):
            conn.execute(each)


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE waiting SET body = x'7b7d' WHERE n = 2", "record 2: the body is not the one"),
        ("UPDATE waiting SET salt = zeroblob(32) WHERE n = 2", "record 2: the body is not the one"),
        (
            "UPDATE record SET line = CAST(replace(CAST(line AS TEXT), 'order', 'ordor') AS BLOB) WHERE n = 2",
            "record 3",
        ),
        ("UPDATE record SET line = x'7b7d' WHERE n = 2", "record of the outbox is not well formed"),
        ("DELETE FROM record WHERE n = 2", "record 2: the record is missing"),
        ("DELETE FROM waiting WHERE n = 2", "4 records wait and 0 are dead, the outbox counts 5 and 0"),
        ("DELETE FROM waiting WHERE n = 2; UPDATE state SET waiting = 4", "record 2: it is neither waiting, nor dead"),
        ("DELETE FROM record WHERE n = 4", "record 4: the record is missing"),
        ("UPDATE state SET size = 4", "record 3: the last record is not the one"),
        ("UPDATE state SET head = zeroblob(32)", "record 4: the last record is not the one"),
        ("UPDATE state SET start = 1", "record 1: the record does not follow"),
        ("UPDATE part SET value = x'30'", "record 4: the part '/who' is not one"),
        ("UPDATE person SET name = x'30'", "record 4: the person is not the one"),
        ("INSERT INTO record VALUES (9, 'x', 's', 0, x'00')", "record 9: the record does not belong here"),
    ],
)
def test_an_edit_or_a_gap_is_named(outbox: Outbox, statement: str, place: str) -> None:
    outbox.append([event(n) for n in range(3)])
    outbox.append([personal()])
    upkeep.verify(outbox)

    vandal(outbox, statement)

    with pytest.raises(TallyError) as raised:
        upkeep.verify(outbox)
    assert isinstance(raised.value, TamperedError | MalformedError)
    assert str(raised.value).startswith(place)


def test_a_changed_dead_letter_is_named(outbox: Outbox) -> None:
    outbox.append([event(1)])
    bury(outbox)

    vandal(outbox, "UPDATE dead SET body = x'7b7d' WHERE n = 1")

    with pytest.raises(TamperedError, match="record 1: the body is not the one"):
        upkeep.verify(outbox)
    assert upkeep.replay(outbox) == 1  # only the other one is whole


def test_what_was_changed_in_the_outbox_is_never_sent(outbox: Outbox) -> None:
    outbox.append([event(1), event(2)])
    vandal(outbox, "UPDATE waiting SET body = x'7b7d' WHERE n = 1")

    batch = Backlog(outbox).batch()

    assert [(each.n, each.event is None, each.broken) for each in batch] == [
        (0, False, ""),
        (1, True, "the body is not the one that the record commits to"),
        (2, False, ""),
    ]


def everything(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())


@pytest.mark.parametrize("first", [lambda _: None, bury], ids=["waiting", "dead"])
def test_I10_a_person_is_forgotten_in_every_file_and_the_chain_holds(
    outbox: Outbox, path: Path, first: Callable[[Outbox], None]
) -> None:
    outbox.append([event(n) for n in range(200)])
    outbox.append([personal("Ada Lovelace", "person:ada"), personal("Grace Hopper", "person:grace")])
    first(outbox)
    assert b"Ada Lovelace" in everything(path.parent)

    assert upkeep.forget(outbox, "person:ada") == 1

    left = everything(path.parent)
    assert b"Ada Lovelace" not in left
    assert b"person:ada" not in left
    assert b"Grace Hopper" in left
    upkeep.verify(outbox)


def test_I10_a_forgotten_event_is_delivered_without_its_parts(outbox: Outbox) -> None:
    outbox.append([personal()])
    upkeep.forget(outbox, "person:1")

    found = Backlog(outbox).batch()[-1].event

    assert found is not None
    assert (found.data, found.parts, found.person, found.sequence) == (b'{"n":1,"who":null}', (), None, "1")


def test_I10_what_was_delivered_leaves_no_plaintext_behind(outbox: Outbox, path: Path) -> None:
    outbox.append([personal("Ada Lovelace")])
    bury(outbox)
    upkeep.discard(outbox, [0, 1])
    outbox.file.scrub()

    assert b"Ada Lovelace" not in everything(path.parent)


def many(path: Path) -> Outbox:
    """An outbox of 3,000 personal events of mixed sizes, every second one of person P, in no order."""
    random = Random(7)
    events = [
        Event(
            type="com.acme.person.v1",
            source=SOURCE,
            id=f"a{n}",
            data=jsonstrict.dumps(
                {"p": f"SECRET{n:06}{'z' * random.randrange(120)}", "q": "q" * random.randrange(400)}
            ),
            parts=("/p",),
            person="P" if n % 2 else f"Q{n}",
        )
        for n in range(3_000)
    ]
    random.shuffle(events)
    filled = Outbox(path)
    for at in range(0, len(events), 7):
        filled.append(events[at : at + 7])
    return filled


def numbers_in(folder: Path) -> set[int]:
    """The n of every value of `many` that stands in some file."""
    return {int(n) for n in re.findall(rb"SECRET(\d{6})", everything(folder))}


def test_I10_no_forgotten_value_stands_in_a_gap_of_a_page(path: Path) -> None:
    """Where SQLite rebuilds a page it leaves copies of cells that moved, and `secure_delete` knows nothing of them."""
    outbox = many(path)
    assert numbers_in(path.parent) == set(range(3_000))

    assert upkeep.forget(outbox, "P") == 1_500

    assert numbers_in(path.parent) == set(range(0, 3_000, 2))  # the files as they are while the outbox is open
    outbox.close()
    assert numbers_in(path.parent) == set(range(0, 3_000, 2))


def test_I10_what_was_delivered_is_gone_at_the_next_forgetting_of_anybody(path: Path) -> None:
    outbox = many(path)
    backlog = Backlog(outbox)
    while batch := backlog.batch():
        backlog.settle([(each, Receipt(each.n, bytes(32), b"{}", None)) for each in batch], [])
    assert outbox.file.rows("SELECT count(*) FROM part") == [(0,)]
    assert numbers_in(path.parent) != set()  # deleted, and copies are left in older pages and in the gaps of new ones

    assert upkeep.forget(outbox, "nobody") == 0

    assert numbers_in(path.parent) == set()
    upkeep.verify(outbox)
    outbox.close()


def test_parts_travel_back_to_where_they_were(outbox: Outbox) -> None:
    outbox.append([personal()])

    found = Backlog(outbox).batch()[-1].event

    assert found is not None
    assert found.data == b'{"n":1,"who":{"name":"Ada Lovelace"}}'
    assert (found.parts, found.person) == (("/who",), "person:1")


def test_threads_and_outboxes_share_one_file_without_gaps(path: Path) -> None:
    boxes = [Outbox(path) for _ in range(3)]

    def work(outbox: Outbox) -> None:
        for n in range(40):
            outbox.append([event(n)])

    threads = [threading.Thread(target=work, args=(outbox,)) for outbox in boxes for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert [each.event.sequence for each in records(boxes[0])] == [str(n) for n in range(241)]
    upkeep.verify(boxes[1])
    for outbox in boxes:
        outbox.close()


def test_an_outbox_and_a_client_that_are_gone_leave_nothing_in_the_process(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is registered for a fork can never be taken back."""
    hooks: list[object] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **hook: hooks.append(hook))

    client = Client(outbox=path)
    gone: list[weakref.ref[object]] = [weakref.ref(client), weakref.ref(client.outbox.file)]
    client.close()
    del client
    gc.collect()

    assert hooks == []
    assert [each() for each in gone] == [None, None]


def test_both_sides_of_a_fork_write_into_every_outbox_that_was_open(tmp_path: Path) -> None:
    outboxes = [Outbox(tmp_path / f"{n}.db") for n in range(3)]
    for outbox in outboxes:
        outbox.append([event(0)])

    pid = os.fork()
    if pid == 0:
        try:
            for outbox in outboxes:
                outbox.append([event(1)])
        finally:
            os._exit(0)
    for outbox in outboxes:
        outbox.append([event(2)])
    os.waitpid(pid, 0)

    for outbox in outboxes:
        assert [each.event.sequence for each in records(outbox)] == ["0", "1", "2", "3"]
        upkeep.verify(outbox)
        outbox.close()
