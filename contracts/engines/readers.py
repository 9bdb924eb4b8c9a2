"""Which engine's result is read by what: the names under which results are taken in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from contracts.engines import datacontract, dbt, expectations, pandera, pointblank, soda3, soda4
from contracts.engines.foreign import Foreign
from proofs.errors import RefusedError

READERS: Final[Mapping[str, Callable[[bytes], Foreign]]] = MappingProxyType(
    {
        "datacontract": datacontract.read,
        "dbt": dbt.read,
        "gx": expectations.read,
        "pandera": pandera.read,
        "pointblank": pointblank.read,
        "soda": soda3.read,
        "soda4": soda4.read,
    }
)


def read(engine: str, data: bytes) -> Foreign:
    """Return what another engine found.

    Args:
        engine: One of `READERS`.
        data: The result, in the engine's own form.

    Raises:
        RefusedError: There is no such engine.
        MalformedError: `data` is no result of it, or one that checked nothing.
    """
    reader = READERS.get(engine)
    if reader is None:
        raise RefusedError(f"no engine {engine[:40]!r} is known", hint=f"one of {', '.join(READERS)}")
    return reader(data)
