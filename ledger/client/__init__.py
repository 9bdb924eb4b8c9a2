"""What a producer imports: events go into a durable outbox at once, and from there to the ledger's server.

    from ledger.client import Client

    client = Client("https://ledger.example.org", outbox="/var/lib/shop/outbox.db", source="urn:acme:shop", token=…)
    client.emit(event)          # durable when it returns, and never waits for the network

Nothing is imported before it is used: no server, no database engine, no HTTP before there is something to send.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ledger.client.aio import AsyncClient
    from ledger.client.client import Client
    from ledger.client.settings import Settings

__all__ = ["AsyncClient", "Client", "Settings"]

_MODULES: Final = {"AsyncClient": "aio", "Client": "client", "Settings": "settings"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
