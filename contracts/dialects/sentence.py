"""The words in which a place in somebody's document is spoken of: the same for every dialect as for our own contracts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, Final

from contracts import yamlsafe

_SHOWN: Final = 64  # characters of a name in a message
_LISTED: Final = 24  # names in a hint


def spelt(path: yamlsafe.Path) -> str:
    """Return a place in words; a name that would not read as one stands quoted."""
    return ".".join(_step(step) for step in path) or "the document"


def meant(wrong: object, known: Iterable[str]) -> str:
    """Return the hint for a word that nobody knows: the nearest that is known, or all that are."""
    names = sorted(set(known))
    if not names:
        return ""
    if isinstance(wrong, str):
        folded = {name.lower(): name for name in names}
        if close := difflib.get_close_matches(wrong[:_SHOWN].lower(), folded, n=1):
            return f"did you mean {folded[close[0]]!r}?"
    return f"known here: {', '.join(names[:_LISTED])}{' …' if len(names) > _LISTED else ''}"


def shown(value: Any) -> str:
    """Return a value as a message may quote it: a short scalar as it is, anything else by its kind."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)[:_SHOWN]


def _step(step: str | int) -> str:
    text = str(step)
    return text if re.fullmatch(r"[A-Za-z0-9_*-]{1,64}", text) else repr(text[:_SHOWN])
