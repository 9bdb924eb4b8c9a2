"""Whether one promise follows from another: bounds in bounds, values in values.

A side that is None promises nothing. From the reader's end: what tightens says more of the data than before, what loosens less.
"""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal
from typing import Final

from contracts.bounds import Bounds
from contracts.registry.change import Direction
from contracts.terms import Scalar

_INFINITE: Final = Decimal("Infinity")
_DAY: Final = len("YYYY-MM-DD")


def joined(*directions: Direction) -> Direction:
    """Return what several directions come to together."""
    found = set(directions) - {Direction.NONE}
    if not found:
        return Direction.NONE
    if len(found) == 1:
        return found.pop()
    return Direction.UNDETERMINED if Direction.UNDETERMINED in found else Direction.BOTH


def by_presence(old: object, new: object) -> Direction | None:
    """Return the direction where one side promises nothing, or both the same; None where both promise something else."""
    if old == new:
        return Direction.NONE
    if old is None:
        return Direction.TIGHTENS
    return Direction.LOOSENS if new is None else None


def of_bounds(old: Bounds | None, new: Bounds | None) -> Direction:
    """Return what becomes of bounds."""
    if (found := by_presence(old, new)) is not None:
        return found
    assert old is not None
    assert new is not None
    sides = [_ends(old), _ends(new)]
    if old.negated or new.negated or None in sides:
        return Direction.UNDETERMINED
    (low, high), (new_low, new_high) = (side for side in sides if side is not None)
    return joined(_moved(new_low, low), _moved(high, new_high))


def of_sets(old: Set[object] | None, new: Set[object] | None) -> Direction:
    """Return what becomes of listed values: fewer of them say more."""
    if (found := by_presence(old, new)) is not None:
        return found
    assert old is not None
    assert new is not None
    if new < old:
        return Direction.TIGHTENS
    return Direction.LOOSENS if new > old else Direction.BOTH


def of_amount(old: Decimal | int | None, new: Decimal | int | None) -> Direction:
    """Return what becomes of a bound from above: less of it says more."""
    if (found := by_presence(old, new)) is not None:
        return found
    assert old is not None
    assert new is not None
    return Direction.TIGHTENS if new < old else Direction.LOOSENS


def of_promise(old: bool, new: bool) -> Direction:  # noqa: FBT001 - the same thing before and after
    """Return what becomes of a promise that is made or not."""
    if old == new:
        return Direction.NONE
    return Direction.TIGHTENS if new else Direction.LOOSENS


def of_word(old: object, new: object) -> Direction:
    """Return what becomes of what cannot be compared: undetermined where both say something else."""
    found = by_presence(old, new)
    return Direction.UNDETERMINED if found is None else found


def _moved(lower: tuple[Decimal | str, int], than: tuple[Decimal | str, int]) -> Direction:
    if type(lower[0]) is not type(than[0]):
        return Direction.UNDETERMINED
    if lower == than:
        return Direction.NONE
    return Direction.TIGHTENS if lower > than else Direction.LOOSENS


def _ends(bounds: Bounds) -> tuple[tuple[Decimal | str, int], tuple[Decimal | str, int]] | None:
    """The lower end, with 1 where it is exclusive, and the upper, with −1; None where their order is not that of their text."""
    given = [bound for bound in (bounds.min, bounds.above, bounds.max, bounds.below) if bound is not None]
    is_text = isinstance(given[0], str)
    if any(isinstance(bound, str) is not is_text or (isinstance(bound, str) and len(bound) != _DAY) for bound in given):
        return None
    least: Decimal | str = "" if is_text else -_INFINITE
    most: Decimal | str = "\uffff" if is_text else _INFINITE
    return _end(bounds.min, bounds.above, least, 1), _end(bounds.max, bounds.below, most, -1)


def _end(
    inclusive: Scalar | None, exclusive: Scalar | None, nothing: Decimal | str, step: int
) -> tuple[Decimal | str, int]:
    bound = exclusive if exclusive is not None else inclusive
    if bound is None:
        return nothing, 0
    return (bound if isinstance(bound, str) else Decimal(bound)), step if exclusive is not None else 0
