"""What a service reads of the log while others write it: credentials at one state of it, and whether it grew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger import access
from ledger.event import Event
from ledger.log import Ledger
from server.errors import OverloadedError, UnauthenticatedError
from server.metrics import Metrics
from server.service import Service
from server.settings import Settings
from server.signing import Signing


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TALLY_KEY_PASSPHRASE", "x")
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture
def log(url: str, tmp_path: Path) -> Iterator[Ledger]:
    made = ledger.create(url, origin="ledger.example/o", home=tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def service(url: str, log: Ledger, tmp_path: Path) -> Service:
    settings = Settings.of(ledger=url, home=tmp_path / "home", checkpoint_every=0)
    return Service(settings, metrics=Metrics(), journal=lambda *_, **__: None)


def once_before(name: str, happens: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen in another process just before the service reads a part of the log."""
    real: Callable[..., Any] = getattr(access, name)
    waiting = [happens]

    def reads(*values: Any) -> Any:
        if waiting:
            waiting.pop()()
        return real(*values)

    monkeypatch.setattr(access, name, reads)


@pytest.mark.parametrize("name", ["edition", "changes"])
def test_a_revocation_between_two_reads_of_the_log_is_followed(
    service: Service, log: Ledger, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    token, _ = access.grant(log, ["reader"])
    id = token.split("_")[1]

    async def scenario() -> None:
        await service.start()
        try:
            assert (await service.identify(token)).roles == {"reader"}
            if name == "changes":
                access.grant(log, ["reader"])  # else nothing would be looked for
            once_before(name, lambda: access.revoke(log, id), monkeypatch)
            for _ in range(2):
                await service.read(service._follow_grants)
            with pytest.raises(UnauthenticatedError):
                await service.identify(token)
        finally:
            await service.stop()

    asyncio.run(scenario())


def test_a_credential_that_is_granted_between_two_reads_of_the_log_is_let_in(
    service: Service, log: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    async def scenario() -> None:
        await service.start()
        try:
            once_before("edition", lambda: made.append(access.grant(log, ["reader"])[0]), monkeypatch)
            for _ in range(2):
                await service.read(service._follow_grants)
            assert (await service.identify(made[0])).roles == {"reader"}
        finally:
            await service.stop()

    asyncio.run(scenario())


def test_a_log_that_did_not_grow_is_counted_once(service: Service, log: Ledger) -> None:
    signing = Signing(service.settings, service.metrics, service.journal, service.at_desk)
    log.append(Event(type="org.example.v1", source="urn:x", id="1", data=b"1"))
    size = log.size

    for _ in range(3):
        signing._count(log)
    assert log.size == size + 1
    log.append(Event(type="org.example.v1", source="urn:x", id="2", data=b"1"))
    signing._count(log)
    asyncio.run(signing.finish())

    assert log.size == size + 3


def test_who_waits_at_the_desk_is_bounded_and_signing_is_not_turned_away(service: Service, log: Ledger) -> None:
    async def scenario() -> None:
        await service.start()
        try:
            waiting = [asyncio.create_task(service.at_desk(lambda log: log.size)) for _ in range(64)]
            await asyncio.sleep(0)
            with pytest.raises(OverloadedError, match="64 requests are waiting at the desk already"):
                await service.at_desk(lambda log: log.size)
            assert await service._at_desk(lambda log: log.size) == log.size
            assert await asyncio.gather(*waiting) == [log.size] * 64
        finally:
            await service.stop()

    asyncio.run(scenario())
