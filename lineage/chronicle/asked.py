"""The cut of a question, from the words in which people and programs ask it."""

from __future__ import annotations

from lineage.chronicle.cut import NOW, Cut
from lineage.chronicle.vertex import STATES, moment
from proofs.errors import RefusedError
from proofs.moment import as_at


def asked(as_of: str | None = None, known_at: int | None = None, state: str = STATES[0], *, tests: bool = False) -> Cut:
    """Return the cut of a moment (a day, or YYYY-MM-DDThh:mm:ssZ), an entry, and the least state of an edge.

    Args:
        tests: Whether results of tests are shown.

    Raises:
        RefusedError: The moment is not written so, or does not exist.
    """
    return Cut(
        as_of=NOW.as_of if as_of is None else moment_of(as_of),
        known_at=NOW.known_at if known_at is None else min(known_at, NOW.known_at),  # no table holds a greater number
        least=STATES.index(state),
        tests=tests,
    )


def moment_of(text: str) -> int:
    """Return the microsecond of a moment as people write it.

    Raises:
        RefusedError: It is not written so, or does not exist.
    """
    try:
        found = moment(as_at(text))
    except ValueError as error:
        raise RefusedError(str(error)) from error
    if found is None:
        raise RefusedError(f"time {text[:40]!r} is not a real one in UTC")
    return found
