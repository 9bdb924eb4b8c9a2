"""A contract together with the exact bytes that it was read from: the hash in a decision is the hash of a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from contracts import yamlsafe
from contracts.complaint import complaint
from contracts.model import Contract
from proofs.errors import MissingError


@dataclass(frozen=True, slots=True)
class Document:
    """A contract as published.

    Attributes:
        contract: What the text says.
        text: The YAML, as it stands in the file.
        dialect: In which of the dialects it is written; "tally" is our own.
        lines: The line, counted from 1, of every path in our own form of it.
        name: What messages call it.
    """

    contract: Contract
    text: str
    dialect: str = "tally"
    lines: yamlsafe.Lines = field(default_factory=dict, repr=False, compare=False)
    name: str = field(default="contract", compare=False)

    def line(self, place: yamlsafe.Path) -> int:
        """Return the line of a place, or of the nearest one around it that stands in the text."""
        return yamlsafe.Parsed(None, self.lines).line(place)

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
        raise MissingError(f"contract cannot be read: {error.strerror}", where=str(path)) from error
    return parse(data, name=str(path))


def parse(data: bytes, *, name: str = "contract") -> Document:
    """Return the contract that `data` spells.

    Args:
        data: One YAML document in UTF-8 (docs/formats/contract.md).
        name: What messages call it.

    Raises:
        MalformedError: It is not a contract; `where` names the line of the key, `hint` what was probably meant.
    """
    parsed = yamlsafe.parse(data, name=name)
    try:
        contract = Contract.model_validate(parsed.value)
    except ValidationError as error:
        raise complaint(error, parsed, name=name) from error
    return Document(contract, data.decode(), lines=parsed.lines, name=name)
