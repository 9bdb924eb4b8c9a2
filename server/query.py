"""Parameters of a request as values within their bounds; whatever else was sent is refused with its name."""

from __future__ import annotations

from collections.abc import Mapping

from proofs import limits
from proofs.errors import RefusedError
from server.table import Call

_DIGITS = 16


def integer(values: Mapping[str, str], name: str, *, default: int | None = None, least: int = 0, most: int) -> int:
    """Return the parameter `name`.

    Raises:
        RefusedError: It is missing and has no default, or is no integer from `least` to `most`.
    """
    text = values.get(name)
    if text is None and default is not None:
        return default
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and least <= int(text) <= most):
        raise RefusedError(f"parameter {name!r} is not an integer from {least} to {most}")
    return int(text)


def seq_of(call: Call) -> int:
    """Return the position that stands in the path."""
    return integer(call.params, "seq", most=limits.MAX_INTEGER)


def text(values: Mapping[str, str], name: str, *, most_bytes: int) -> str | None:
    """Return the parameter `name`, None where it is not given.

    Raises:
        RefusedError: It is empty or longer than `most_bytes`.
    """
    value = values.get(name)
    if value is not None and not 0 < len(value.encode("utf-8", "replace")) <= most_bytes:
        raise RefusedError(f"parameter {name!r} has not 1 to {most_bytes} bytes")
    return value
