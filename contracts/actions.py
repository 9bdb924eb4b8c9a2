"""What can be done with a batch: promote or roll back a staged table, or move a file out of the way.

A staged table is loaded, measured and promoted inside one transaction, so that no other connection ever sees a batch before
it was allowed, and a process that dies leaves the table that consumers read as it was.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from contracts.engine import identifier
from contracts.record import Action
from contracts.source import Table, reason
from ledger import durable
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError, TallyError, UnknownOutcomeError

if TYPE_CHECKING:
    import duckdb

Mode = Literal["replace", "append"]


@dataclass(slots=True)
class StagedBatch:
    """A batch in a table of its own, inside an open transaction; `staged` makes one.

    Attributes:
        source: The staged table, ready to be measured.
        target: The table that consumers read.
        transaction: The engine's number of the transaction; in another one a batch is never promoted.
    """

    source: Table
    target: Table
    mode: Mode
    transaction: int
    settled: bool = False
    on_release: ClassVar[Action] = "promoted"
    on_withhold: ClassVar[Action] = "rolled-back"

    def release(self) -> None:
        """Make the batch the table that consumers read (or add it to that table) and commit.

        Raises:
            BusyError: Somebody else changed the table meanwhile; the transaction is rolled back.
            RefusedError: The batch does not fit into the table, which then stays as it was; or somebody else ended the
                transaction.
            UnknownOutcomeError: The commit did not answer.
        """
        import duckdb

        connection = self.source.connection
        staged, target = _quoted(self.source), _quoted(self.target)
        if _transaction(connection) != self.transaction:
            self.settled = True
            raise RefusedError("somebody else ended the transaction in which the batch was staged")
        try:
            if self.mode == "replace":
                connection.execute(f"DROP TABLE IF EXISTS {target}")
                connection.execute(f"ALTER TABLE {staged} RENAME TO {identifier(self.target.name)}")
            else:
                connection.execute(f"CREATE TABLE IF NOT EXISTS {target} AS FROM {staged} LIMIT 0")
                connection.execute(f"INSERT INTO {target} BY NAME FROM {staged}")
                connection.execute(f"DROP TABLE {staged}")
        except duckdb.Error as error:
            self._roll_back()
            raise _refused(error, self.target) from None  # the engine's message may quote rows
        self._commit()

    def withhold(self) -> None:
        """Roll the transaction back: the batch is gone and the table is as it was.

        Raises:
            RefusedError: Somebody else ended the transaction.
        """
        self._roll_back()

    def end(self) -> None:
        """Withhold the batch unless it is settled; raises as `withhold`."""
        if not self.settled:
            self.withhold()

    def _commit(self) -> None:
        import duckdb

        self.settled = True
        try:
            self.source.connection.execute("COMMIT")  # the commit point: consumers see the batch from here on
        except duckdb.TransactionException as error:
            raise BusyError(f"somebody else changed the table {self.target.name!r}; nothing was promoted") from error
        except duckdb.Error as error:
            raise UnknownOutcomeError(f"the commit of table {self.target.name!r} did not answer") from error

    def _roll_back(self) -> None:
        import duckdb

        self.settled = True
        try:
            self.source.connection.execute("ROLLBACK")
        except duckdb.TransactionException as error:
            raise RefusedError("somebody else ended the transaction in which the batch was staged") from error


@contextmanager
def staged(
    target: Table, load: Callable[[duckdb.DuckDBPyConnection, str], object], *, mode: Mode = "replace"
) -> Iterator[StagedBatch]:
    """Open a transaction, let `load` fill a staging table, and hand over the batch; unless released, it is rolled back.

    Args:
        target: The table that consumers read, which need not exist yet. Its connection has no transaction open.
        load: Is given the connection and the quoted name of a table that it MUST create.
        mode: "replace" makes the batch the whole table; "append" adds its rows, columns matched by name.

    Raises:
        RefusedError: A transaction is open already, or `load` ended the one that was opened.
        MalformedError: `load` failed in the engine.
    """
    import duckdb

    connection = target.connection
    source = Table(connection, f"{target.name[:64]}__staged_{uuid.uuid4().hex}", target.schema)
    try:
        connection.execute("BEGIN TRANSACTION")
    except duckdb.TransactionException as error:
        raise RefusedError("a transaction is open in this connection; a batch is staged in one of its own") from error
    batch = StagedBatch(source, target, mode, _transaction(connection))
    try:
        try:
            load(connection, _quoted(source))
        except duckdb.Error as error:
            raise MalformedError(f"the batch for table {target.name!r} cannot be loaded: {reason(error)}") from None
        if _transaction(connection) != batch.transaction:
            batch.settled = True
            connection.execute(f"DROP TABLE IF EXISTS {_quoted(source)}")
            raise RefusedError("loading the batch ended the transaction in which it was to be staged")
        yield batch
    except BaseException as error:
        try:
            batch.end()
        except RefusedError as unsettled:
            error.add_note(f"and the batch was not rolled back: {unsettled}")
        raise
    batch.end()


@dataclass(slots=True)
class MoveAside:
    """Lets a file stay where it is when it is allowed, and moves it into `folder` when it is not.

    It is renamed to "<first 16 digits of its SHA-256>-<name>", so two bad batches of one name do not overwrite each other.
    One that lies there already is taken away where it was delivered again; where other bytes have that name, "-1", "-2" …
    follow it.

    Attributes:
        aside: Where it was moved to; None as long as it was not.
    """

    path: Path
    folder: Path
    aside: Path | None = None
    on_release: ClassVar[None] = None
    on_withhold: ClassVar[Action] = "moved-aside"

    def release(self) -> None:
        """Leave the file where it is."""

    def withhold(self) -> None:
        """Move the file, which is then durable in its new place.

        Raises:
            MissingError: The file is gone.
            RefusedError: It cannot be moved there: another file system, or no permission.
            UnknownOutcomeError: It was moved, and may be back after a crash.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside = self._link(_sha256(self.path))
            self.path.unlink()
        except FileNotFoundError as error:
            raise MissingError("the file to be moved aside is gone", where=str(self.path)) from error
        except OSError as error:
            raise RefusedError(f"the file cannot be moved aside: {error.strerror}", where=str(self.path)) from error
        self.aside = aside
        durable.sync_folder(self.folder)
        durable.sync_folder(self.path.parent)

    def _link(self, digest: str) -> Path:
        """Give the file its name aside as well, or find it there under that name, and return the name."""
        for number in count():
            aside = self.folder / f"{digest[:16]}-{self.path.name}{f'-{number}' if number else ''}"
            try:
                os.link(self.path, aside)  # fails where a rename would overwrite
            except FileExistsError:
                # A link to elsewhere keeps nothing aside, whatever it leads to.
                if aside.is_file() and not aside.is_symlink() and _sha256(aside) == digest:
                    return aside
            else:
                return aside
        raise AssertionError("counting does not end")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _transaction(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("SELECT txid_current()").fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    return int(row[0])


def _quoted(table: Table) -> str:
    return f"{identifier(table.schema)}.{identifier(table.name)}"


def _refused(error: duckdb.Error, target: Table) -> TallyError:
    import duckdb

    if isinstance(error, duckdb.TransactionException):
        return BusyError(f"somebody else is changing the table {target.name!r}; nothing was promoted")
    return RefusedError(f"the batch does not fit into the table {target.name!r}: {reason(error)}")
