"""`tally outbox` as an operator uses it: what waits, why, and how it gets on its way."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from ledger.client import Client
from ledger.event import Event
from proofs.errors import MalformedError

if TYPE_CHECKING:
    from tests.counterpart import Counterpart
    from tests.scripts.conftest import Ended, Tally

SOURCE = "urn:acme:shop"


@pytest.fixture
def outbox(tmp_path: Path, ended: type[Ended]) -> Tally:
    """Run `tally outbox` in this process; how a command starts as one of its own is shown in test_cli.py."""

    def run(*arguments: str, name: str = "outbox.db") -> Ended:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for variable in ("TALLY_URL", "TALLY_TOKEN_FILE", "TALLY_LEDGER"):
                patch.delenv(variable, raising=False)
            patch.setenv("TALLY_OUTBOX", name and str(tmp_path / name))
            status = main(["outbox", *arguments])
        return ended(arguments, status, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def emitted(outbox: Tally, tmp_path: Path) -> Tally:
    """The same, on an outbox in which six events wait."""
    client = Client(outbox=tmp_path / "outbox.db", source=SOURCE)
    client.emit_all([Event.of("com.acme.order.v1", SOURCE, {"n": n}, time="2026-01-01T00:00:00Z") for n in range(3)])
    client.emit(Event(type="com.acme.bad.v1", source=SOURCE, data=b"no json\x1b[31m"))
    client.emit(
        Event(type="com.acme.person.v1", source=SOURCE, data=b'{"who":"Ada"}', parts=("/who",), person="person:1")
    )
    client.close()
    return outbox


def test_a_flush_that_fails_closes_what_it_opened(emitted: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Client] = []

    def fail(client: Client, timeout: float) -> int:
        opened.append(client)
        raise MalformedError("the outbox is damaged")

    monkeypatch.setattr(Client, "flush", fail)

    ended = emitted("flush", "--url", "http://127.0.0.1:9")

    assert ended.returncode == 4
    assert [client._is_closed for client in opened] == [True]


def test_the_way_of_an_event_that_waits(emitted: Tally, counterpart: Counterpart) -> None:
    waiting = emitted("status", "--verify", "--json").document()
    assert (waiting["waiting"], waiting["dead_letters"], waiting["chain"], waiting["delivers_to"]) == (
        6,
        0,
        "whole",
        None,
    )
    assert waiting["bytes"] > 1_000
    assert waiting["last_trouble"] is None

    flushed = emitted("flush", "--url", counterpart.url)
    assert (flushed.returncode, flushed.stdout) == (0, "✓ 5 delivered, 1 became dead letters\n")

    (letter,) = emitted("dead-letters", "--json").document()
    assert (letter["type"], letter["code"], letter["source"]) == ("com.acme.bad.v1", "refused", SOURCE)
    assert "\x1b" not in emitted("dead-letters").stdout
    assert emitted("replay", "--json").document() == {"replayed": 1}
    assert emitted("flush", "--json").document() == {"delivered": 0, "dead_letters": 1, "left": 0}
    (again,) = emitted("dead-letters", "--json").document()
    assert emitted("discard", str(again["n"]), "--json").document() == {"discarded": 1}
    assert emitted("dead-letters").stdout == "no dead letters\n"
    after = emitted("status", "--verify", "--json").document()
    assert (after["waiting"], after["oldest_seconds"], after["bytes"], after["chain"]) == (0, None, 0, "whole")
    assert after["delivers_to"] == counterpart.url


def test_a_person_is_forgotten_before_anything_is_delivered(emitted: Tally, counterpart: Counterpart) -> None:
    assert emitted("forget", "--person", "person:1", "--json").document() == {"events": 1}
    assert emitted("forget", "--person", "person:1", "--json").document() == {"events": 0}
    emitted("flush", "--url", counterpart.url, "--json").document()

    (record,) = counterpart.log.stream("type:com.acme.person.v1")
    assert record.body == b'{"who":null}'


def test_status_speaks_to_people_too(emitted: Tally) -> None:
    ended = emitted("status")

    lines = [line.split("  ", 1)[0].strip() + "=" + line.rsplit("  ", 1)[1] for line in ended.stdout.splitlines()]
    assert {"waiting=6", "chain=not verified", "last trouble=–"} <= set(lines)


def test_what_is_left_says_why_and_ends_with_its_status(emitted: Tally) -> None:
    ended = emitted("flush", "--url", "http://127.0.0.1:9", "--timeout", "0.5")

    assert (ended.returncode, ended.stdout) == (13, "")
    assert ended.stderr.splitlines()[-2:] == [
        "tally: 6 of 6 events still wait after 0.5 seconds",
        "  hint: no answer from 127.0.0.1:9: Connection refused",
    ]
    assert "Connection refused" in emitted("status", "--json").document()["last_trouble"]
    moved = emitted("flush", "--url", "http://127.0.0.1:10", "--timeout", "0.5")
    assert moved.returncode == 9
    assert "delivers to 'http://127.0.0.1:9', not to 'http://127.0.0.1:10'" in moved.stderr


def test_an_outbox_moves_to_its_new_server(emitted: Tally, counterpart: Counterpart) -> None:
    emitted("bind", "http://127.0.0.1:9")
    assert emitted("bind", f"{counterpart.url}/", "--json").document() == {"delivers_to": counterpart.url}

    assert emitted("flush", "--json").document()["left"] == 0


def test_a_broken_chain_ends_with_tampered(emitted: Tally, tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "outbox.db") as conn:
        conn.execute("UPDATE waiting SET body = x'7b7d' WHERE n = 2")
    conn.close()

    ended = emitted("status", "--verify")

    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith("tally: record 2: the body is not the one that the record commits to")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("status",), 8, "no outbox at"),
        (("flush", "--url", "http://127.0.0.1:9"), 8, "no outbox at"),
        (("replay", "x"), 2, "'x' is not a valid integer"),
        (("discard",), 2, "name the dead letters"),
        (("bind", "ftp://x"), 9, "server URL is not"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_a_status(
    outbox: Tally, tmp_path: Path, arguments: tuple[str, ...], status: int, says: str
) -> None:
    ended = outbox(*arguments)

    assert (ended.returncode, ended.stdout) == (status, "")
    assert says in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_name_there_is_no_outbox(outbox: Tally) -> None:
    ended = outbox("status", name="")

    assert ended.returncode == 8
    assert "no outbox named" in ended.stderr


@pytest.mark.parametrize("is_waiting", [True, False], ids=["something waits", "nothing waits"])
def test_a_token_file_that_is_not_there_is_told_before_anything_is_asked(
    emitted: Tally, tmp_path: Path, counterpart: Counterpart, *, is_waiting: bool
) -> None:
    if not is_waiting:
        emitted("flush", "--url", counterpart.url, "--json").document()
    asked = len(counterpart.requests)

    ended = emitted("flush", "--url", counterpart.url, "--token-file", str(tmp_path / "nofile"))

    assert (ended.returncode, ended.stdout) == (8, "")
    assert ended.stderr == f"tally: {tmp_path / 'nofile'}: token file cannot be read: No such file or directory\n"
    assert len(counterpart.requests) == asked


def refuse(counterpart: Counterpart, status: int) -> None:
    """Let the server answer everything so."""

    def answer(handler: Any, _body: bytes) -> bool:
        handler.problem(status, "unauthenticated", "the credential is unknown")
        return True

    counterpart.misbehave = answer


@pytest.mark.parametrize("status", [401, 403])
def test_a_credential_that_is_refused_ends_the_flush_at_once(
    emitted: Tally, tmp_path: Path, counterpart: Counterpart, status: int
) -> None:
    refuse(counterpart, status)
    (tmp_path / "token").write_text("tally_no")

    ended = emitted("flush", "--url", counterpart.url, "--token-file", str(tmp_path / "token"), "--timeout", "600")

    assert (ended.returncode, ended.stdout) == (9, "")
    assert f"6 of 6 events still wait: the server answered {status}" in ended.stderr


def test_a_credential_that_was_refused_before_and_is_not_now_delivers(emitted: Tally, counterpart: Counterpart) -> None:
    refuse(counterpart, 401)
    assert emitted("flush", "--url", counterpart.url).returncode == 9
    counterpart.misbehave = None

    assert emitted("flush", "--json").document()["left"] == 0
