"""What the console's pages remember between two questions, so that none reads a contract or an entry again; the desk's alone."""

from __future__ import annotations

import time

from contracts.slo.catalogue import Known
from evidence.overview import Lookout
from ledger.log import Ledger


class Remembered:
    """Contracts that were read, and who looks out over the ledger.

    Attributes:
        contracts: By the hash of their text.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.contracts: Known = {}
        self._lookout: Lookout | None = None

    def lookout(self, log: Ledger) -> Lookout:
        """Return who looks out over the desk's ledger, which is the same as long as the service lives."""
        if self._lookout is None:
            self._lookout = Lookout(log, now=time.time)
        return self._lookout
