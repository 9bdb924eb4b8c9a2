"""One SQLite file: how it is opened, written, read and scrubbed, and what its errors mean to a caller.

    writing    the threads' lock · BEGIN IMMEDIATE · … · COMMIT     one transaction, or nothing of it
    reading    the threads' lock · one snapshot
    scrub      every page written anew, the write-ahead log emptied

The ledger, its views, the vault and the outbox are such files; each says its own pragmas, and how it waits. A producer imports
this with its outbox, so it takes the standard library and `proofs` alone.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from proofs.errors import BusyError, MalformedError, RefusedError, StorageError, TallyError, UnknownOutcomeError

BUSY_SECONDS: Final = 60.0
_BUSY: Final = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))
# SQLITE_ERROR in a statement of ours: a table or a column is not there, or is another one.
_DAMAGED: Final = frozenset(
    (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR)
)
_STORAGE: Final = frozenset((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR))
_REFUSED: Final = frozenset((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_TOOBIG))
_HINT: Final = "the file is damaged; bring back a whole copy"
_APPEND_ONLY: Final = "append-only"  # in what the ledger's triggers say
# Where a damaged file makes SQLite quote bytes that are no text, Python fails to read its message.
ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)

_T = TypeVar("_T")
Wait = Callable[[Callable[[], object]], object]
"""Does what may find a lock that another process holds, as often as its caller is patient, and raises what it raised last."""


def at_once(work: Callable[[], object]) -> object:
    """Do `work` once: SQLite waits for a lock itself, for as long as the connection was told to."""
    return work()


class SqliteFile:
    """An open SQLite file; safe for many threads of one process, and for many processes.

    Attributes:
        conn: Its connection, which begins no transaction by itself; for who holds `lock`.
        lock: The threads take turns. Without it they would see what another one has not committed, and read its errors.
    """

    def __init__(
        self,
        conn: sqlite3.Connection,
        name: str,
        *,
        check: Callable[[], None] = lambda: None,
        wait: Wait = at_once,
        in_doubt: str = "open it again and look",
    ) -> None:
        """Take an open connection.

        Args:
            name: Of the file, as the subject of a sentence: "the vault".
            check: Raises when nothing may be written now; called in each write, before anything is.
            in_doubt: What to do when nobody knows whether something was written.
        """
        self.conn = conn
        self.lock = threading.RLock()
        self._name = name
        self._check = check
        self._wait = wait
        self._in_doubt = in_doubt
        self._writer: int | None = None

    @property
    def is_written_here(self) -> bool:
        """True inside this thread's own `writing`."""
        return self._writer == threading.get_ident()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file's lock and one transaction: committed at the end, rolled back on any exception.

        Raises:
            RuntimeError: It nests, or stands inside `reading`.
            BusyError: Somebody else held the lock for too long; nothing was written.
            StorageError: The disk is full or fails; nothing was written.
            RefusedError: The file cannot be written; nothing was.
            UnknownOutcomeError: The disk failed at the commit; it may or may not have been written.
        """
        with self.lock:
            if self.conn.in_transaction:
                raise RuntimeError("writing must not nest, nor stand inside reading")
            with translating(f"{self._name} cannot be written, and nothing was"):
                # The writer's lock, before anything is read.
                self._wait(lambda: self.conn.execute("BEGIN IMMEDIATE"))
                self._writer = threading.get_ident()
                try:
                    self._check()
                    yield self.conn
                    self._commit()
                finally:
                    self._writer = None
                    # What was not committed is left by an exception. SQLite may have rolled back by itself.
                    if self.conn.in_transaction:
                        self.conn.execute("ROLLBACK")

    def _commit(self) -> None:
        try:
            self.conn.execute("COMMIT")  # the commit point: before it nothing happened, after it all is on the disk
        except sqlite3.Error as error:
            # While SQLite keeps the transaction open, nothing of it is in the file. But where the disk failed its pages may be
            # there although it said no: whoever opens the file after a crash may find them.
            if self.conn.in_transaction and _primary(error) != sqlite3.SQLITE_IOERR:
                raise
            what = f"the commit did not answer: {self._name} may or may not have been written"
            raise UnknownOutcomeError(what, hint=self._in_doubt) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the file's lock and one snapshot; MAY nest, MAY stand inside `writing`."""
        with self.lock:
            if self.conn.in_transaction:
                yield self.conn
                return
            with translating(f"{self._name} cannot be read"):
                self._wait(lambda: self.conn.execute("BEGIN"))
                try:
                    yield self.conn
                finally:
                    if self.conn.in_transaction:  # else SQLite has rolled back by itself, and the error says why
                        self.conn.execute("COMMIT")

    def rows(self, select: str, *values: object) -> list[Any]:
        """Return all rows of a query."""
        found: list[Any] = []
        with self.lock, translating(f"{self._name} cannot be read", ERRORS):
            self._wait(lambda: found.extend(self.conn.execute(select, values).fetchall()))
        return found

    def scrub(self) -> None:
        """Write every page anew and empty the write-ahead log, so that what was deleted stands in neither (I10).

        Raises:
            BusyError: Another connection reads an older state; nothing is lost, and a later call may succeed.
        """
        # Both need that no reader holds an older snapshot, and say so when one does. `secure_delete` alone would cost the
        # changed pages only, and is not enough: where SQLite rebuilds a page it leaves copies of cells that moved in the gap
        # between them, and a later DELETE overwrites the cell and not its copy, in pages that it may not even touch. Measured,
        # with 3.40: of 6,400 deleted hashes 6 were still in the file (docs/performance.md).
        with self.lock:
            if self.conn.in_transaction:
                raise RuntimeError("a file is scrubbed neither inside writing nor inside reading")
            with translating(f"{self._name} cannot be scrubbed yet"):
                self._wait(lambda: self.conn.execute("VACUUM"))
                self._wait(self._empty_log)

    def _empty_log(self) -> None:
        if self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise BusyError(
                f"{self._name} cannot be scrubbed yet: a reader holds an old snapshot, and so the write-ahead log",
                hint="try again",
            )

    def close(self) -> None:
        """Give back the file; a second call does nothing."""
        self.conn.close()


class Place:
    """The files at a SQLite file's names, held to those that were opened: SQLite goes on in one that was replaced or removed."""

    def __init__(self, path: Path, *, log: bool = False) -> None:
        """Remember what stands at `path`; of its write-ahead log, with `log`, what stands there when it is first looked at."""
        self._path = path.absolute()
        self._paths = (self._path, Path(f"{path.resolve()}-wal")) if log else (self._path,)
        here = _inode(self._path)
        self._opened = {} if here is None else {self._path: here}

    def moved(self) -> Path | None:
        """Return the first of the files that is no longer the one that was opened; None when all is in its place."""
        for path in self._paths:
            here = _inode(path)
            if here is None and path not in self._opened and path != self._path:
                continue
            if here is None or self._opened.setdefault(path, here) != here:
                return path
        return None


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - on every write, and the plain call takes a third of the time
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make(path: Path, name: str, *, fresh: bool = False) -> None:
    """Make an empty file where there is none, for its owner alone, that is there after a crash, too.

    Args:
        fresh: Something that is there already is not taken.

    Raises:
        FileExistsError: Something is there, and `fresh` was asked for.
        RefusedError: It cannot be made.
    """
    try:
        # SQLite gives its other files the same mode.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        sync(path.parent)
    except FileExistsError:
        if fresh:
            raise
    except OSError as error:
        raise RefusedError(f"{name} cannot be made: {error.strerror}") from error


def sync(folder: Path) -> None:
    """Make the names in `folder` durable.

    Raises:
        OSError: The disk failed.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def connect(
    path: Path, name: str, pragmas: Iterable[str] = (), *, read_only: bool = False, busy_seconds: float = BUSY_SECONDS
) -> sqlite3.Connection:
    """Open the file at `path`, for use with a lock: any thread may use the connection, one at a time.

    Raises:
        RefusedError: It is not there, or cannot be opened.
        MalformedError: It is something else.
        BusyError: Somebody else held it for longer than `busy_seconds`.
    """
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
    with translating(f"{name} cannot be opened", ERRORS):
        conn = sqlite3.connect(
            uri, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            for pragma in ("trusted_schema = OFF", *pragmas):
                conn.execute(f"PRAGMA {pragma}")
        except BaseException:
            conn.close()
            raise
    return conn


def memory() -> sqlite3.Connection:
    """Return a database of this process's memory, for use with a lock like `connect`."""
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


@contextmanager
def translating(what: str, errors: tuple[type[Exception], ...] = (sqlite3.Error,)) -> Iterator[None]:
    """Raise what SQLite raises inside as an error of proofs.errors; what is a mistake of this program passes as it is.

    Args:
        what: What cannot be done, as the beginning of a sentence.
        errors: `ERRORS` where nobody else's code runs inside.
    """
    try:
        yield
    except errors as error:
        found = _translated(error, what)
        if found is None:
            raise
        raise found from error


def is_busy(error: BaseException) -> bool:
    """True when somebody else holds a lock, so that it is worth to try again at once; a full disk stays full."""
    if isinstance(error, StorageError):
        return False
    return isinstance(error, BusyError) or (isinstance(error, sqlite3.Error) and _primary(error) in _BUSY)


def _primary(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _translated(error: Exception, what: str) -> TallyError | None:
    if not isinstance(error, sqlite3.Error):
        return MalformedError(f"{what}: it holds bytes that are no text", hint=_HINT)
    primary = _primary(error)
    if primary is None and isinstance(error, sqlite3.OperationalError):  # text that is not UTF-8
        return MalformedError(f"{what}: {error}", hint=_HINT)
    if primary in _BUSY:
        return BusyError(f"{what}: somebody else held the lock for too long", hint="try again")
    if primary in _STORAGE:
        return StorageError(f"{what}: {error}", hint="free the disk, then try again")
    if primary in _DAMAGED:
        return MalformedError(f"{what}: {error}", hint=_HINT)
    if primary in _REFUSED or _APPEND_ONLY in str(error):
        return RefusedError(f"{what}: {error}")
    return None
