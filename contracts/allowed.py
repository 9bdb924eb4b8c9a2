"""Which versions of a dataset were let through, as the log has it: what is rolled back to is found and never guessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from contracts.decision import Decision
from contracts.facts import Decided
from contracts.history import ContractHistory, ReadableLog
from contracts.model import Dataset
from contracts.record import LIBRARY

_DECISIONS: Final = """SELECT seq, leaf, contract, decision, batch, run, action = 'promoted' AND result = 'done', source
FROM contracts_decision WHERE dataset_namespace = ? AND dataset_name = ? ORDER BY seq"""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A version that was let through, and by which decision.

    Attributes:
        sha256: The fingerprint of the data; None where it has none, as a table.
        run: The run that made it.
    """

    decided: Decided
    sha256: str | None = None
    run: str | None = None


class Row(NamedTuple):
    """One decision on a dataset."""

    seq: int
    leaf: str
    contract: str
    decision: str
    sha256: str | None
    run: str | None
    is_promoted: bool


def allowed_versions(log: ReadableLog, dataset: Dataset) -> tuple[Allowed, ...]:
    """Return the versions of a dataset that are allowed, the last one first.

    What programs beside the log allowed counts, for the service lets nobody else speak in their name; and what anybody held back.
    """
    own = (f"{log.origin}/", LIBRARY)
    with log.viewing(ContractHistory()) as db:
        rows = db.execute(_DECISIONS, [dataset.namespace, dataset.name]).fetchall()
    found = ((Row(*row), source.startswith(own)) for *row, source in rows)
    return last_first(row for row, is_own in found if is_own or not _is_allowed(row))


def _is_allowed(row: Row) -> bool:
    return Decision(row.decision).rank <= Decision.ALLOW_WITH_ALERT.rank


def last_first(rows: Iterable[Row]) -> tuple[Allowed, ...]:
    """Return the allowed versions among decisions in the order of the log, the last one first.

    A version counts from when it was first allowed, or from when it was promoted again: to look at an old one again does not
    make it the last. One that any contract holds back by its latest decision on it is not allowed, however often it was.
    """
    found: dict[str, Allowed] = {}
    latest: dict[tuple[str, str], bool] = {}
    for row in rows:
        key = row.sha256 or f"entry {row.seq}"  # without a fingerprint nobody can tell that two are one
        is_allowed = _is_allowed(row)
        latest[key, row.contract] = is_allowed
        if is_allowed and (row.is_promoted or key not in found):
            found[key] = Allowed(Decided(seq=row.seq, leaf=row.leaf), row.sha256, row.run)
    held = {key for (key, _), is_allowed in latest.items() if not is_allowed}
    still = [version for key, version in found.items() if key not in held]
    return tuple(sorted(still, key=lambda version: -version.decided.seq))
