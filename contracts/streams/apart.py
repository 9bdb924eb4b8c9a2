"""Lines that were set apart, as a quarantine: each with its offset, why, and its bytes, below the folder of all quarantines."""

from __future__ import annotations

import os
import tempfile
import uuid
from contextlib import closing
from pathlib import Path
from typing import Final

from contracts.engine import confined, literal
from contracts.quarantine.split import Split
from contracts.quarantine.store import OWNER
from contracts.source import Fingerprint, fingerprint, reason
from contracts.window import Window
from ledger.durable import sync_folder
from proofs.errors import RefusedError, StorageError

_COLUMNS: Final = """{"partition": 'BIGINT', "offset": 'BIGINT', why: 'VARCHAR', line: 'VARCHAR'}"""


def keep(apart: Path, window: Window, good_rows: int, folder: Path, *, origin: str) -> tuple[str, Split]:
    """Write lines that were set apart to a `bad.parquet` of a quarantine of their own, durable and for their owner alone.

    Args:
        apart: What `Spool.set_apart` wrote.
        folder: Where quarantines stand.
        origin: The log that will tell of it.

    Raises:
        RefusedError: The folder cannot be made.
        StorageError: The file cannot be written.
    """
    id = str(uuid.uuid4())
    place = folder / id
    try:
        place.mkdir(mode=0o700, parents=True)
        (place / OWNER).touch(mode=0o600)
        (place / OWNER).write_text(origin, encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"the quarantine cannot be made: {error.strerror}", where=str(place)) from error
    bad = place / "bad.parquet"
    _write(apart.resolve(), bad.resolve())
    try:
        bad.chmod(0o600)
        with bad.open("rb") as file:
            os.fsync(file.fileno())
        sync_folder(place)
    except OSError as error:
        raise StorageError(f"the lines cannot be kept: {error.strerror}", where=str(bad)) from error
    by_rule = {"window:unreadable": window.unreadable, "window:late": window.late}
    found: Fingerprint = fingerprint(bad)
    counts = {rule: rows for rule, rows in by_rule.items() if rows}
    return id, Split(window.unreadable + window.late, good_rows, counts, False, found, None)  # noqa: FBT003 - of a dataclass


def _write(apart: Path, bad: Path) -> None:
    import duckdb

    read = f"read_json({literal(str(apart))}, format = 'newline_delimited', columns = {_COLUMNS}, maximum_object_size = 33554432)"
    select = f'SELECT "partition", "offset", why, from_base64(line) AS line FROM {read}'  # noqa: S608 quoted
    with (
        tempfile.TemporaryDirectory(prefix="tallystick-") as spill,
        closing(confined([apart, bad], spill)) as connection,
    ):
        try:
            connection.execute(f"COPY ({select}) TO {literal(str(bad))} (FORMAT parquet)").fetchall()
        except duckdb.Error as error:
            raise StorageError(f"the lines cannot be kept: {reason(error)}") from None  # its own words quote them
