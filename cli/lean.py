"""The ledger as the command needs it: imported with a sqlite-utils that has no pandas and numpy.

Where those are installed, sqlite-utils imports both whole (0.4 s, 40 MB) to know the types of a frame's cells, which no command
stores. A program that imports the ledger keeps its own sqlite-utils: this is for the process of the command alone.

Nor does the collector of cycles run until a command is imported.
"""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Let imports of `names` fail inside the block, as if they were not installed, and no longer."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None is the import system's word for "there is none"
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


gc.disable()
with _hidden("pandas", "numpy"):
    import ledger.projection  # noqa: F401
