"""States in a folder of this user's alone: for each file of a batch what was counted, under a key of its bytes and the question.

    DIR/<dataset and contract>/<key>.json           "<64 hex>\n", the SHA-256 of the rest, which is canonical JSON
    DIR/<dataset and contract>/<key>.<n>.parquet    the 64-bit hashes of the values that the n-th rule tells apart

    DIR/<dataset and contract>/apart.json           which states have no hash in common, so that only new ones are compared

The key holds the file's SHA-256, which is taken each time, the compiled checks and the engine's version. What does not have its
digest is as if it were not there. What no file of the last batch needed is gone: of a file that was deleted nothing stays.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from contracts.model import Contract
from proofs import jsonstrict
from proofs.errors import MalformedError, RefusedError

MAX_BYTES: Final = 16 * 1024 * 1024
_APART: Final = "apart"
_UNREADABLE: Final = (OSError, MalformedError, ValueError, TypeError, ArithmeticError, IndexError)


@dataclass(frozen=True, slots=True)
class State:
    """What was counted of one file.

    Attributes:
        answers: The number of rows, and what the engine answered, in the order of the question.
        sets: For each rule that tells values apart, where their hashes lie.
    """

    answers: tuple[Any, ...]
    sets: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class States:
    """The states of batches below one folder, made when the first is kept."""

    folder: Path

    def of(self, contract: Contract) -> ContractStates:
        """Return those of one contract on one dataset."""
        names = [contract.dataset.namespace, contract.dataset.name, contract.name]
        return ContractStates(self.folder / hashlib.sha256(jsonstrict.dumps(names)).hexdigest()[:32])


@dataclass(frozen=True, slots=True)
class ContractStates:
    """The states of one contract's batches."""

    folder: Path

    def load(self, key: str) -> State | None:
        """Return a state; None where there is none, or it is not what was written."""
        try:
            answers, digests = self._read(key)
            sets = tuple(self.set_path(key, number) for number in range(len(digests)))
            if [_sha256(path) for path in sets] != digests:
                return None
            return State(tuple(_decoded(answer) for answer in answers), sets)
        except _UNREADABLE:
            return None

    def apart(self) -> list[frozenset[str]]:
        """Return, for each rule that tells values apart, the keys of states that have no hash in common with each other."""
        try:
            return [frozenset(str(key) for key in keys) for keys in self._read(_APART)]
        except _UNREADABLE:
            return []

    def keep_apart(self, found: Iterable[Iterable[str]]) -> None:
        """Write down what `apart` returns."""
        self._write(_APART, [sorted(keys) for keys in found])

    def set_path(self, key: str, number: int) -> Path:
        """Return where the hashes of a rule lie."""
        return self.folder / f"{key}.{number}.parquet"

    def keep(self, key: str, answers: Iterable[Any], sets: int) -> State:
        """Write a state, whose sets lie at their paths already; an OSError leaves none."""
        paths = tuple(self.folder / f"{key}.{number}.parquet" for number in range(sets))
        values = tuple(answers)
        said = [[_encoded(value) for value in values], [_sha256(path) for path in paths]]
        for path in paths:
            path.chmod(0o600)
        self._write(key, said)
        return State(values, paths)

    def forget_all_but(self, keys: Iterable[str]) -> None:
        """Remove every state that is none of these."""
        needed = {_APART, *keys}
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.name.partition(".")[0] not in needed:
                    path.unlink(missing_ok=True)

    def _read(self, name: str) -> Any:
        with (self.folder / f"{name}.json").open("rb") as file:
            text = file.read(MAX_BYTES)
        digest, _, rest = text.partition(b"\n")
        if hashlib.sha256(rest).hexdigest().encode() != digest:
            raise MalformedError("a state is not what was written")
        return jsonstrict.loads(rest, limit_bytes=MAX_BYTES)

    def _write(self, name: str, said: Any) -> None:
        rest = jsonstrict.dumps(said)
        handle, made = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
        Path(made).replace(self.folder / f"{name}.json")

    def make(self) -> Path:
        """Make the folder, for its owner alone, and return it as it is written out.

        Raises:
            RefusedError: It cannot be made.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RefusedError(
                f"the folder of states cannot be made: {error.strerror}", where=str(self.folder)
            ) from error
        return self.folder.resolve()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _encoded(value: Any) -> list[Any]:
    match value:
        case None:
            return []
        case int() if not isinstance(value, bool):
            return ["integer", str(value)]
        case Decimal():
            return ["decimal", str(value)]
        case float():
            return ["double", value.hex()]
        case dict():
            return ["bins", sorted([int(place), int(count)] for place, count in value.items() if place is not None)]
    raise TypeError(f"a {type(value).__name__} is no answer that is kept")


def _decoded(said: Any) -> Any:
    if not said:
        return None
    kind, text = said
    match kind:
        case "integer":
            return int(text)
        case "decimal":
            try:
                return Decimal(text)
            except InvalidOperation as error:
                raise ValueError("no decimal") from error
        case "double":
            return float.fromhex(text)
        case "bins":
            return {int(place): int(count) for place, count in text}
    raise ValueError("no answer of a kind that is known")
