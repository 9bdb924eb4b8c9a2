"""A contract together with the exact bytes that it was read from: the hash in a decision is the hash of a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from pydantic import ValidationError

from contracts import yamlsafe
from contracts.complaint import complaint
from contracts.dialects import read as dialects
from contracts.dialects.native import document
from contracts.dialects.read import Beside
from contracts.model import Contract
from proofs.errors import MalformedError, MissingError


@dataclass(frozen=True, slots=True)
class Document:
    """A contract as published.

    Attributes:
        contract: What the text says.
        text: The YAML, as it stands in the file.
        dialect: In which of the dialects it is written; "tally" is our own.
        lines: The line, counted from 1, of every path in our own form of it.
        name: What messages call it.
        files: The file of each of those paths that stands in another file than the document.
    """

    contract: Contract
    text: str
    dialect: str = "tally"
    lines: yamlsafe.Lines = field(default_factory=dict, repr=False, compare=False)
    name: str = field(default="contract", compare=False)
    files: dict[yamlsafe.Path, str] = field(default_factory=dict, repr=False, compare=False)

    def line(self, place: yamlsafe.Path) -> int:
        """Return the line of a place, or of the nearest one around it that stands in the text."""
        return yamlsafe.Parsed(None, self.lines).line(place)

    def file(self, place: yamlsafe.Path) -> str:
        """Return the file in which a place stands, where a contract is of two."""
        return self.where(place).rpartition(" line ")[0]

    def where(self, place: yamlsafe.Path) -> str:
        """Return the file and line of a place, or of the nearest one around it."""
        return yamlsafe.Parsed(None, self.lines, self.files).where(place, name=self.name)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the text's UTF-8, 64 hex digits: what `sha256sum` says of the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read(path: Path, *, object_name: str | None = None, namespace: str | None = None) -> Document:
    """Return the contract in a file, and in the file beside it that it names, where it is of two.

    Raises:
        MissingError: There is no such file, or it cannot be read.
        MalformedError: It is not a contract; the message names the file and the line.
    """
    data = _bytes(path)
    if data is None:
        raise MissingError("contract cannot be read: No such file or directory", where=str(path))
    return parse(data, name=str(path), object_name=object_name, namespace=namespace, beside=beside(path))


def parse(
    data: bytes,
    *,
    name: str = "contract",
    object_name: str | None = None,
    namespace: str | None = None,
    beside: Beside | None = None,
) -> Document:
    """Return the contract that `data` spells, in our own form or in one of the dialects (docs/formats/dialects.md).

    The text of what is returned is always a document that is read as this contract on its own: `data`, or, where an object
    or a namespace was chosen or a second file read, the contract in our own form.

    Args:
        data: One YAML document in UTF-8 (docs/formats/contract.md).
        name: What messages call it.
        object_name: Which object of an ODCS document; None where it has one.
        namespace: The dataset's, where the document names none.
        beside: How a file that the document names is read; None where none is.

    Raises:
        MalformedError: It is not a contract; `where` names the line of the key, `hint` what was probably meant.
        MissingError: A file that it names is not there.
    """
    parsed = yamlsafe.parse(data, name=name)
    return of_parsed(parsed, data.decode(), name=name, wanted=dialects.Wanted(object_name, namespace, beside))


def of_parsed(parsed: yamlsafe.Parsed, text: str, *, name: str, wanted: dialects.Wanted) -> Document:
    """Return the contract that a YAML document spells, as `parse` does.

    Args:
        text: The document's own text.

    Raises:
        MalformedError: It is not a contract.
        MissingError: A file that it names is not there.
    """
    native = dialects.read(parsed, name=name, wanted=wanted)
    try:
        contract = Contract.model_validate(native.parsed.value)
    except ValidationError as error:
        raise complaint(error, native.parsed, name=name) from error
    except RecursionError as error:  # whatever was overlooked: a stranger's text may stop nobody's deletion
        raise MalformedError("is nested deeper than it can be read", where=name) from error
    whole = text if native.is_whole else document(contract)
    return Document(contract, whole, native.dialect.value, native.parsed.lines, name, native.parsed.files)


def beside(path: Path) -> Beside:
    """Return how files are read that a contract in the file `path` names: relative to it, and nowhere else."""

    def find(named: str) -> tuple[bytes, str] | None:
        if PurePath(named).is_absolute() or "\x00" in named:
            return None
        other = path.parent / named
        data = _bytes(other)
        return None if data is None else (data, str(other))

    return find


def _bytes(path: Path) -> bytes | None:
    """The bytes of a file, or more than are read of any; None when there is none."""
    try:
        with path.open("rb") as file:
            return file.read(yamlsafe.MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MissingError(f"contract cannot be read: {error.strerror}", where=str(path)) from error
