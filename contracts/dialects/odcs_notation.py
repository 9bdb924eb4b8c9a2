"""The tables of odcs_keys as the checker walks them: for one version, each table's keys with their types."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final

from contracts.dialects import odcs_keys, odcs_more_keys

VERSIONS: Final = odcs_keys.VERSIONS
_TOKEN: Final = re.compile(r"\{[^}]*\}|\[[^]]*\]\+{0,2}|[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Type:
    """What a value may be.

    Attributes:
        kind: "text", "int" …, "table", "list" or "listed".
        table: The table's name, where the kind is "table".
        words: The words, where it is "listed".
        item: What a list holds.
        least: How many items it has at least.
        is_set: No item stands twice.
    """

    kind: str
    table: str = ""
    words: tuple[str, ...] = ()
    item: tuple[Type, ...] = ()
    least: int = 0
    is_set: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: what its value may be, and whether it must be there."""

    types: tuple[Type, ...]
    is_required: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The keys of one kind of mapping in one version.

    Attributes:
        is_closed: Another key is an error.
    """

    keys: dict[str, Key]
    is_closed: bool


@functools.cache
def tables(version: str) -> dict[str, Table]:
    """Return every table as it is in `version`, one of VERSIONS."""
    text = "\n\n".join(
        (odcs_keys.TABLES.replace("\\\n", ""), odcs_more_keys.server_tables(), odcs_more_keys.SECOND_EDITION)
    )
    found: dict[str, Table] = {}
    bodies: dict[str, tuple[list[str], list[str]]] = {}
    for block in text.strip().split("\n\n"):
        head, *lines = block.strip("\n").split("\n")
        name, *marks = head.split()
        bodies[name] = (marks, lines)
    for name in bodies:
        _build(name, bodies, found, version)
    return found


def _build(name: str, bodies: dict[str, tuple[list[str], list[str]]], found: dict[str, Table], version: str) -> Table:
    if name in found:
        return found[name]
    marks, lines = bodies[name]
    keys: dict[str, Key] = {}
    for mark in marks:
        if mark.startswith("&"):
            keys.update(_build(mark[1:], bodies, found, version).keys)
    for line in lines:
        key, types, *span = line.split()
        if all(_holds(part, version) for part in span):
            word, _, limit = key.partition("!")
            needed = "!" in key and (not limit or _holds(limit, version))
            keys[word] = Key(_types(types, version), needed)
    is_closed = any(mark.startswith("closed") and _holds(mark.removeprefix("closed"), version) for mark in marks)
    found[name] = Table(keys, is_closed)
    return found[name]


def _holds(limit: str, version: str) -> bool:
    """Whether `version` lies within `+first`, `>=first`, `-last` or `<first`."""
    mark = limit.rstrip("0123456789.")
    at, bound = VERSIONS.index(version), VERSIONS.index(limit.removeprefix(mark))
    return {"+": at >= bound, ">=": at >= bound, "-": at <= bound, "<": at < bound}[mark]


def _types(text: str, version: str) -> tuple[Type, ...]:
    return tuple(_type(token, version) for token in _TOKEN.findall(text))


def _type(token: str, version: str) -> Type:
    if token.startswith("{"):
        words = (word.partition("@") for word in token[1:-1].split("|"))
        return Type(
            "listed", words=tuple(word for word, _, since in words if not since or _holds(f"+{since}", version))
        )
    if token.startswith("["):
        inside, _, plus = token[1:].rpartition("]")
        return Type("list", item=_types(inside, version), least=min(len(plus), 1), is_set=len(plus) == 2)
    return Type("table", table=token) if token[0].isupper() else Type(token)
