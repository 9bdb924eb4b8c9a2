"""A contract together with the exact bytes that it was read from: the hash in a decision is the hash of a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from contracts import yamlsafe
from contracts.model import Contract
from proofs.errors import MalformedError, MissingError


@dataclass(frozen=True, slots=True)
class Document:
    """A contract as published.

    Attributes:
        contract: What the text says.
        text: The YAML, as it stands in the file.
    """

    contract: Contract
    text: str

    @property
    def sha256(self) -> str:
        """The SHA-256 of the text's UTF-8, 64 hex digits: what `sha256sum` says of the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read(path: Path) -> Document:
    """Return the contract in a file.

    Raises:
        MissingError: There is no such file, or it cannot be read.
        MalformedError: It is not a contract; the message names the file and the line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(yamlsafe.MAX_BYTES + 1)
    except OSError as error:
        raise MissingError(f"the contract cannot be read: {error.strerror}", where=str(path)) from error
    return parse(data, name=path.name)


def parse(data: bytes, *, name: str = "contract") -> Document:
    """Return the contract that `data` spells.

    Args:
        data: One YAML document in UTF-8 (docs/formats/contract.md).
        name: What messages call it.

    Raises:
        MalformedError: It is not a contract; `where` names the line.
    """
    parsed = yamlsafe.parse(data, name=name)
    try:
        contract = Contract.model_validate(parsed.value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = _place(first["loc"], parsed.value)
        line = parsed.line(place)
        subject = ".".join(str(step) for step in place) or "the contract"
        raise MalformedError(
            f"{subject}: {_sentence(first['type'], first['msg'])}", where=f"{name} line {line}"
        ) from error
    return Document(contract, data.decode())


def _place(loc: tuple[Any, ...], value: Any) -> yamlsafe.Path:
    """The part of `loc` that leads somewhere in the document, and one key beyond; pydantic adds steps of its own."""
    path: list[str | int] = []
    for step in loc:
        if isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        elif isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        else:
            break
        path.append(step)
    return tuple(path)


# Pydantic speaks of Python's types; whoever wrote the YAML does not.
_SENTENCES: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not a key that a contract knows",
    "model_type": "is not a mapping",
    "dict_type": "is not a mapping",
    "tuple_type": "is not a list",
    "string_type": "is not text; quote it",
    "bool_type": "is neither true nor false",
    "int_type": "is not an integer",
}


def _sentence(kind: str, message: str) -> str:
    """Pydantic's message in this project's words: no full stop, no capital."""
    message = message.removeprefix("Value error, ").rstrip(".")
    return _SENTENCES.get(kind, message[:1].lower() + message[1:])
