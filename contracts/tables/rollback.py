"""What `contracts.enforce` does with a table whose newest version is not let through: it goes back to the last one that was.

That version is found in the ledger and never guessed. The way back is a commit of the table's own, on condition that nobody
committed since it was measured, which the format itself holds: so nobody else's commit is undone unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from contracts.history import ProjectingLog
from contracts.model import Dataset
from contracts.record import Action
from contracts.tables.active import ActiveTable
from contracts.tables.allowed import allowed_versions
from contracts.tables.asked import asked
from contracts.tables.delta import DeltaPlace, commit_hash
from contracts.tables.iceberg import NONE, IcebergPlace, version_of
from contracts.tables.version import TableVersion
from proofs.errors import BusyError, MissingError, RefusedError, TallyError, UnknownOutcomeError

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

Place = DeltaPlace | IcebergPlace


@dataclass(slots=True)
class RollBack:
    """Leaves a table as it is when it is allowed, and takes it back to the last allowed version when it is not.

    Attributes:
        measured: The table as it was measured, which must have been its newest version.
        log: Where the decisions stand.
        table: The version that it went back to; None as long as it did not.
    """

    place: Place
    measured: ActiveTable
    dataset: Dataset
    log: ProjectingLog
    table: TableVersion | None = None
    on_release: ClassVar[None] = None
    on_withhold: ClassVar[Action] = "rolled-back"

    def release(self) -> None:
        """Leave the table as it is."""

    def withhold(self) -> None:
        """Go back; the table then has one more version, which is as the allowed one was.

        Raises:
            MissingError: No earlier version was allowed, or it is no longer what it was.
            BusyError: Somebody else changed the table since it was measured; it stays as it is.
            RefusedError: It cannot go back; it stays as it is.
            UnknownOutcomeError: It did not answer, and is not what it was.
        """
        version = self.measured.version
        allowed = allowed_versions(self.log, self.dataset, self.measured.kind, version.id)
        earlier = [one for one in allowed if one.version != version.version]
        if isinstance(self.place, DeltaPlace):
            self.table = _restore_delta(self.place, version, earlier)
        else:
            self.table = _restore_iceberg(self.place, version, earlier)


def _restore_delta(place: DeltaPlace, measured: TableVersion, allowed: Sequence[TableVersion]) -> TableVersion:
    table = place.at()
    _check_unchanged(place.label, measured, TableVersion(str(table.metadata().id), str(table.version())))
    earlier = [one for one in allowed if int(one.version) < int(measured.version)]
    if not earlier:
        raise _none(place.label, measured)
    target = max(earlier, key=lambda one: int(one.version))
    if target.log is not None and commit_hash(place, int(target.version)) != target.log:
        raise MissingError(f"version {target.version} of {place.label} is not what was allowed, or its commit is gone")
    known: dict[str, TallyError] = {"CommitFailedError": _busy(place.label)}
    try:
        asked(lambda: table.restore(int(target.version)), place.label, known, extra="delta")  # the commit point
    except RefusedError as error:
        raise _outcome(error, lambda: str(place.at().version()), measured) from error
    return target


def _restore_iceberg(place: IcebergPlace, measured: TableVersion, allowed: Sequence[TableVersion]) -> TableVersion:
    table = place.table()
    current = table.current_snapshot()
    _check_unchanged(place.label, measured, _named(place, table, current))
    known = {one.version: one for one in allowed}
    target = next((known[id] for id in _ancestors(table) if id in known), None)
    if target is None:
        raise _none(place.label, measured)
    snapshot = table.snapshot_by_id(int(target.version))
    if _named(place, table, snapshot) != target:
        raise MissingError(f"snapshot {target.version} of {place.label} is not what was allowed")
    busy: dict[str, TallyError] = {"CommitFailedException": _busy(place.label)}
    try:
        commit = lambda: table.manage_snapshots().rollback_to_snapshot(int(target.version)).commit()  # noqa: E731
        asked(commit, place.label, busy, extra="iceberg")  # the commit point
    except RefusedError as error:
        raise _outcome(error, lambda: _current(place.table()), measured) from error
    return target


def _named(place: IcebergPlace, table: Table, snapshot: Snapshot | None) -> TableVersion:
    return asked(lambda: version_of(table, snapshot), place.label, {}, extra="iceberg")


def _ancestors(table: Table) -> list[str]:
    """The snapshots that the current one was made from, the nearest first."""
    found: list[str] = []
    current = table.current_snapshot()
    while current is not None and current.parent_snapshot_id is not None and len(found) < len(table.snapshots()):
        found.append(str(current.parent_snapshot_id))
        current = table.snapshot_by_id(current.parent_snapshot_id)
    return found


def _current(table: Table) -> str:
    snapshot = table.current_snapshot()
    return NONE if snapshot is None else str(snapshot.snapshot_id)


def _check_unchanged(label: str, measured: TableVersion, now: TableVersion) -> None:
    if now.id != measured.id:
        raise BusyError(f"{label} is another table than was measured; nothing was rolled back")
    if now.version != measured.version:
        raise _busy(label, f"it is at version {now.version}, and {measured.version} was measured")


def _busy(label: str, how: str = "a commit came in between") -> BusyError:
    return BusyError(f"somebody else changed {label} since it was measured ({how}); nothing was rolled back")


def _none(label: str, measured: TableVersion) -> MissingError:
    return MissingError(
        f"no version of {label} before {measured.version} was ever allowed, so there is none to go back to",
        hint="an earlier version is allowed by `tally check … --as-of VERSION`",
    )


def _outcome(error: TallyError, newest: Callable[[], str], measured: TableVersion) -> TallyError:
    """What an error of the commit comes to: nothing was done where the table is as it was."""
    try:
        if newest() == measured.version:
            return error
    except TallyError:
        pass
    return UnknownOutcomeError("the commit that takes the table back did not answer, and it may stand or not")
