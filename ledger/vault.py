"""The vault: data keys of people, and which part has which. It stands outside the ledger's database and its backups.

    vault.db   person(lookup, key)  data_key(id, epoch, wrapped)  part(commitment, key)  erasure(id, …)  hold(id, …)
               release(hold, …)  held(hold, request)  identity(person, hash)  secret(name, value)
    kek-<n>    the key-encryption key of epoch n, 32 bytes, 0600

A person is found by a keyed hash. Destroying a data key destroys every part that it sealed; rotating the epoch also makes
every older copy of the vault unreadable. Source: docs/formats/bodies.md.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger import durable
from ledger.docket import Docket
from ledger.opener import KEY_BYTES, NONCE_BYTES, Opener
from ledger.vaultfile import VaultFile
from proofs.errors import ConflictError, MissingError, RefusedError


class Vault(Opener):
    """Seals and opens parts; forgets people.

    Attributes:
        folder: Holds `vault.db` and the key-encryption keys.
        docket: Erasures and holds.
    """

    def __init__(self, folder: Path, *, origin: str) -> None:
        """Open the vault in `folder`, making it when there is none.

        Raises:
            MissingError: It holds data keys, and no key-encryption key is there to open any.
            RefusedError: It cannot be made or opened.
        """
        self._file = VaultFile(folder)
        super().__init__(folder, self._file.rows, origin=origin)
        self.docket = Docket(self._file)
        if not self._epochs():
            try:
                self._begin()
            except BaseException:
                self._file.close()
                raise

    def _begin(self) -> None:
        """Make the first key-encryption key; a fresh one beside data keys would hide that theirs is lost."""
        with self._rotating():
            if self._epochs():  # another process was faster, or had just given one key for another
                return
            if self._file.rows("SELECT 1 FROM data_key LIMIT 1"):
                raise MissingError(
                    f"no key-encryption key is there to open the data keys of the vault in {self.folder}",
                    hint="put back the newest copy of its kek files, or set TALLY_HOME to the folder that holds them",
                )
            self._make_kek(1)

    def secret(self, name: str) -> bytes:
        """Return the vault's secret of this name, 32 random bytes drawn at first use (a key for keyed hashes)."""
        if rows := self._file.rows("SELECT value FROM secret WHERE name = ?", name):
            return bytes(rows[0][0])
        with self._file.writing() as conn:
            conn.execute("INSERT OR IGNORE INTO secret VALUES (?, ?)", (name, os.urandom(KEY_BYTES)))
            return bytes(conn.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()[0])

    def lookup(self, person: str) -> bytes:
        """Return the keyed hash by which the vault finds a person."""
        return hmac.digest(self.secret("person"), person.encode(), "sha256")

    def lookup_identity(self, kind: str, value: str) -> bytes:
        """Return the keyed hash by which the vault tells that two people bear the same identity ("customer", "c7")."""
        return hmac.digest(self.secret("identity"), kind.encode() + b"\0" + value.encode(), "sha256")

    def knows(self, person: str) -> bool:
        """Say whether something is sealed under this person's key."""
        return bool(self._file.rows("SELECT 1 FROM person WHERE lookup = ?", self.lookup(person)))

    def seal(self, parts: Iterable[tuple[bytes, bytes]], *, person: str | None) -> list[bytes]:
        """Return each (commitment, salt || bytes) sealed; durable here before the ledger hears of it.

        Args:
            person: Whose values they are; None for a single-use key.
        """
        lookup = None if person is None else self.lookup(person)
        with self._file.writing() as conn:
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

    @contextmanager
    def keeping(self, commitments: Iterable[bytes]) -> Iterator[bool]:
        """Hold the vault, so that no erasure begins; yields False when one began since these parts were sealed.

        Whoever writes parts into the ledger does it inside: a part whose key is about to go would arrive behind its erasure.
        The vault's lock is always taken before the ledger's.
        """
        with self._file.writing() as conn:
            find = (
                "SELECT 1 FROM part WHERE commitment = ?1 AND NOT EXISTS (SELECT 1 FROM erasing WHERE commitment = ?1)"
            )
            yield all(conn.execute(find, (commitment,)).fetchone() for commitment in commitments)

    def discard(self, commitments: Iterable[bytes]) -> None:
        """Forget parts that were sealed for an event that was not written, and people and keys that have no other part."""
        with self._file.writing() as conn:
            for commitment in commitments:
                found = conn.execute("SELECT key FROM part WHERE commitment = ?", (commitment,)).fetchone()
                if found is None:
                    continue
                conn.execute("DELETE FROM part WHERE commitment = ?", (commitment,))
                # The person, too: whoever was erased gets a fresh key when an old event of theirs is sent again.
                if conn.execute("SELECT 1 FROM part WHERE key = ?", found).fetchone() is None:
                    conn.execute("DELETE FROM person WHERE key = ?", found)
                    conn.execute("DELETE FROM data_key WHERE id = ?", found)

    def destroy_keys(self, commitments: Iterable[bytes]) -> None:
        """Destroy the data keys of parts and all that leads to them, and scrub the vault's files."""
        with self._file.writing() as conn:
            for commitment in commitments:
                found = conn.execute("SELECT key FROM part WHERE commitment = ?", (commitment,)).fetchone()
                if found is not None:
                    conn.execute("DELETE FROM data_key WHERE id = ?", found)
                    conn.execute("DELETE FROM part WHERE commitment = ?", (commitment,))
        self._file.scrub()

    def rotate_epoch(self) -> int:
        """Wrap every surviving data key under a new key-encryption key, destroy the old ones, return the new epoch."""
        with self._rotating():
            return self._rotate_epoch()

    @contextmanager
    def _rotating(self) -> Iterator[None]:
        """Hold the vault against other rotations: each destroys the keys of the epochs before its own."""
        with ExitStack() as held:
            try:
                flock(held.enter_context((self.folder / "vault.lock").open("w")), LOCK_EX)
            except OSError as error:
                raise RefusedError(f"the vault in {self.folder} cannot be locked: {error.strerror}") from error
            yield

    def _rotate_epoch(self) -> int:
        new = self.epoch + 1
        self._make_kek(new)
        with self._file.writing() as conn:
            for id, epoch, wrapped in conn.execute("SELECT id, epoch, wrapped FROM data_key").fetchall():
                key = self._unwrap(epoch, wrapped)
                nonce = os.urandom(NONCE_BYTES)
                fresh = nonce + self._kek(new).encrypt(nonce, key, self._wrap_context(new))
                conn.execute("UPDATE data_key SET epoch = ?, wrapped = ? WHERE id = ?", (new, fresh, id))
        self._file.scrub()
        for path in self.folder.glob("kek-*"):  # those that a crash left under another name, too
            if path.name[len("kek-") :].partition(".")[0] != str(new):
                path.unlink()
        self._keks = {new: self._kek(new)}
        durable.sync_folder(self.folder)
        return new

    def close(self) -> None:
        """Give back the files."""
        self._file.close()

    @property
    def epoch(self) -> int:
        """The newest epoch; its key-encryption key wraps what is sealed now."""
        return max(self._epochs())

    def _epochs(self) -> list[int]:
        return [int(path.name[4:]) for path in self.folder.glob("kek-*") if path.name[4:].isdigit()]

    def _make_kek(self, epoch: int) -> None:
        # Never over a key that is there: when another process was faster, or a rotation died after making it, that is as good.
        with suppress(ConflictError):
            durable.create(self.folder / f"kek-{epoch}", os.urandom(KEY_BYTES))
        durable.sync_folder(self.folder)  # whoever made it may not have come so far
