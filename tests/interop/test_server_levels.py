"""Service levels on the server's metrics page: for whoever sees everything, and read anew only after a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from contracts import publish
from contracts.document import parse
from contracts.slo.facts import BREACHED, MEASURED, RECOVERED
from contracts.slo.measure import measure
from contracts.slo.stretches import seconds_of
from ledger import access
from ledger.clock import print_at
from ledger.event import Event
from proofs.errors import BusyError
from server.auth import Principal, check_write
from server.errors import ForbiddenError
from server.levels import Levels

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

CONTRACT = b"""name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema: [{name: id, type: integer}]
slos: [{name: arrives, indicator: delivery, target: {max: 3600}}]
"""


def test_the_metrics_have_every_level_for_whoever_sees_everything(
    serve_in: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    running = serve_in(tmp_path_factory.mktemp("levels"), open=False)
    with running.open() as log:
        publish.publish(log, parse(CONTRACT))
        measure(log, seconds_of(print_at(log.clock())))
        whole, _ = access.grant(log, ["reader"])
        bound, _ = access.grant(log, ["reader"], namespaces=["crm"])
    deadline = time.monotonic() + 20
    while running.get("/metrics", bound).status != 200 and time.monotonic() < deadline:
        time.sleep(0.05)

    every, some = (running.get("/metrics", token).body.decode() for token in (whole, bound))

    assert 'tally_slo_budget_left_ratio{contract="orders",slo="arrives"} 1.0000\n' in every
    assert "tally_slo" not in some
    assert "tally_entries " in some


def test_levels_are_read_once_in_a_while_and_what_was_known_is_told_where_they_cannot_be(ledgers: Ledgers) -> None:
    log, now, journal = ledgers.create(), [0.0], []
    publish.publish(log, parse(CONTRACT))
    is_busy: list[bool] = []

    async def at_desk(work: Callable[[Ledger], str]) -> str:
        if is_busy:
            raise BusyError("the ledger is locked")
        return f"# {now[0]:.0f}\n" + work(log)

    levels = Levels(at_desk, lambda event, **said: journal.append((event, said["code"])), lambda: now[0])

    async def told(seconds: float) -> bytes:
        now[0] = seconds
        return (await levels.exposition()).partition(b"\n")[0]

    async def scraped() -> list[bytes]:
        found = [await told(0), await told(29), await told(31)]
        is_busy.append(True)
        return [*found, await told(70)]

    assert asyncio.run(scraped()) == [b"# 0", b"# 0", b"# 31", b"# 31"]
    assert journal == [("levels-not-read", "busy")]


@pytest.mark.parametrize(
    ("type", "source"), [(BREACHED, "urn:shop"), (RECOVERED, "urn:shop"), (MEASURED, "urn:tallystick:slo:measure")]
)
def test_no_emitter_tells_of_a_breach_or_measures_in_our_name(type: str, source: str) -> None:
    event = Event(id="1", type=type, source=source, data=b"{}")

    with pytest.raises(ForbiddenError):
        check_write(Principal("token:1", frozenset(("emitter",))), event)
    check_write(Principal("token:2", frozenset(("compliance",))), event)
