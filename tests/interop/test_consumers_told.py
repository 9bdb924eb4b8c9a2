"""Who relies on a contract is told of what changes, by a channel of their own, and that stands in the log exactly once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from contracts import lifecycle
from contracts.consumers import register, subscribing
from contracts.consumers.facts import CONSUMER_TOLD
from contracts.consumers.register import ConsumerRegister
from contracts.document import Document, parse
from contracts.facts import Decided
from contracts.notify.channels import Channels, parse_channels
from contracts.notify.follow import record_tellings, step
from contracts.notify.queue import LEASE_SECONDS, NoticeQueue
from contracts.publish import not_told, publish
from proofs.errors import ConflictError, MissingError, RefusedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

BASE = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true}
  - {name: amount, type: number}
change_policy: {notice_days: 30}
"""
NEXT = BASE.replace("1.0.0", "2.0.0").replace("  - {name: amount, type: number}\n", "")


class Hook:
    """A server that keeps what is posted to each path, and its key."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str, Any]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.posts.append((self.path, self.headers["Idempotency-Key"], body))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def channels(self, *names: str) -> Channels:
        url = f"http://127.0.0.1:{self.server.server_port}"
        lines = "".join(f'  - {{name: "{name}", kind: webhook, url: "{url}/{name}"}}\n' for name in names)
        return parse_channels(f"channels:\n{lines}".encode())

    def told(self) -> list[tuple[str, str]]:
        return [(path, notice["title"]) for path, _, body in self.posts for notice in body["notices"]]


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    log = ledgers.create()
    publish(log, parse(BASE.encode()), clock=log.clock)
    return log


class Seconds:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def queue(ledgers: Ledgers, seconds: Seconds) -> Iterator[NoticeQueue]:
    found = NoticeQueue(ledgers.folder / "notices.db", seconds)
    yield found
    found.close()


def subscribed(log: Ledger, name: str = "team:growth", channel: str = "growth") -> None:
    subscribing.subscribe(log, "orders", name, channel=channel, by="lead:7")


def announced(log: Ledger) -> Document:
    document = parse(NEXT.encode())
    lifecycle.announce(log, document)
    return document


def tellings(log: Ledger) -> list[str]:
    return [json.loads(each.body or b"")["consumer"] for each in log.read() if each.type == CONSUMER_TOLD]


def test_each_consumer_is_told_once_by_their_own_channel_and_it_is_recorded_once(
    log: Ledger, queue: NoticeQueue, hook: Hook
) -> None:
    channels = hook.channels("growth", "risk")
    step(log, queue, channels, {}, from_start=True)
    subscribed(log)
    subscribed(log, "team:risk", "risk")
    document = announced(log)

    for _ in range(3):
        step(log, queue, channels, {})
        record_tellings(log, queue)

    assert sorted(hook.told()) == [
        ("/growth", "team:growth: contract orders 2.0.0 is announced, in 30 days"),
        ("/risk", "team:risk: contract orders 2.0.0 is announced, in 30 days"),
    ]
    assert sorted(tellings(log)) == ["team:growth", "team:risk"]
    assert not_told(log, document) == []
    assert [record.type for record in log.stream("dataset:shop|orders")].count(CONSUMER_TOLD) == 2


def test_one_who_dies_after_telling_and_before_recording_leaves_it_to_the_next(
    log: Ledger, queue: NoticeQueue, hook: Hook, seconds: Seconds, ledgers: Ledgers
) -> None:
    channels = hook.channels("growth")
    subscribed(log)
    document = announced(log)
    step(log, queue, channels, {}, from_start=True)
    assert not_told(log, document) == ["team:growth"]

    again = NoticeQueue(ledgers.folder / "notices.db", seconds)  # whoever comes next
    step(log, again, channels, {})
    [telling] = again.unrecorded()
    subscribing.record_told(
        log, telling.consumer, Decided(seq=telling.seq, leaf=telling.leaf)
    )  # dies before it is marked
    record_tellings(log, again)
    again.close()

    assert len(hook.posts) == 1
    assert tellings(log) == ["team:growth"]


def test_one_who_dies_while_telling_is_followed_with_the_same_key(
    log: Ledger, queue: NoticeQueue, hook: Hook, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = hook.channels("growth")
    subscribed(log)
    announced(log)
    with monkeypatch.context() as dying:
        dying.setattr(queue, "sent", lambda waiting: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            step(log, queue, channels, {}, from_start=True)
    assert record_tellings(log, queue) == 0
    seconds.now += LEASE_SECONDS + 1

    step(log, queue, channels, {})
    record_tellings(log, queue)

    first, second = hook.posts
    assert first[1] == second[1]
    assert tellings(log) == ["team:growth"]


def test_a_channel_that_nobody_has_tells_nobody_in_its_place(log: Ledger, queue: NoticeQueue, hook: Hook) -> None:
    subscribed(log, channel="gone")
    document = announced(log)

    done = step(log, queue, hook.channels("growth"), {}, from_start=True)
    record_tellings(log, queue)

    assert (done.failed, hook.posts) == (1, [])
    assert [(row["channel"], row["error"]) for row in queue.counts()] == [("gone", "the channel is not in the file")]
    assert not_told(log, document) == ["team:growth"]


def test_one_who_registers_late_is_told_of_what_is_still_to_come(log: Ledger, queue: NoticeQueue, hook: Hook) -> None:
    document = announced(log)
    step(log, queue, hook.channels("growth"), {}, from_start=True)
    subscribed(log)
    assert not_told(log, document) == ["team:growth"]

    step(log, queue, hook.channels("growth"), {})
    record_tellings(log, queue)
    subscribed(log)  # again: known already
    step(log, queue, hook.channels("growth"), {})

    assert hook.told() == [("/growth", "team:growth: contract orders 2.0.0 is announced, in 30 days")]
    assert tellings(log) == ["team:growth"]


def test_a_breaking_version_that_comes_too_early_names_who_was_not_told(
    ledgers: Ledgers, log: Ledger, queue: NoticeQueue, hook: Hook
) -> None:
    subscribed(log)
    subscribed(log, "team:risk", "risk")
    document = parse(NEXT.encode())
    with pytest.raises(RefusedError, match="30 days' notice is promised; not told yet: team:growth, team:risk"):
        publish(log, document, clock=log.clock)
    lifecycle.announce(log, document)
    step(log, queue, hook.channels("growth"), {}, from_start=True)
    record_tellings(log, queue)
    with pytest.raises(RefusedError, match="not told yet: team:risk"):
        publish(log, document, clock=log.clock)
    subscribing.unsubscribe(log, "orders", "team:risk", by="lead:7", reason="model retired")
    with pytest.raises(RefusedError, match=r"notice is promised$"):
        publish(log, document, clock=log.clock)
    ledgers.now += timedelta(days=31)
    assert publish(log, document, clock=log.clock).version == "2.0.0"


def test_the_end_of_a_version_is_told_too_and_not_to_who_left(
    ledgers: Ledgers, log: Ledger, queue: NoticeQueue, hook: Hook
) -> None:
    subscribed(log)
    subscribed(log, "team:risk", "growth")
    lifecycle.deprecate(log, "orders", "1.0.0", by="data:1", reason="see 2.0.0")
    subscribing.unsubscribe(log, "orders", "team:risk", by="lead:7", reason="model retired")
    lifecycle.retire(log, "orders", "1.0.0", by="data:1", reason="see 2.0.0", clock=log.clock)

    step(log, queue, hook.channels("growth"), {}, from_start=True)
    record_tellings(log, queue)

    assert hook.told() == [
        ("/growth", "team:growth: contract orders 1.0.0 is deprecated"),
        ("/growth", "team:risk: contract orders 1.0.0 is deprecated"),
        ("/growth", "team:growth: contract orders 1.0.0 is retired"),
    ]
    assert tellings(log) == ["team:growth", "team:risk", "team:growth"]
    with pytest.raises(ConflictError, match="is retired"):
        subscribing.subscribe(log, "orders", "team:new", channel="x", by="lead:7", version="1.0.0")
    with pytest.raises(MissingError, match="no version of contract orders is in force"):
        subscribed(log)


def test_consumers_are_listed_with_the_version_that_they_rely_on_now(log: Ledger) -> None:
    subscribed(log)
    subscribed(log, channel="other")

    assert [(each.name, each.version, each.channel) for each in register.consumers(log, "orders")] == [
        ("team:growth", "1.0.0", "other")
    ]


@pytest.mark.parametrize(
    ("name", "channel", "by"),
    [("Anna Schmidt", "c", "lead:7"), ("team:x", "c\nd", "lead:7"), ("team:x", "", "lead:7"), ("team:x", "c", "a b")],
)
def test_a_consumer_that_no_entry_may_hold_is_refused(log: Ledger, name: str, channel: str, by: str) -> None:
    size = log.size
    with pytest.raises(RefusedError, match="is not acceptable"):
        subscribing.subscribe(log, "orders", name, channel=channel, by=by)
    assert log.size == size


def test_word_of_an_entry_that_changes_nothing_counts_for_nothing(log: Ledger) -> None:
    subscribed(log)
    with pytest.raises(MissingError, match="is no change of a contract"):
        subscribing.record_told(log, "team:growth", Decided(seq=2, leaf=log.entry(2).leaf.hex()))

    with log.viewing(ConsumerRegister()) as db:
        assert db.execute("SELECT count(*) FROM consumers_unread").fetchone() == (0,)


def test_I19_replaying_the_log_gives_the_same_register(log: Ledger, queue: NoticeQueue, hook: Hook) -> None:
    def dump() -> list[str]:
        with log.viewing(ConsumerRegister()) as db:
            return [line for line in db.conn.iterdump() if "consumers_" in line]

    subscribed(log)
    subscribed(log, "team:risk")
    announced(log)
    step(log, queue, hook.channels("growth"), {}, from_start=True)
    record_tellings(log, queue)
    subscribing.unsubscribe(log, "orders", "team:risk", by="lead:7", reason="model retired")
    before = dump()

    log.views.drop("consumers")

    assert dump() == before
    assert sum("INSERT" in line for line in before) == 5
