"""An engine of our own, which may touch the files that it is given and nothing else: no other path, no network, no extension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

_COPYING_OPTIMIZER: Final = "distinct_aggregate_rewrite"  # of DuckDB 2.0; another version may know it by another name
_BOUNDS: Final = {"memory_limit": "1GB", "max_temp_directory_size": "4GB"}


def identifier(name: str) -> str:
    """Return `name` as SQL writes an identifier, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return `text` as SQL writes a string, whatever it holds."""
    return "'" + text.replace("'", "''") + "'"


def confined(
    paths: Sequence[Path],
    spill: str,
    *,
    bounded: bool = False,
    fill: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Return an engine that may touch these files, and what lies in these folders, and nothing else; it spills into `spill`.

    Args:
        bounded: It has little memory and disk to spend.
        fill: Is given the connection before the door is closed.
    """
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": spill,
            **(_BOUNDS if bounded else {}),
        },
    )
    if fill is not None:
        try:
            fill(connection)
        except BaseException:
            connection.close()
            raise
    # A COPY that takes two seconds would draw a bar among what a command prints.
    connection.execute("SET enable_progress_bar = false")
    # For a DISTINCT beside other aggregates the optimizer keeps a copy of all rows; hashed as they come, they cost less of both.
    if connection.execute("FROM duckdb_optimizers() WHERE name = $1", [_COPYING_OPTIMIZER]).fetchone():
        connection.execute(f"SET disabled_optimizers = '{_COPYING_OPTIMIZER}'")
    # The order matters: the list of paths is closed with the door, and the last statement takes the handle off.
    folders = [path for path in paths if path.is_dir()]
    if folders:
        connection.execute(f"SET allowed_directories = [{', '.join(literal(str(path)) for path in folders)}]")
    connection.execute(f"SET allowed_paths = [{', '.join(literal(str(path)) for path in paths)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    return connection
