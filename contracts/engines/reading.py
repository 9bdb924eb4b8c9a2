"""A result as JSON, taken apart with bounds: what is not there is None, and what is of another type than it must be is refused.

Source: RFC 8259, read by `jsonstrict.loads_foreign`: no NaN, no member twice, no deeper than 64 levels.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from proofs import jsonstrict, limits
from proofs.errors import MalformedError

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_TEXT: Final = 1_000
MAX_ITEMS: Final = 200_000
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:#/-]{0,127}")
_COUNT: Final = re.compile(r"([0-9]{1,16})(\.0+)?")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a foreign document, and where it stands.

    Attributes:
        value: None also where there is no such member.
        path: The way there, for messages; of keys that are ours to name, never of those of the document.
    """

    value: Any
    path: str

    def __bool__(self) -> bool:
        return self.value is not None

    def member(self, name: str) -> Node:
        """Return a member of an object; one of nothing is nothing.

        Raises:
            MalformedError: This is no object.
        """
        if self.value is None:
            return Node(None, f"{self.path}/{name}")
        if not isinstance(self.value, dict):
            raise self._refused("an object")
        return Node(self.value.get(name), f"{self.path}/{name}")

    def at(self, *names: str) -> Node:
        """Return the member of a member; raises as `member`."""
        node = self
        for name in names:
            node = node.member(name)
        return node

    def values(self) -> Iterator[Node]:
        """Yield the members' values of an object, in their order; raises as `member`."""
        if self.value is not None and not isinstance(self.value, dict):
            raise self._refused("an object")
        for value in (self.value or {}).values():
            yield Node(value, f"{self.path}/*")

    def items(self) -> list[Node]:
        """Return the items of an array; none of nothing.

        Raises:
            MalformedError: This is no array, or one of more than 200,000 items.
        """
        if self.value is None:
            return []
        if not isinstance(self.value, list) or len(self.value) > MAX_ITEMS:
            raise self._refused(f"an array of at most {MAX_ITEMS} items")
        return [Node(value, f"{self.path}/{number}") for number, value in enumerate(self.value)]

    def needed(self, name: str) -> list[Node]:
        """Return the items of an array that must be there, by which a result is known.

        Raises:
            MalformedError: There is no such member, or it is no array.
        """
        found = self.member(name)
        if found.value is None:
            raise MalformedError(
                f"{self.path or 'the document'} has no member {name!r}", hint="is it another engine's?"
            )
        return found.items()

    def text(self) -> str | None:
        """Return a text of at most 1,000 characters; None of nothing.

        Raises:
            MalformedError: This is none.
        """
        if self.value is None:
            return None
        if not isinstance(self.value, str) or len(self.value) > MAX_TEXT:
            raise self._refused(f"a text of at most {MAX_TEXT} characters")
        return self.value

    def word(self) -> str:
        """Return an outcome or another word of a list that may grow; empty where this is no text at all."""
        return self.value.lower() if isinstance(self.value, str) else ""

    def texts(self) -> tuple[str, ...]:
        """Return a text, or the texts of an array; none of nothing. Raises as `text`."""
        if not isinstance(self.value, list):
            return tuple(filter(None, (self.text(),)))
        return tuple(filter(None, (item.text() for item in self.items())))

    def count(self) -> int | None:
        """Return a number of rows; None of nothing.

        Raises:
            MalformedError: This is none: 0 to 2^53−1, without a fraction.
        """
        if self.value is None:
            return None
        found = _COUNT.fullmatch(self.value.text) if isinstance(self.value, jsonstrict.Number) else None
        if found is None or (count := int(found[1])) > limits.MAX_INTEGER:
            raise self._refused("a number of rows")
        return count

    def is_true(self) -> bool:
        """Return True for true, and for nothing else."""
        return self.value is True

    def _refused(self, expected: str) -> MalformedError:
        return MalformedError(f"{self.path or 'the document'} is not {expected}")


def document(data: bytes) -> Node:
    """Return the document that `data` spells.

    Raises:
        MalformedError: It is not JSON, larger than 16 MiB, nested deeper than 64 levels, or ambiguous.
    """
    return Node(jsonstrict.loads_foreign(data, limit_bytes=MAX_BYTES, depth=MAX_DEPTH), "")


def own_id(text: str | None) -> str | None:
    """Return an engine's own id of a check, as it is or, where it is not written like one, hashed; None where there is none."""
    if not text:
        return None
    return text if _ID.fullmatch(text) else hashed(text)


def hashed(*parts: Any) -> str:
    """Return an id for what a check is: 16 hex digits of a SHA-256 over its parts."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=lambda number: {"": number.text})
    return hashlib.sha256(text.encode()).hexdigest()[:16]
