"""Every JSON Schema that we write, by the name of its dialect, with its file and the bytes that stand there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from contracts.schemas import dialects, full, own
from contracts.schemas.shape import Shape

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Schema:
    """What a dialect looks like.

    Attributes:
        file: Its file's name, without `.schema.json`.
        title: What an editor calls it.
        made: Returns its shape.
    """

    file: str
    title: str
    made: Callable[[], Shape]


SCHEMAS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "tally": Schema("contract", "Tallystick contract", own.contract),
        "policy": Schema("policy", "Tallystick policy", own.policy),
        "table": Schema("table", "Contract of a table, dialect (a)", dialects.table),
        "source": Schema("source", "Contract of a source, dialect (b)", dialects.source),
        "features": Schema("features", "Contract of features, dialect (c)", dialects.features),
        "risk": Schema("risk", "Policy file beside dialect (c)", dialects.risk),
        "full": Schema("data_contract", "Data contract, dialect (d)", full.full),
        "asset": Schema("asset", "Asset beside dialect (d)", dialects.asset),
    }
)


def schema(name: str) -> Shape:
    """Return the JSON Schema (draft 2020-12) of a dialect."""
    found = SCHEMAS[name]
    made = found.made()
    head = {"$schema": _DRAFT, "$id": f"urn:tallystick:schema:{found.file}:1", "title": found.title}
    return {**head, **{key: value for key, value in made.items() if key != "$defs"}, "$defs": made.get("$defs", {})}


def printed(name: str) -> str:
    """Return the JSON Schema of a dialect as its file holds it."""
    return json.dumps(schema(name), indent=1, ensure_ascii=True) + "\n"


def file_name(name: str) -> str:
    """Return the name of the file of a dialect's JSON Schema."""
    return f"{SCHEMAS[name].file}.schema.json"
