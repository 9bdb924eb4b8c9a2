"""Every endpoint of the console."""

from __future__ import annotations

from typing import Final

from server.console import contracts, decisions, deletions, journal, quarantines, schemas, standing
from server.table import Endpoint

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *decisions.ENDPOINTS,
    *contracts.ENDPOINTS,
    *quarantines.ENDPOINTS,
    *schemas.ENDPOINTS,
    *deletions.ENDPOINTS,
    *journal.ENDPOINTS,
    *standing.ENDPOINTS,
)
