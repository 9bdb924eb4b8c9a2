"""A source without bytes of its own: nobody else could hash it and find the same, so its batches have no fingerprint."""

from __future__ import annotations

from pathlib import Path

from contracts.source import Fingerprint


class Unhashed:
    """What frames and tables of a database have in common."""

    __slots__ = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """None: rows in memory, of a server, or that may stand in a file's log."""
        return ()

    def hashed(self) -> Fingerprint | None:
        """Return None, as `examine`."""
        return None

    def examine(self) -> Fingerprint | None:
        """Return None: the same rows may stand in other bytes."""
        return None
