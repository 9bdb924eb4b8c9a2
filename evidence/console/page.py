"""Pages of what there is most of, the newest first: filtered by who may see it, with a cursor to what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proofs.streams import qualified

Sees = Callable[[Iterable[str]], bool]
"""True where the asker may see what is filed in one of these streams."""
Row = Mapping[str, Any]

LAST: Final = 2**62
_AT_ONCE: Final = 500
LOOKED_THROUGH: Final = 10_000  # rows for one page: who may see one in a million asks again, and holds nobody up


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the cursor of those that follow: None at the end."""

    rows: tuple[Row, ...]
    next: int | None


def newest(
    read: Callable[[int, int], Sequence[Row]], sees: Callable[[Row], bool], *, after: int | None, limit: int
) -> Page:
    """Return a page of rows that the asker may see.

    Args:
        read: Returns at most so many rows whose `seq` is below a number, the highest first.
        after: The cursor of the page before; None for the first.
    """
    below = LAST if after is None else after
    kept: list[Row] = []
    looked, count = 0, limit + 1
    while looked < LOOKED_THROUGH:
        rows = read(below, count)
        for row in rows:
            if sees(row):
                if len(kept) == limit:
                    return Page(tuple(kept), int(kept[-1]["seq"]))
                kept.append(row)
        if len(rows) < count:
            return Page(tuple(kept), None)
        below = int(rows[-1]["seq"])
        looked, count = looked + count, _AT_ONCE
    return Page(tuple(kept), below)


def filed(*, dataset: tuple[str, str] | None = None, **names: str) -> tuple[str, ...]:
    """Return the streams that a fact is filed in, by what it speaks of: a dataset, and `contract`, `schema` or `request`."""
    of = () if dataset is None else (f"dataset:{qualified(*dataset)}",)
    return (*of, *(f"{kind}:{name}" for kind, name in names.items()))
