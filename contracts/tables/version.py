"""Which state of a table was measured, as the table's own log calls it, so that it can be found again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableVersion:
    """A state of a table.

    Attributes:
        id: The table's own, which it keeps as long as it lives: a UUID.
        version: Delta's version or Iceberg's snapshot, in decimal; "0" of an Iceberg table that has none.
        log: The SHA-256 in hex of what the log says of it: Delta's commit, or Iceberg's manifest list; None where that is gone.
    """

    id: str
    version: str
    log: str | None = None
