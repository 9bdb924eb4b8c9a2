"""One difference between two schemas, and the step of the version that all of them together need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.registry.semver import Bump


class Direction(StrEnum):
    """What a change does to the documents that are accepted; undetermined is for what cannot be decided here."""

    TIGHTENS = "tightens"
    LOOSENS = "loosens"
    BOTH = "both"
    UNDETERMINED = "undetermined"
    NONE = "none"


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One difference.

    Attributes:
        path: RFC 6901 pointer of the keyword, as one walks from the schema's root through properties, items and
            references.
        kind: What happened, in stable words: "property-removed", "maximum-lowered" …
        breaking: True when a reader with the new schema may refuse what the old one accepted, or when a property that
            readers were promised is gone. What cannot be decided breaks.
    """

    path: str
    kind: str
    direction: Direction
    breaking: bool


def change(path: str, kind: str, direction: Direction) -> Change:
    """Return a change that breaks unless it loosens or does nothing."""
    return Change(path, kind, direction, direction not in (Direction.LOOSENS, Direction.NONE))


def needed_bump(changes: Sequence[Change]) -> Bump:
    """Return the smallest honest step: major when something breaks, minor when more is accepted, else patch."""
    if any(found.breaking for found in changes):
        return Bump.MAJOR
    return Bump.MINOR if any(found.direction is Direction.LOOSENS for found in changes) else Bump.PATCH
