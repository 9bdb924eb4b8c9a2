"""The tables of a SQLite ledger, and the triggers that make them append-only."""

from __future__ import annotations

from typing import Final

import sqlite_utils

SCHEMA_VERSION: Final = 1
APPLICATION_ID: Final = 0x54414C59  # "TALY"

_TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE entry (seq INTEGER PRIMARY KEY, header BLOB NOT NULL) STRICT;
CREATE TABLE body (seq INTEGER PRIMARY KEY, salt BLOB NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE part (
    seq INTEGER NOT NULL, pointer TEXT NOT NULL, commitment BLOB NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (seq, pointer)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX part_commitment ON part (commitment);
CREATE TABLE stream (
    name TEXT PRIMARY KEY, hash BLOB NOT NULL, count INTEGER NOT NULL, counted INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX stream_hash ON stream (hash, counted);
CREATE INDEX stream_dirty ON stream (name) WHERE count <> counted;
CREATE TABLE identity (
    id TEXT NOT NULL, source TEXT NOT NULL, seq INTEGER NOT NULL, content BLOB, PRIMARY KEY (id, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE retry (content BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE tile (
    level INTEGER NOT NULL, idx INTEGER NOT NULL, root BLOB NOT NULL, hashes BLOB NOT NULL, UNIQUE (level, idx)
) STRICT;
CREATE TABLE census_tile (level INTEGER NOT NULL, idx INTEGER NOT NULL, hashes BLOB NOT NULL, UNIQUE (level, idx)) STRICT;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;
CREATE TABLE forgetting (open INTEGER PRIMARY KEY) STRICT;
CREATE TABLE projection (name TEXT PRIMARY KEY, version INTEGER NOT NULL, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

_FROZEN: Final = ("meta", "entry", "body", "part", "tile", "checkpoint")
# What destroys is `Store.forget` alone, which opens this door for the length of its transaction.
_FORGETTABLE: Final = ("body", "part")


def create(db: sqlite_utils.Database, *, origin: str) -> None:
    """Create all tables in the open transaction of `db`."""
    statements = _TABLES.split(";\n")
    for statement in filter(None, (text.strip() for text in statements)):
        db.execute(statement)
    for trigger in _triggers():
        db.execute(trigger)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("INSERT INTO meta VALUES ('format', '1'), ('origin', ?)", [origin])


def _triggers() -> list[str]:
    triggers = [
        # INSERT OR REPLACE fires no DELETE trigger unless the connection asks for it; a gap or a second row is refused here.
        (
            "CREATE TRIGGER entry_in_order BEFORE INSERT ON entry "
            "WHEN NEW.seq IS NOT (SELECT ifnull(max(seq), -1) + 1 FROM entry) "
            "BEGIN SELECT RAISE(ABORT, 'entry is append-only: seq is not the next'); END"
        )
    ]
    for table, row in (
        ("body", "seq = NEW.seq"),
        ("part", "seq = NEW.seq AND pointer = NEW.pointer OR commitment = NEW.commitment"),
        ("tile", "level = NEW.level AND idx = NEW.idx OR rowid = NEW.rowid"),
        ("checkpoint", "size = NEW.size"),
        ("meta", "name = NEW.name"),
    ):
        triggers.append(
            f"CREATE TRIGGER {table}_once BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {row}) "  # noqa: S608
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: the row exists'); END"
        )
    for table in _FROZEN:
        triggers.append(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: no update'); END"
        )
        door = "WHEN NOT EXISTS (SELECT 1 FROM forgetting) " if table in _FORGETTABLE else ""
        triggers.append(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {door}"
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: no delete'); END"
        )
    return triggers
