"""One record of a foreign system on its way in: an event marked as imported, or why it cannot be one.

The event keeps its own clock in `time`; the ledger's clock says when it was imported; `ext.imported` says from what.
Importing the same again changes nothing: an event without an id is known again by what was received (I4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.event import Event
from ledger.openlineage import event_from_openlineage
from proofs.errors import TallyError

MARK: Final = "imported"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One record that was read.

    Attributes:
        where: Its place in what it was read from, for people.
        event: What to append; None when it was refused.
        refusal: Why it was refused.
    """

    where: str
    event: Event | None
    refusal: str = ""


def arrive(data: bytes, *, where: str, system: str, source: str | None = None) -> Arrival:
    """Return one OpenLineage event, byte for byte as it was read.

    Args:
        system: From what it is imported, for example "marquez".
        source: Who is recorded as its source; None: the event's own producer.
    """
    try:
        event = event_from_openlineage(data, source=source)
    except TallyError as error:
        return Arrival(where, None, error.what)
    return Arrival(where, event.model_copy(update={"ext": {**event.ext, MARK: system}}))
