"""The vault's one SQLite file: durable transactions, and nothing of what was deleted left in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ledger.sqlitefile import SqliteFile, connect, make

_PRAGMAS: Final = ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON")
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS data_key (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS person (lookup BLOB PRIMARY KEY, key INTEGER NOT NULL UNIQUE) STRICT",
    "CREATE TABLE IF NOT EXISTS part (commitment BLOB PRIMARY KEY, key INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS part_key ON part (key)",
    "CREATE TABLE IF NOT EXISTS hold (id TEXT PRIMARY KEY, request TEXT NOT NULL, lookup BLOB) STRICT",
    "CREATE TABLE IF NOT EXISTS held (hold TEXT, request TEXT, PRIMARY KEY (hold, request)) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS adopted (id INTEGER PRIMARY KEY, entries INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS identity (person BLOB, hash BLOB, PRIMARY KEY (person, hash)) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS release (hold TEXT PRIMARY KEY, actor TEXT NOT NULL, reason TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS erasure (id TEXT PRIMARY KEY, request TEXT, parts INTEGER NOT NULL, finished INTEGER) STRICT",
    (
        "CREATE TABLE IF NOT EXISTS erasing (erasure TEXT NOT NULL, commitment BLOB NOT NULL, "
        "PRIMARY KEY (erasure, commitment)) STRICT, WITHOUT ROWID"
    ),
    "CREATE INDEX IF NOT EXISTS erasing_commitment ON erasing (commitment)",
)


class VaultFile(SqliteFile):
    """An open `vault.db`."""

    def __init__(self, folder: Path) -> None:
        """Open the file in `folder`, making it, for its owner alone, when there is none.

        Raises:
            RefusedError: It cannot be made or opened.
            MalformedError: It is something else.
            BusyError: Another process holds it.
        """
        path, name = folder / "vault.db", f"the vault in {folder}"
        make(path, name)
        super().__init__(connect(path, name, _PRAGMAS), "the vault")
        try:
            with self.writing() as conn:
                for statement in _TABLES:
                    conn.execute(statement)
        except BaseException:
            self.close()
            raise
