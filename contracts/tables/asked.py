"""A library of a table format, asked: whatever it raises becomes one sentence of ours, without its own words.

Some are written in Rust, and panic on what no log should hold; their messages quote paths, keys and values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from proofs.errors import RefusedError, TallyError

T = TypeVar("T")


def asked(call: Callable[[], T], label: str, known: Mapping[str, TallyError], *, extra: str) -> T:
    """Return what `call` returns.

    Args:
        known: What to raise in the place of an error, by the name of its class.
        extra: The extra of ours that brings the library.

    Raises:
        TallyError: One of ours that it raised, or of `known`.
        RefusedError: Anything else, by the name of its class.
    """
    # A panic is no Exception; the pool hands over whatever it is.
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(call)
    failure = future.exception()
    if failure is None:
        return future.result()
    if isinstance(failure, TallyError):
        raise failure
    if isinstance(failure, ImportError):
        hint = f"pip install 'tallystick[{extra}]'"
        raise RefusedError(f"{label} needs a library that is not installed", hint=hint) from None
    for kind in type(failure).__mro__:
        if kind.__name__ in known:
            raise known[kind.__name__] from None
    raise RefusedError(f"{label} cannot be read: {type(failure).__name__}") from None
