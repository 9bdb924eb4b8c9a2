"""A frame in memory: pandas, Polars or Arrow, read where it lies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.engine import confined
from contracts.source import Opened, describe
from contracts.sources.unhashed import Unhashed
from proofs.errors import RefusedError

_KINDS: Final = frozenset(("pandas", "polars", "pyarrow"))


@dataclass(frozen=True, slots=True)
class Frame(Unhashed):
    """A `pandas.DataFrame`, `polars.DataFrame` or `polars.LazyFrame`, or `pyarrow.Table`; Polars is handed over as Arrow."""

    frame: Any

    def __post_init__(self) -> None:
        if type(self.frame).__module__.partition(".")[0] not in _KINDS:
            raise RefusedError(f"a {type(self.frame).__name__} is no frame of pandas, Polars or Arrow")

    @property
    def label(self) -> str:
        """The kind of frame."""
        return f"the {type(self.frame).__module__.partition('.')[0]} frame"

    @property
    def kind(self) -> str:
        """A frame."""
        return "frame"

    @contextmanager
    def opened(self, *, bounded: bool, writes: Sequence[Path] = ()) -> Iterator[Opened]:
        """Show the frame to an engine of its own, which can touch no file."""
        import duckdb

        frame = self.frame.collect() if type(self.frame).__name__ == "LazyFrame" else self.frame
        frame = frame.to_arrow() if hasattr(frame, "to_arrow") else frame

        def show(connection: duckdb.DuckDBPyConnection) -> None:
            try:
                connection.register("frame", frame)
            except (
                duckdb.Error,
                ValueError,
                TypeError,
            ) as error:  # columns of one name, values that no column has room for
                raise RefusedError(f"{self.label} cannot be read: {type(error).__name__}") from None

        with (
            tempfile.TemporaryDirectory(prefix="tallystick-") as spill,
            closing(confined(writes, spill, bounded=bounded, fill=show)) as connection,
        ):
            yield Opened(connection, "frame", "frame", describe(connection, "frame", self), self)
