"""The vault: data keys of people, and which part has which. It stands outside the ledger's database and its backups.

    vault.db   person(lookup, key)  data_key(id, epoch, wrapped)  part(commitment, key)  erasure(id, …)  secret(name, value)
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
from typing import Final

import sqlite_utils
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.keyring import sync_folder
from proofs.errors import BusyError, MissingError, TamperedError

NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS data_key (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS person (lookup BLOB PRIMARY KEY, key INTEGER NOT NULL UNIQUE) STRICT",
    "CREATE TABLE IF NOT EXISTS part (commitment BLOB PRIMARY KEY, key INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS part_key ON part (key)",
    # What an erasure set out to destroy; commitments say nothing once salt and value are gone. Kept, so that the erasure
    # can be resumed after a crash and replayed on a restored ledger.
    "CREATE TABLE IF NOT EXISTS erasure (id TEXT PRIMARY KEY, request TEXT, started INTEGER, finished INTEGER) STRICT",
    (
        "CREATE TABLE IF NOT EXISTS erasing (erasure TEXT NOT NULL, commitment BLOB NOT NULL, "
        "PRIMARY KEY (erasure, commitment)) STRICT, WITHOUT ROWID"
    ),
)


class Vault:
    """Seals and opens parts; forgets people."""

    def __init__(self, folder: Path, *, origin: str) -> None:
        """Open the vault in `folder`, making it when there is none."""
        self._folder = folder
        self._origin = origin.encode()
        self._lock = threading.RLock()
        self._keks: dict[int, AESGCM] = {}
        path = folder / "vault.db"
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        try:
            conn = sqlite3.connect(path, isolation_level=None, timeout=60.0, check_same_thread=False)
            conn.execute("PRAGMA journal_mode = WAL")
            conn.execute("PRAGMA synchronous = FULL")
            conn.execute("PRAGMA secure_delete = ON")
        except sqlite3.OperationalError as error:
            raise BusyError("the vault is held by another process") from error
        self._db = sqlite_utils.Database(conn)
        with self._writing():
            for statement in _TABLES:
                conn.execute(statement)
        self.epoch = self._newest_epoch()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            conn = self._db.conn
            try:
                conn.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise BusyError("the vault is held by another process") from error
            try:
                yield conn
            except BaseException:
                conn.execute("ROLLBACK")
                raise
            conn.execute("COMMIT")

    def secret(self, name: str) -> bytes:
        """Return the vault's secret of this name, 32 random bytes drawn at first use (a key for keyed hashes)."""
        with self._lock:
            row = self._db.conn.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()
        if row is not None:
            return bytes(row[0])
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
                nonce = os.urandom(NONCE_BYTES)
                wrapped = nonce + self._kek(self.epoch).encrypt(nonce, key, self._wrap_context(self.epoch))
                id = conn.execute(
                    "INSERT INTO data_key (epoch, wrapped) VALUES (?, ?)", (self.epoch, wrapped)
                ).lastrowid
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
        with self._lock:
            row = self._db.conn.execute("SELECT key FROM part WHERE commitment = ?", (commitment,)).fetchone()
            if row is None:
                raise MissingError("the key of this part was destroyed, or is in another vault")
            cipher = self._data_key(row[0])
        try:
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._seal_context(commitment))
        except InvalidTag as error:
            raise TamperedError("a sealed part does not open under its key") from error

    def begin_erasure(self, id: str, person: str, *, request: str | None) -> int:
        """Write down which parts of `person` an erasure destroys, before anything is destroyed; returns their number."""
        with self._writing() as conn:
            conn.execute("INSERT INTO erasure VALUES (?, ?, NULL, NULL)", (id, request))
            conn.execute(
                "INSERT INTO erasing SELECT ?, part.commitment FROM part JOIN person ON person.key = part.key WHERE lookup = ?",
                (id, self.lookup(person)),
            )
            conn.execute(
                "DELETE FROM person WHERE lookup = ?", (self.lookup(person),)
            )  # nothing new is sealed with the key
            return int(conn.execute("SELECT count(*) FROM erasing WHERE erasure = ?", (id,)).fetchone()[0])

    def erasures(self, *, finished: bool) -> list[tuple[str, str | None, list[bytes]]]:
        """Return (id, request, commitments) of the erasures that are finished, or of those that are not."""
        with self._lock:
            rows = self._db.conn.execute(
                "SELECT id, request FROM erasure WHERE (finished IS NOT NULL) = ? ORDER BY rowid", (finished,)
            ).fetchall()
            return [(id, request, self._erasing(id)) for id, request in rows]

    def _erasing(self, id: str) -> list[bytes]:
        rows = self._db.conn.execute("SELECT commitment FROM erasing WHERE erasure = ?", (id,))
        return [row[0] for row in rows]

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

    def scrub(self) -> None:
        """Rewrite the vault's file and empty its write-ahead log, so that destroyed keys stand in neither."""
        with self._lock:
            try:
                self._db.conn.execute("VACUUM")
                busy = self._db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.OperationalError as error:
                raise BusyError("the vault is held by another process and cannot be scrubbed yet") from error
        if busy:
            raise BusyError("the vault is held by another process and cannot be scrubbed yet")

    def rotate_epoch(self) -> int:
        """Wrap every surviving data key under a new key-encryption key, destroy the old ones, return the new epoch."""
        old = self.epoch
        new = old + 1
        self._make_kek(new)
        with self._writing() as conn:
            for id, epoch, wrapped in conn.execute("SELECT id, epoch, wrapped FROM data_key").fetchall():
                key = self._kek(epoch).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], self._wrap_context(epoch))
                nonce = os.urandom(NONCE_BYTES)
                fresh = nonce + self._kek(new).encrypt(nonce, key, self._wrap_context(new))
                conn.execute("UPDATE data_key SET epoch = ?, wrapped = ? WHERE id = ?", (new, fresh, id))
        self.scrub()
        for epoch in range(1, new):
            self._keks.pop(epoch, None)
            (self._folder / f"kek-{epoch}").unlink(missing_ok=True)
        sync_folder(self._folder)
        self.epoch = new
        return new

    def close(self) -> None:
        """Give back the files."""
        self._db.conn.close()

    def _data_key(self, id: int) -> AESGCM:
        row = self._db.conn.execute("SELECT epoch, wrapped FROM data_key WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise MissingError("the key of this part was destroyed")
        epoch, wrapped = row
        return AESGCM(self._kek(epoch).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], self._wrap_context(epoch)))

    def _kek(self, epoch: int) -> AESGCM:
        if epoch not in self._keks:
            path = self._folder / f"kek-{epoch}"
            if not path.is_file():
                raise MissingError(f"the key-encryption key of epoch {epoch} is not in {self._folder}")
            self._keks[epoch] = AESGCM(path.read_bytes())
        return self._keks[epoch]

    def _newest_epoch(self) -> int:
        epochs = [int(path.name[4:]) for path in self._folder.glob("kek-*") if path.name[4:].isdigit()]
        if epochs:
            return max(epochs)
        self._make_kek(1)
        return 1

    def _make_kek(self, epoch: int) -> None:
        path = self._folder / f"kek-{epoch}"
        fresh = self._folder / f"kek-{epoch}.{os.getpid()}"
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
        sync_folder(self._folder)

    def _seal_context(self, commitment: bytes) -> bytes:
        return b"tallystick/seal/v1\0" + self._origin + b"\0" + commitment

    def _wrap_context(self, epoch: int) -> bytes:
        return b"tallystick/wrap/v1\0" + self._origin + b"\0%d" % epoch
