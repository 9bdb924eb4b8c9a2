"""The append-only log.

    import ledger

    log = ledger.open("sqlite:///audit.db")
    receipt = log.append(event)

Nothing is imported before it is used: a producer that takes `ledger.event` loads no database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ledger.log import Ledger


def open(url: str, **options: Any) -> Ledger:
    """Open an existing ledger; options as `ledger.connect.open_ledger`."""
    from ledger.connect import open_ledger

    return open_ledger(url, **options)


def accept_restored(url: str, **options: Any) -> Ledger:
    """Go on from a restored backup, and record what is lost; options as `ledger.connect.accept_restored`."""
    from ledger import connect

    return connect.accept_restored(url, **options)


def create(url: str, *, origin: str, **options: Any) -> Ledger:
    """Create a ledger with its keys and open it; options as `ledger.connect.create_ledger`."""
    from ledger.connect import create_ledger

    return create_ledger(url, origin=origin, **options)
