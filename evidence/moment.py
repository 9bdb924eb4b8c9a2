"""The cut of a question of lineage as the bounds of what contracts said: their facts are as old as their entries."""

from __future__ import annotations

from typing import TypedDict

from lineage.chronicle.cut import NOW, Cut
from lineage.chronicle.vertex import printed


class Bounds(TypedDict):
    """As `contracts.binding` takes them."""

    as_of: str | None
    known_at: int | None


def bounds_of(cut: Cut) -> Bounds:
    """Return the time and the entry up to which facts count; None where the cut is open."""
    return {
        "as_of": None if cut.as_of == NOW.as_of else printed(cut.as_of),
        "known_at": None if cut.known_at == NOW.known_at else cut.known_at,
    }
