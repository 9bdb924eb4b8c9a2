"""What a vector must be: of so many elements, all of them finite, of a norm within bounds; computed in double precision."""

from __future__ import annotations

from contracts.columns import Column
from contracts.modelchecks import Dimensions, Finite, Norm
from contracts.scan.fields import in_bounds
from contracts.scan.query import Query, UnfitError, Value


def vector_holds(check: Dimensions | Norm | Finite, value: Value, query: Query) -> str:
    """Return the condition that a vector satisfies.

    Raises:
        UnfitError: The column holds no lists, or the bounds are no numbers.
    """
    if value.column.type not in ("list", "array"):
        raise UnfitError(f"column {value.column.name!r} holds no vectors")
    # Elements that are no numbers make no vector, and break whatever is asked of one.
    elements = f"TRY_CAST({value.typed} AS DOUBLE[])"
    if isinstance(check, Dimensions):
        return f"len({elements}) = {check.dimensions}"
    finite = f"len(list_filter({elements}, lambda x: x IS NULL OR NOT isfinite(x))) = 0"
    if isinstance(check, Finite):
        return finite
    # Where one is not finite, there is nothing to be summed: an infinity would be an error of the whole query.
    norm = f"sqrt(CASE WHEN {finite} THEN coalesce(list_sum(list_transform({elements}, lambda x: x * x)), 0) END)"
    as_number = Value(norm, norm, Column("norm", norm, "double"))
    return in_bounds(as_number, check.bounds, query)
