"""YAML that every reader reads alike: block style, texts quoted wherever any reader could take them for something else.

What is written is read back as it was by `yamlsafe.parse`: mappings, lists, texts, integers, decimals, truth values, null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from contracts import yamlsafe
from proofs.errors import MalformedError

# A text that stands plain: no reader takes a word of these letters for a number, a date or a truth value.
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[ ._/@-][A-Za-z0-9]+)*")
_WORDS: Final = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_WIDTH: Final = 100


def dump(value: dict[str, Any]) -> str:
    """Return a mapping as a YAML document.

    Raises:
        ValueError: A value is none of those that YAML is read as here.
        MalformedError: It is larger or deeper than what is read, as it can become by what is kept beside the rest.
    """
    levels, values = _extent(value)
    if levels > yamlsafe.MAX_DEPTH or values > yamlsafe.MAX_NODES:
        raise MalformedError(f"what would be written has {levels} levels and {values} values, and is not read again")
    text = "".join(f"{line}\n" for line in _lines(value, 0))
    if len(text.encode()) > yamlsafe.MAX_BYTES:
        raise MalformedError(f"what would be written has more than {yamlsafe.MAX_BYTES} bytes, and is not read again")
    return text


def _extent(value: Any) -> tuple[int, int]:
    """How deep a value nests, and how many values it has."""
    if not isinstance(value, dict | list | tuple):
        return 0, 1
    inside = [_extent(item) for item in (value.values() if isinstance(value, dict) else value)]
    return 1 + max((levels for levels, _ in inside), default=0), 1 + sum(values for _, values in inside)


def _lines(value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{indent}{scalar(str(key))}:", item, depth + 1)
    elif isinstance(value, list | tuple) and value:
        for item in value:
            yield from _item(indent, item, depth + 1)
    else:
        yield f"{indent}{flow(value)}"


def _entry(head: str, item: Any, depth: int) -> Iterator[str]:
    if _is_short(item, len(head)):
        yield f"{head} {flow(item)}"
    else:
        yield head
        yield from _lines(item, depth)


def _item(indent: str, item: Any, depth: int) -> Iterator[str]:
    if _is_short(item, len(indent) + 2):
        yield f"{indent}- {flow(item)}"
        return
    inner = list(_lines(item, depth))
    yield f"{indent}- {inner[0].lstrip(' ')}"
    yield from inner[1:]


def _is_short(value: Any, used: int) -> bool:
    """Whether a value is written on one line: a scalar, nothing, or a collection of scalars that fits."""
    if not isinstance(value, dict | list | tuple) or not value:
        return True
    items = value.values() if isinstance(value, dict) else value
    return not any(isinstance(item, dict | list | tuple) for item in items) and used + len(flow(value)) < _WIDTH


def flow(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(str(key))}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """Return one value as it stands in YAML."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text if "." in text else f"{text}.0"
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__} is not written as YAML")
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS and len(value) < _WIDTH:
        return value
    return _UNPRINTABLE.sub(_escaped, json.dumps(value, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
