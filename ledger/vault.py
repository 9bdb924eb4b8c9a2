"""The vault: data keys of people, and which part has which. It stands outside the ledger's database and its backups.

    vault.db   person(lookup, key)  data_key(id, epoch, wrapped)  part(commitment, key)  erasure(id, …)  hold(id, …)
               secret(name, value)
    kek-<n>    the key-encryption key of epoch n, 32 bytes, 0600

A person is found by a keyed hash. Destroying a data key destroys every part that it sealed; rotating the epoch also makes
every older copy of the vault unreadable. Source: docs/formats/bodies.md.
"""

from __future__ import annotations

import hmac
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import sqlite_utils
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.keyring import sync_folder
from ledger.stores.translation import translated
from proofs.errors import BusyError, HeldError, MalformedError, MissingError, RefusedError, TamperedError

NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS data_key (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS person (lookup BLOB PRIMARY KEY, key INTEGER NOT NULL UNIQUE) STRICT",
    "CREATE TABLE IF NOT EXISTS part (commitment BLOB PRIMARY KEY, key INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS part_key ON part (key)",
    "CREATE TABLE IF NOT EXISTS hold (id TEXT PRIMARY KEY, request TEXT NOT NULL, lookup BLOB) STRICT",
    # What an erasure set out to destroy; commitments say nothing once salt and value are gone. Kept, so that the erasure
    # can be resumed after a crash and replayed on a restored ledger.
    "CREATE TABLE IF NOT EXISTS erasure (id TEXT PRIMARY KEY, request TEXT, started INTEGER, finished INTEGER) STRICT",
    (
        "CREATE TABLE IF NOT EXISTS erasing (erasure TEXT NOT NULL, commitment BLOB NOT NULL, "
        "PRIMARY KEY (erasure, commitment)) STRICT, WITHOUT ROWID"
    ),
)


class StandingHoldError(HeldError):
    """A legal hold refuses an erasure.

    Attributes:
        hold: The hold's id.
        request: What it holds.
    """

    def __init__(self, hold: str, request: str) -> None:
        super().__init__(f"erasure is refused by the legal hold {hold} on request {request!r}")
        self.hold = hold
        self.request = request


class Vault:
    """Seals and opens parts; forgets people.

    Attributes:
        folder: Holds `vault.db` and the key-encryption keys.
    """

    def __init__(self, folder: Path, *, origin: str) -> None:
        """Open the vault in `folder`, making it when there is none."""
        self.folder = folder
        self._origin = origin.encode()
        self._lock = threading.RLock()
        self._keks: dict[int, AESGCM] = {}
        path = folder / "vault.db"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            conn = sqlite3.connect(path, isolation_level=None, timeout=60.0, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise RefusedError(f"the vault in {folder} cannot be opened") from error
        self._db = sqlite_utils.Database(conn)
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                conn.execute(f"PRAGMA {pragma}")
            with self._writing():
                for statement in _TABLES:
                    conn.execute(statement)
            if not self._epochs():
                self._make_kek(1)
        except sqlite3.Error as error:
            conn.close()
            raise translated(error, f"the vault in {folder} cannot be opened") from error
        except BaseException:
            conn.close()
            raise

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            conn = self._db.conn
            try:
                conn.execute("BEGIN IMMEDIATE")
                yield conn
                conn.execute("COMMIT")
            except sqlite3.Error as error:
                raise translated(error, "the vault cannot be written") from error
            finally:
                # What was not committed is left by an exception. SQLite may have rolled back by itself.
                if conn.in_transaction:
                    conn.execute("ROLLBACK")

    def _rows(self, select: str, *values: object) -> list[Any]:
        with self._lock:
            try:
                return self._db.conn.execute(select, values).fetchall()
            except sqlite3.Error as error:
                raise translated(error, "the vault cannot be read") from error

    def secret(self, name: str) -> bytes:
        """Return the vault's secret of this name, 32 random bytes drawn at first use (a key for keyed hashes)."""
        if rows := self._rows("SELECT value FROM secret WHERE name = ?", name):
            return bytes(rows[0][0])
        with self._writing() as conn:
            conn.execute("INSERT OR IGNORE INTO secret VALUES (?, ?)", (name, os.urandom(KEY_BYTES)))
            return bytes(conn.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()[0])

    def lookup(self, person: str) -> bytes:
        """Return the keyed hash by which the vault finds a person."""
        return hmac.digest(self.secret("person"), person.encode(), "sha256")

    def seal(self, parts: Iterable[tuple[bytes, bytes]], *, person: str | None) -> list[bytes]:
        """Return each (commitment, salt || bytes) sealed; durable here before the ledger hears of it.

        Args:
            person: Whose values they are; None for a single-use key.
        """
        lookup = None if person is None else self.lookup(person)
        with self._writing() as conn:
            known = lookup and conn.execute("SELECT key FROM person WHERE lookup = ?", (lookup,)).fetchone()
            if known:
                id, cipher = known[0], self._data_key(known[0])
            else:
                key = AESGCM.generate_key(256)
                # Asked inside the transaction: another process may have rotated since, and destroyed the key before.
                epoch = self.epoch
                nonce = os.urandom(NONCE_BYTES)
                wrapped = nonce + self._kek(epoch).encrypt(nonce, key, self._wrap_context(epoch))
                id = conn.execute("INSERT INTO data_key (epoch, wrapped) VALUES (?, ?)", (epoch, wrapped)).lastrowid
                cipher = AESGCM(key)
                if lookup:
                    conn.execute("INSERT INTO person VALUES (?, ?)", (lookup, id))
            sealed = []
            for commitment, plain in parts:
                conn.execute("INSERT INTO part VALUES (?, ?)", (commitment, id))
                nonce = os.urandom(NONCE_BYTES)
                sealed.append(nonce + cipher.encrypt(nonce, plain, self._seal_context(commitment)))
        return sealed

    def open(self, commitment: bytes, sealed: bytes) -> bytes:
        """Return salt || bytes of a sealed part.

        Raises:
            MissingError: The key was destroyed, or never was here.
            TamperedError: The sealed bytes are not what was sealed.
        """
        rows = self._rows("SELECT key FROM part WHERE commitment = ?", commitment)
        if not rows:
            raise MissingError("the key of this part was destroyed, or is in another vault")
        return _opened(self._data_key(rows[0][0]), sealed, self._seal_context(commitment), what="a sealed part")

    def begin_erasure(self, id: str, person: str, *, request: str | None) -> int:
        """Write down which parts of `person` an erasure destroys, before anything is destroyed; returns their number.

        Raises:
            HeldError: A legal hold stands on the person or on the request; nothing was changed.
        """
        lookup = self.lookup(person)
        with self._writing() as conn:
            hold = conn.execute(
                "SELECT id, request FROM hold WHERE lookup = ? OR (lookup IS NULL AND request = ?) ORDER BY rowid",
                (lookup, request),
            ).fetchone()
            if hold is not None:
                raise StandingHoldError(*hold)
            conn.execute("INSERT INTO erasure VALUES (?, ?, NULL, NULL)", (id, request))
            conn.execute(
                "INSERT INTO erasing SELECT ?, part.commitment FROM part JOIN person ON person.key = part.key WHERE lookup = ?",
                (id, lookup),
            )
            conn.execute("DELETE FROM person WHERE lookup = ?", (lookup,))  # nothing new is sealed with the key
            return int(conn.execute("SELECT count(*) FROM erasing WHERE erasure = ?", (id,)).fetchone()[0])

    def erasures(self, *, finished: bool) -> list[tuple[str, str | None, list[bytes]]]:
        """Return (id, request, commitments) of the erasures that are finished, or of those that are not."""
        rows = self._rows("SELECT id, request FROM erasure WHERE (finished IS NOT NULL) = ? ORDER BY rowid", finished)
        return [(id, request, self._erasing(id)) for id, request in rows]

    def _erasing(self, id: str) -> list[bytes]:
        return [row[0] for row in self._rows("SELECT commitment FROM erasing WHERE erasure = ?", id)]

    def destroy_keys(self, erasure: str) -> None:
        """Destroy the data keys and the mapping of an erasure's parts, and scrub the vault's files."""
        with self._writing() as conn:
            commitments = [(commitment,) for commitment in self._erasing(erasure)]
            keys = {
                conn.execute("SELECT key FROM part WHERE commitment = ?", commitment).fetchone()
                for commitment in commitments
            } - {None}
            conn.executemany("DELETE FROM data_key WHERE id = ?", keys)
            conn.executemany("DELETE FROM part WHERE commitment = ?", commitments)
        self.scrub()

    def finish_erasure(self, id: str) -> None:
        """Mark an erasure as done: its last event is in the log."""
        with self._writing() as conn:
            conn.execute("UPDATE erasure SET finished = 1 WHERE id = ?", (id,))

    def reopen_erasure(self, id: str) -> None:
        """Mark an erasure as begun again: the ledger was restored to a state before it."""
        with self._writing() as conn:
            conn.execute("UPDATE erasure SET finished = NULL WHERE id = ?", (id,))

    def hold(self, id: str, request: str, *, person: str | None) -> str:
        """Keep a legal hold and return its id; `id`, unless the same hold stands already.

        Args:
            request: What is held; every erasure for it is refused.
            person: Every erasure of this person is refused, whatever the request.
        """
        lookup = None if person is None else self.lookup(person)
        with self._writing() as conn:
            found = conn.execute("SELECT id FROM hold WHERE request = ? AND lookup IS ?", (request, lookup)).fetchone()
            if found is None:
                conn.execute("INSERT INTO hold VALUES (?, ?, ?)", (id, request, lookup))
            return id if found is None else str(found[0])

    def scrub(self) -> None:
        """Rewrite the vault's file and empty its write-ahead log, so that destroyed keys stand in neither."""
        with self._lock:
            try:
                self._db.conn.execute("VACUUM")
                busy = self._db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as error:
                raise translated(error, "the vault cannot be scrubbed yet") from error
        if busy:
            raise BusyError("the vault is held by another process and cannot be scrubbed yet")

    def rotate_epoch(self) -> int:
        """Wrap every surviving data key under a new key-encryption key, destroy the old ones, return the new epoch."""
        new = self.epoch + 1
        self._make_kek(new)
        with self._writing() as conn:
            for id, epoch, wrapped in conn.execute("SELECT id, epoch, wrapped FROM data_key").fetchall():
                key = self._unwrap(epoch, wrapped)
                nonce = os.urandom(NONCE_BYTES)
                fresh = nonce + self._kek(new).encrypt(nonce, key, self._wrap_context(new))
                conn.execute("UPDATE data_key SET epoch = ?, wrapped = ? WHERE id = ?", (new, fresh, id))
        self.scrub()
        for path in self.folder.glob("kek-*"):  # those that a crash left under another name, too
            if path.name[len("kek-") :].partition(".")[0] != str(new):
                path.unlink()
        self._keks = {new: self._kek(new)}
        sync_folder(self.folder)
        return new

    def close(self) -> None:
        """Give back the files."""
        self._db.conn.close()

    def _data_key(self, id: int) -> AESGCM:
        rows = self._rows("SELECT epoch, wrapped FROM data_key WHERE id = ?", id)
        if not rows:
            raise MissingError("the key of this part was destroyed")
        return AESGCM(self._unwrap(*rows[0]))

    def _unwrap(self, epoch: int, wrapped: bytes) -> bytes:
        return _opened(self._kek(epoch), wrapped, self._wrap_context(epoch), what="a data key")

    def _kek(self, epoch: int) -> AESGCM:
        if epoch not in self._keks:
            path = self.folder / f"kek-{epoch}"
            if not path.is_file():
                raise MissingError(f"the key-encryption key of epoch {epoch} is not in {self.folder}")
            if len(key := path.read_bytes()) != KEY_BYTES:
                raise MalformedError(f"{path} has {len(key)} bytes, expected {KEY_BYTES}")
            self._keks[epoch] = AESGCM(key)
        return self._keks[epoch]

    @property
    def epoch(self) -> int:
        """The newest epoch; its key-encryption key wraps what is sealed now."""
        return max(self._epochs())

    def _epochs(self) -> list[int]:
        return [int(path.name[4:]) for path in self.folder.glob("kek-*") if path.name[4:].isdigit()]

    def _make_kek(self, epoch: int) -> None:
        path = self.folder / f"kek-{epoch}"
        fresh = self.folder / f"kek-{epoch}.{os.getpid()}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # Whole or not at all, and never over a key that is there: when another process was faster, or a rotation died
        # after making it, that key is as good.
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
        fresh.unlink()
        sync_folder(self.folder)

    def _seal_context(self, commitment: bytes) -> bytes:
        return b"tallystick/seal/v1\0" + self._origin + b"\0" + commitment

    def _wrap_context(self, epoch: int) -> bytes:
        return b"tallystick/wrap/v1\0" + self._origin + b"\0%d" % epoch


def _opened(cipher: AESGCM, sealed: bytes, context: bytes, *, what: str) -> bytes:
    """What was sealed under `cipher` in this context.

    Raises:
        TamperedError: The bytes are others, or come from another place.
    """
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
        raise TamperedError(f"{what} does not open under its key") from error
