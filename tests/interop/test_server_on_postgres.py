"""The service over a log in PostgreSQL: what it acknowledged is there once, across workers, a kill and the database's restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from ledger.client import Client
from ledger.event import Event
from ledger.fsck import fsck
from proofs.checkpoint import Checkpoint
from proofs.note import Note

if TYPE_CHECKING:
    from tests.conftest import Ledgers, Served
    from tests.pgserver import Server

SOON = 60.0


@pytest.fixture
def server(pgserver: ModuleType) -> Iterator[Server]:
    """A PostgreSQL of this test's own: it is killed."""
    yield from pgserver.started()


def emitted(client: Client, count: int) -> list[str]:
    return [client.emit(Event.of("com.acme.order.v1", "urn:acme:shop", {"n": n})).id for n in range(count)]


def recorded(ledgers: Ledgers) -> list[str]:
    """The ids of what the client emitted, in log order."""
    return [record.id for record in ledgers.open().read(bodies=False) if record.type == "com.acme.order.v1"]


def test_two_workers_serve_one_log_and_sign_it(
    postgres_ledgers: Ledgers, serve: Callable[..., Served], tmp_path: Path
) -> None:
    postgres_ledgers.create()
    postgres_ledgers.close()
    served = serve("--workers", "2", "--checkpoint-every", "0.2", ledger_url=postgres_ledgers.url())

    with Client(served.url, outbox=tmp_path / "outbox.db", source="urn:acme:shop") as client:
        ids = emitted(client, 300)
        assert client.flush(SOON) == 0
    assert served.stop() == 0  # what was written last is signed at the end

    assert recorded(postgres_ledgers) == ids
    log = postgres_ledgers.open()
    assert fsck(log.store, keyring=log.keyring).findings == ()
    assert Checkpoint.parse(Note.parse(log.store.checkpoints.all()[-1][1]).text).size == log.size


def test_a_database_that_is_killed_and_comes_back_costs_no_event(
    server: Server, pgserver: ModuleType, ledgers_in: type[Ledgers], serve: Callable[..., Served], tmp_path: Path
) -> None:
    ledgers = ledgers_in(tmp_path, database=server.url(server.database(template=pgserver.TEMPLATE)))
    ledgers.create()
    ledgers.close()
    served = serve(ledger_url=ledgers.url())

    with Client(served.url, outbox=tmp_path / "outbox.db", source="urn:acme:shop") as client:
        ids = emitted(client, 50)
        server.kill()
        ids += emitted(client, 50)
        server.start()
        assert client.flush(SOON) == 0

    assert recorded(ledgers) == ids
    ledgers.close()
