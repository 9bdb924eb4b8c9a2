"""sqlite-utils as programs of ours need it: imported before anything else does, and without pandas and numpy.

Where those are installed, sqlite-utils imports both whole (0.4 s, 40 MB) to know the types of a frame's cells, which the ledger
never stores. This is for processes of our own, the command and the service: a program that imports the ledger keeps its own.
"""

from __future__ import annotations

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


with _hidden("pandas", "numpy"):
    import sqlite_utils  # noqa: F401
