"""The drivers that are held to the contract of ledger/store.py; a new one is added here, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.store import Store
from ledger.stores.memory import MemoryStore
from ledger.stores.postgres import PostgresStore
from ledger.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from tests.editor import Copy

ORIGIN = "ledger.example/conformance"
DRIVERS: dict[str, Callable[[pytest.FixtureRequest], Store]] = {
    "memory": lambda request: MemoryStore(origin=ORIGIN),
    "sqlite": lambda request: SqliteStore.create(str(folder(request) / "log.db"), origin=ORIGIN),
    "postgres": lambda request: PostgresStore.create(
        request.getfixturevalue("postgres_url"), origin=ORIGIN, views=lambda _: folder(request) / "views.db"
    ),
}
# Those whose rows somebody can edit behind the ledger's back; memory is gone with its process.
COPIES = {"sqlite": "sqlite_copy", "postgres": "postgres_copy"}


def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue("tmp_path")
    return path


@pytest.fixture(params=sorted(DRIVERS))
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store, once for each driver."""
    driver: str = request.param
    made = DRIVERS[driver](request)
    yield made
    made.close()


@pytest.fixture(params=sorted(COPIES))
def copy(request: pytest.FixtureRequest) -> Copy:
    """A whole copy of a sound ledger, to be edited, once for each driver that has files or tables."""
    made: Copy = request.getfixturevalue(COPIES[request.param])
    return made
