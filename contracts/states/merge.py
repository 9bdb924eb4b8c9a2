"""How the counts of several files become those of all: pure, and exact, or not at all.

    added           rows that are so; sums, which are integers and decimals
    least, most     minimum, maximum, the newest moment; NaN is greater than all, as the engine has it
    bins            the histogram of a drift
    distinct        what stands once: added, but where a hash of one file's values is found in another one's, too; the values of
                    these files are then counted together (contracts.states.scan)

A standard deviation and a quantile, SQL of the contract's own, references and functions are asked of all files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Any, Final

from contracts.scan.query import Part
from contracts.terms import Kind

_ROWS: Final = frozenset(
    Kind(name)
    for name in (
        "required", "max_null", "type", "range", "enum", "pattern", "length", "format", "expression", "null_values",
        "missing_values", "invalid_values", "completeness", "mean", "sum",
    )
)  # fmt: skip
DISTINCT: Final = frozenset((Kind.UNIQUE, Kind.KEY, Kind.DUPLICATE_VALUES, Kind.DISTINCT_VALUES))
_WIDE: Final = Context(prec=200)  # sums are exact: the usual 28 digits would round


def ways_of(part: Part) -> tuple[str, ...] | None:
    """Return how each answer of a rule is merged; None where it is not."""
    count = len(part.sql)
    match part.rule.kind:
        case kind if kind in _ROWS:
            return ("add",) * count
        case Kind.MINIMUM:
            return "add", "least"
        case Kind.MAXIMUM:
            return "add", "most"
        case Kind.FRESHNESS:
            return ("most",)
        case Kind.DRIFT:
            return "bins", "add"
        case kind if kind in DISTINCT:
            return ("add",)
    return None


def merged(way: str, answers: Sequence[Any]) -> Any:
    """Return what the answers for each file come to; None where all are null."""
    there = [answer for answer in answers if answer is not None]
    if not there:
        return None
    match way:
        case "least":
            return min(there, key=_order)
        case "most":
            return max(there, key=_order)
        case "bins":
            bins: Counter[Any] = Counter()
            for answer in there:
                bins.update(answer)
            return dict(bins)
    total = there[0]
    for answer in there[1:]:
        total = _WIDE.add(total, answer) if isinstance(total, Decimal) else total + answer
    return total


def _order(number: Any) -> tuple[bool, Any]:
    is_nan = isinstance(number, float) and number != number
    return is_nan, 0 if is_nan else number
