"""The drivers that are held to the contract of ledger/store.py; a new one is added here, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.store import Store
from ledger.stores.memory import MemoryStore
from ledger.stores.sqlite import SqliteStore

ORIGIN = "ledger.example/conformance"
DRIVERS: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(origin=ORIGIN),
    "sqlite": lambda folder: SqliteStore.create(str(folder / "log.db"), origin=ORIGIN),
}


@pytest.fixture(params=sorted(DRIVERS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, once for each driver."""
    driver: str = request.param
    made = DRIVERS[driver](tmp_path)
    yield made
    made.close()
