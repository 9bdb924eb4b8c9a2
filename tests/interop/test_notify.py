"""Notices told for real: over HTTP to a server of ours, by SMTP to aiosmtpd, after failures, crashes and repetitions."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from contracts import publish
from contracts.document import parse
from contracts.enforce import check
from contracts.notify.channels import Channels, parse_channels
from contracts.notify.follow import Round, step
from contracts.notify.queue import LEASE_SECONDS, NoticeQueue
from contracts.record import Context
from contracts.source import CsvFile
from proofs.errors import MalformedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

CONTRACT = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true, unique: true}
  - {name: amount, type: number, range: {min: 0}}
notification: {channels: ["#data"]}
"""


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Receiver:
    """A server that remembers what was posted, and answers as it is told."""

    url: str = ""
    status: int = 200
    posts: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.posts.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(found.status)
            if found.status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Iterator[NoticeQueue]:
    opened = NoticeQueue(tmp_path / "notices.db", clock)
    yield opened
    opened.close()


def batch(log: Ledger, folder: Path, rows: str) -> None:
    path = folder / "orders.csv"
    path.write_text(f"id,amount\n{rows}")
    document = parse(CONTRACT.encode())
    publish.publish(log, document, Context(source="urn:shop"))
    check(log, document, CsvFile(path), context=Context(source="urn:shop"))


def slack(url: str, more: str = "") -> Channels:
    channels = f'  - {{name: "#data", kind: slack, url: "{url}/hook"{more}}}\n'
    return parse_channels(f"channels:\n{channels}".encode())


BAD = "1,-5\n2,3\n"


def test_a_bad_batch_is_told_once_and_again_when_the_time_is_over(
    log: Ledger, queue: NoticeQueue, receiver: Receiver, clock: Clock, tmp_path: Path
) -> None:
    step(log, queue, slack(receiver.url), {}, from_start=True)
    batch(log, tmp_path, "1,5\n2,3\n")
    batch(log, tmp_path, BAD)
    first = step(log, queue, slack(receiver.url), {})
    batch(log, tmp_path, BAD.replace("5", "6"))
    second = step(log, queue, slack(receiver.url), {})
    clock.now += 3_601
    batch(log, tmp_path, BAD.replace("5", "7"))
    third = step(log, queue, slack(receiver.url), {})

    assert [first, second, third] == [Round(1, 1, 0), Round(0, 0, 0), Round(1, 1, 0)]
    assert [path for path, _, _ in receiver.posts] == ["/hook", "/hook"]
    assert receiver.posts[0][2] == {
        "text": "shop|orders: ALLOW_WITH_ALERT, risk 15 of 100, contract orders 1.0.0\nrange:amount: 1 of 2"
    }
    assert [(row["told"], row["occurrences"]) for row in queue.counts()] == [(2, 3)]


def test_what_cannot_be_told_is_kept_and_told_later_and_later(
    log: Ledger, queue: NoticeQueue, receiver: Receiver, clock: Clock, tmp_path: Path
) -> None:
    receiver.status = 503
    channels = slack(receiver.url)
    step(log, queue, channels, {}, from_start=True)
    batch(log, tmp_path, BAD)

    tries = []
    for _ in range(6):
        tries.append(step(log, queue, channels, {}).failed)
        clock.now += 31
    receiver.status = 200
    clock.now += 3_600
    told = step(log, queue, channels, {})

    assert tries == [1, 1, 0, 1, 0, 0]  # after 30 s, after 60 more, after 120 more
    assert told.told == 1
    assert queue.counts()[0]["error"] is None


def test_after_two_days_it_is_given_up_and_said(
    log: Ledger, queue: NoticeQueue, receiver: Receiver, clock: Clock, tmp_path: Path
) -> None:
    receiver.status = 302  # no redirection is followed
    step(log, queue, slack(receiver.url), {}, from_start=True)
    batch(log, tmp_path, BAD)
    step(log, queue, slack(receiver.url), {})
    clock.now += 2 * 86_400 + 1
    step(log, queue, slack(receiver.url), {})
    clock.now += 86_400

    assert step(log, queue, slack(receiver.url), {}) == Round(0, 0, 0)
    assert [(row["dead"], row["error"]) for row in queue.counts()] == [(1, "channel #data answered 302")]
    assert {path for path, _, _ in receiver.posts} == {"/hook"}


def test_one_who_dies_while_telling_leaves_it_to_the_next(
    log: Ledger, queue: NoticeQueue, receiver: Receiver, clock: Clock, tmp_path: Path
) -> None:
    step(log, queue, slack(receiver.url), {}, from_start=True)
    batch(log, tmp_path, BAD)
    position = queue.position
    step(log, queue, slack(receiver.url, ", digest_seconds: 60"), {})
    clock.now += 61
    taken = queue.take()  # and dies here

    assert position != queue.position
    assert [len(waiting) for waiting in taken.values()] == [1]
    assert queue.take() == {}
    clock.now += LEASE_SECONDS + 1
    assert step(log, queue, slack(receiver.url), {}).told == 1


def test_two_who_read_the_log_at_once_keep_it_once(
    log: Ledger, queue: NoticeQueue, receiver: Receiver, tmp_path: Path
) -> None:
    step(log, queue, slack(receiver.url), {}, from_start=True)
    position = queue.position
    batch(log, tmp_path, BAD)

    step(log, queue, slack(receiver.url), {})

    assert queue.collect((), position, log.size, repeat_seconds=0) == 0
    assert queue.position == log.size


def test_a_digest_gathers_what_came_meanwhile(
    log: Ledger, queue: NoticeQueue, receiver: Receiver, clock: Clock, tmp_path: Path
) -> None:
    channels = slack(receiver.url, ", digest_seconds: 600")
    step(log, queue, channels, {}, from_start=True)
    batch(log, tmp_path, BAD)
    assert step(log, queue, channels, {}) == Round(1, 0, 0)
    clock.now += 599
    batch(log, tmp_path, "1,5\n1,5\n")
    assert step(log, queue, channels, {}) == Round(1, 0, 0)
    clock.now += 1

    assert step(log, queue, channels, {}).told == 2
    [(_, _, body)] = receiver.posts
    assert [line.split(",")[0] for line in body["text"].splitlines() if line.startswith("shop|")] == [
        "shop|orders: ALLOW_WITH_ALERT",
        "shop|orders: BLOCK_AND_ROLLBACK",
    ]


def test_a_webhook_and_a_pager_get_a_key_and_their_secrets_from_the_environment(
    log: Ledger, queue: NoticeQueue, receiver: Receiver, tmp_path: Path
) -> None:
    channels = parse_channels(
        f"""channels:
  - {{name: hook, kind: webhook, url: "{receiver.url}/w", headers: {{Authorization: "Bearer ${{TOKEN}}"}}}}
  - {{name: pager, kind: pagerduty, routing_key: "${{KEY}}", url: "{receiver.url}/p"}}
default: [hook, pager]
""".encode()
    )
    step(log, queue, channels, {}, from_start=True)
    batch(log, tmp_path, BAD)
    missing = step(log, queue, channels, {})
    assert missing == Round(2, 0, 2)
    assert {row["error"] for row in queue.counts()} == {
        "the environment variable TOKEN is not set",
        "the environment variable KEY is not set",
    }

    queue._now.now += 31  # type: ignore[attr-defined]
    told = step(log, queue, channels, {"TOKEN": "s3cret", "KEY": "k3y"})

    assert told == Round(0, 2, 0)
    posts = {path: (headers, body) for path, headers, body in receiver.posts}
    assert posts["/w"][0]["Authorization"] == "Bearer s3cret"
    assert len(posts["/w"][0]["Idempotency-Key"]) == 64
    assert posts["/w"][1]["notices"][0]["level"] == "warning"
    assert (posts["/p"][1]["routing_key"], posts["/p"][1]["event_action"]) == ("k3y", "trigger")
    assert posts["/p"][1]["payload"]["severity"] == "warning"
    assert b"s3cret" not in (tmp_path / "notices.db").read_bytes()


class Kept(Sink):
    """Keeps what is delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Any] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 OK"


def test_mail_is_delivered_by_smtp(log: Ledger, queue: NoticeQueue, tmp_path: Path) -> None:
    kept = Kept()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        channels = parse_channels(
            f"""channels:
  - {{name: mail, kind: smtp, host: 127.0.0.1, port: {port}, security: none, from: t@example.org, to: [a@b.org, c@d.org]}}
default: [mail]
""".encode()
        )
        step(log, queue, channels, {}, from_start=True)
        batch(log, tmp_path, BAD)
        assert step(log, queue, channels, {}).told == 1
    finally:
        controller.stop()

    [envelope] = kept.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("t@example.org", ["a@b.org", "c@d.org"])
    assert b"Subject: shop|orders: ALLOW_WITH_ALERT" in envelope.content
    assert b"range:amount: 1 of 2" in envelope.content


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("channels: []\n", "line 1: channels: "),
        ("channels: [{name: a, kind: fax}]\n", "line 1: channels.0: "),
        ("channels: [{name: a, kind: slack, url: 'file:///etc/passwd'}]\n", "line 1: channels.0.url: "),
        (
            "channels: [{name: a, kind: slack, url: 'http://x/'}, {name: a, kind: slack, url: 'http://x/'}]\n",
            "name of two",
        ),
        ("channels: [{name: a, kind: pagerduty, routing_key: abc}]\n", "routing_key: stands in the file"),
        ("channels: [{name: a, kind: smtp, host: h, from: f, to: [t], user: u, password: p}]\n", "password: stands in"),
        ("channels: [{name: a, kind: slack, url: 'http://x/'}]\ndefault: [b]\n", "default.0: is no channel here"),
        ("channels: [{name: a, kind: slack, url: 'http://x/'}]\ntemplate: '{title.__class__} {nope}'\n", "is no field"),
        ("channels: [{name: \"a\\r\\nBcc: x\", kind: slack, url: 'http://x/'}]\n", "channels.0.name: "),
    ],
)
def test_what_is_no_file_of_channels_is_refused_at_its_line(text: str, says: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_channels(text.encode())

    assert says in str(caught.value)
