"""A contract in our own form again: the mapping and the document that say what it says, and nothing that is so anyway."""

from __future__ import annotations

from enum import Enum
from typing import Any

from contracts.dialects import yamlwrite
from contracts.model import Contract


def mapping(contract: Contract) -> dict[str, Any]:
    """Return a contract as the mapping that a document of ours would hold."""
    found = contract.model_dump(by_alias=True, exclude_defaults=True)
    plain: dict[str, Any] = _plain(found)
    return plain


def document(contract: Contract) -> str:
    """Return a contract as a document of ours in YAML."""
    return yamlwrite.dump(mapping(contract))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value
