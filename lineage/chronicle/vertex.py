"""What a graph through time consists of: points, links between them, and the moments and states in which they stand.

Plain tuples and integers: a million of them stand in a table, and thousands are compared for each event.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from proofs.statement import Node

# (kind, namespace, name, column): kind is "dataset", "job" or "column"; a column without a name stands for its whole dataset.
Vertex = tuple[str, str, str, str]
# (layer, source, target, origin): within one job, or without one.
Link = tuple[str, Vertex, Vertex, str]
# From, until (half-open), in microseconds since 1970 by the producers' clocks.
Interval = tuple[int, int]

DATA: Final = (
    "data"  # the target derives from the source; origin: table, hub, test, explicit, column, renamed, contract
)
COLUMN: Final = "column"  # likewise of columns; origin: direct, indirect
SAME: Final = "same"  # two names of one thing; origin: symlink, alias, unquote, fold-case
WITHIN: Final = "within"  # a job is part of another; origin: parent, step, root
LAYERS: Final = (DATA, COLUMN, SAME, WITHIN)

STATES: Final = ("declared", "open", "attempted", "committed")  # the later wins
ALWAYS: Final = -(2**62)
FOREVER: Final = 2**62

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DATE_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))\Z",
    re.ASCII,
)


def dataset(namespace: str, name: str) -> Vertex:
    """Return the point of a dataset."""
    return ("dataset", namespace, name, "")


def job(namespace: str, name: str) -> Vertex:
    """Return the point of a job."""
    return ("job", namespace, name, "")


def column(of: Vertex, name: str) -> Vertex:
    """Return a column of a dataset; without a name, what speaks of all of them."""
    return ("column", of[1], of[2], name)


def owner(vertex: Vertex) -> Vertex:
    """Return the dataset of a column, and every other point itself."""
    return ("dataset", vertex[1], vertex[2], "") if vertex[0] == "column" else vertex


def of_node(node: Node) -> Vertex:
    """Return the point of a dataset or a job."""
    return (*node, "")


def to_node(vertex: Vertex) -> Node:
    """Return the dataset or the job of a point."""
    return Node(*owner(vertex)[:3])


def moment(text: object) -> int | None:
    """Return the microsecond that an RFC 3339 text names, cut where it names a part of one; None where it names none."""
    matched = _DATE_TIME.match(text) if isinstance(text, str) else None
    if matched is None:
        return None
    day, clock, decimals, offset = matched.groups()
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{offset or '+00:00'}")
        seconds = (whole - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
    return seconds + int(f"{decimals or '':0<6.6}")


def printed(time: int) -> str:
    """Return a moment as an entry prints one; empty for one before or after all."""
    if time in (ALWAYS, FOREVER):
        return ""
    return (_EPOCH + time * _MICROSECOND).isoformat(timespec="microseconds").replace("+00:00", "Z")
