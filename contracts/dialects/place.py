"""A place in a foreign document: what stands there, on which line, and the errors that speak of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar

from contracts import yamlsafe
from contracts.dialects.sentence import meant, shown, spelt
from contracts.dialects.words import ExpressionError
from proofs.errors import MalformedError

MAX_STRANGERS: Final = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader stands.

    Attributes:
        parsed: The whole document.
        name: What messages call it.
        path: The way to here.
        value: What stands here.
    """

    parsed: yamlsafe.Parsed
    name: str
    path: yamlsafe.Path
    value: Any

    @classmethod
    def root(cls, parsed: yamlsafe.Parsed, *, name: str) -> Place:
        """Return the place of the whole document."""
        return cls(parsed, name, (), parsed.value)

    @property
    def line(self) -> int:
        """The line of this place, or of the nearest around it that stands in the document."""
        return self.parsed.line(self.path)

    @property
    def key(self) -> str:
        """The last step of the way."""
        return str(self.path[-1]) if self.path else ""

    def error(self, what: str, *, hint: str = "") -> MalformedError:
        """Return what to raise for this place."""
        return MalformedError(f"{spelt(self.path)}: {what}", where=f"{self.name} line {self.line}", hint=hint)

    def get(self, key: str) -> Place | None:
        """Return the place of a member of this mapping; None when it is not there, or is null."""
        value = self.mapping().get(key)
        return None if value is None else Place(self.parsed, self.name, (*self.path, key), value)

    def need(self, key: str) -> Place:
        """Return the place of a member that must be there."""
        if (found := self.get(key)) is None:
            raise Place(self.parsed, self.name, (*self.path, key), None).error("is missing")
        return found

    def members(self) -> Iterator[Place]:
        """Yield the places of a mapping's members, those that are null too."""
        for key, value in self.mapping().items():
            yield Place(self.parsed, self.name, (*self.path, key), value)

    def items(self) -> Iterator[Place]:
        """Yield the places of a list's items."""
        if not isinstance(self.value, list):
            raise self.error(f"{shown(self.value)} is not a list")
        for index, value in enumerate(self.value):
            yield Place(self.parsed, self.name, (*self.path, index), value)

    def mapping(self) -> dict[str, Any]:
        """Return the mapping that stands here."""
        if not isinstance(self.value, dict):
            raise self.error(f"{shown(self.value)} is not a mapping")
        return self.value

    def text(self) -> str:
        """Return the text that stands here."""
        if not isinstance(self.value, str):
            hint = "quote it" if isinstance(self.value, int | Decimal) else ""
            raise self.error(f"{shown(self.value)} is not text", hint=hint)
        return self.value

    def texts(self) -> list[str]:
        """Return the texts that stand here, one alone or a list of them."""
        return [self.value] if isinstance(self.value, str) else [item.text() for item in self.items()]

    def boolean(self) -> bool:
        """Return the truth value that stands here."""
        if not isinstance(self.value, bool):
            raise self.error(f"{shown(self.value)} is neither true nor false")
        return self.value

    def number(self) -> int | Decimal:
        """Return the number that stands here."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | Decimal):
            raise self.error(f"{shown(self.value)} is not a number")
        return self.value

    def whole(self) -> int:
        """Return the integer that stands here, not below 0."""
        number = self.number()
        if number != int(number) or number < 0:
            raise self.error(f"{shown(self.value)} is not an integer from 0 on")
        return int(number)

    def word(self, words: dict[str, T]) -> T:
        """Return what one of some words means, in whatever case it is written."""
        text = self.text()
        if text.strip().lower() not in words:
            raise self.error(f"{shown(text)} is not a word that is known here", hint=meant(text, words))
        return words[text.strip().lower()]

    def read(self, read: Callable[[str], T]) -> T:
        """Return what an expression's reader makes of what stands here; a number is read as it is spelt."""
        is_number = isinstance(self.value, int | Decimal) and not isinstance(self.value, bool)
        text = f"{self.value:f}" if isinstance(self.value, Decimal) else str(self.value) if is_number else self.text()
        try:
            return read(text)
        except ExpressionError as error:
            raise self.error(f"{shown(text)}: {error}") from error

    def strangers(self, known: frozenset[str]) -> list[Place]:
        """Return the members that are not known, unless one of them is almost a known one that is not there: that is an error."""
        strange = [member for member in self.members() if member.key not in known]
        if len(strange) > MAX_STRANGERS:
            raise strange[MAX_STRANGERS].error(f"is one more than {MAX_STRANGERS} keys that are not known here")
        missing = known - set(self.mapping())
        for member in strange:
            hint = meant(member.key, missing)
            if hint.startswith("did you mean"):
                raise member.error("is not a key that is known here", hint=hint)
        return strange
