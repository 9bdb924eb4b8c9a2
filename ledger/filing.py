"""The streams that an event is filed in by what its data say, so that whoever read the data once need not read them again.

What is remembered are the names and not the value, which would take many times the bytes of the data for as long as the event
waits to be written.
"""

from __future__ import annotations

from typing import Any, Final

from ledger.document import read_document
from ledger.event import Event
from proofs import limits
from proofs.streams import filed_document

_KEPT: Final = (
    "filing"  # no field of an event: pydantic leaves it out of comparing and printing, as it does a cached property
)


def remember(event: Event, value: Any) -> None:
    """Remember with `event` how it is filed, of whose data `value` was read by the rules of `read_document`."""
    if not event.is_json:
        return  # whatever they may look like, such data name no streams
    names = filed_document(event.type, event.source, value)
    if len(names) <= limits.MAX_STREAMS:  # of more than one entry can hold, they would be long to keep
        event.__dict__[_KEPT] = ((event.data, event.type, event.source, event.datacontenttype), names)


def streams_of(event: Event) -> list[str]:
    """Return the streams of an event none of whose parts is cut out, sorted.

    Raises:
        RefusedError: Its data claim to be JSON, and are not acceptable.
    """
    kept = event.__dict__.get(_KEPT)
    # A copy of an event takes along what was remembered, and may say something else.
    if kept is not None and kept[0] == (event.data, event.type, event.source, event.datacontenttype):
        names: list[str] = kept[1]
        return names
    value = read_document(event.data) if event.data and event.is_json else None
    return filed_document(event.type, event.source, value)
