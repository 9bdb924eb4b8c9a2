"""An object of exactly the members that its page names: how every JSON document of a bundle is read.

`record` refuses a member too many and one too few; its methods hand out members of the right shape. What is wrong is
said with the path to it ("control.streams[2].count is not an integer"), never with the value, which may be anything.

Source: docs/formats/bundle.md, docs/formats/events.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from proofs import b64strict, jsonstrict, limits
from proofs.entry import check_at, check_text
from proofs.errors import MalformedError, TallyError

DOCUMENT_BYTES: Final = 1024**3
TEXT_BYTES: Final = 4_096  # what no page bounds more tightly
_END: Final = "\\Z"
_HEX: Final = re.compile(r"[0-9a-f]{64}\Z")


@contextmanager
def place(where: str) -> Iterator[None]:
    """Give every error from inside that has no place yet the place `where`."""
    try:
        yield
    except TallyError as error:
        error.where = error.where or where
        raise


def document(data: bytes) -> jsonstrict.Json:
    """Return what a `.json` file says: canonical JSON and one newline.

    Raises:
        MalformedError: It is not written exactly so.
    """
    if not data.endswith(b"\n"):
        raise MalformedError("document does not end in a newline")
    return jsonstrict.parse_canonical(data[:-1], limit_bytes=DOCUMENT_BYTES)


def lines(data: bytes, path: str) -> Iterator[tuple[str, bytes]]:
    """Yield the place and the bytes of each line of a `.jsonl` file, without its newline.

    Raises:
        MalformedError: The last line does not end, or one is empty.
    """
    *whole, rest = data.split(b"\n")
    if rest:
        raise MalformedError("last line does not end in a newline", where=f"{path} line {len(whole) + 1}")
    for number, line in enumerate(whole, 1):
        where = f"{path} line {number}"
        if not line:
            raise MalformedError("line is empty", where=where)
        yield where, line


@dataclass(frozen=True, slots=True)
class Record:
    """An object whose member names are right; every method raises MalformedError when the member's shape is not.

    Attributes:
        name: Path to it in its document, for messages; empty at the top.
        members: As parsed.
    """

    name: str
    members: Mapping[str, object]

    def __contains__(self, member: str) -> bool:
        return member in self.members

    def path(self, member: str) -> str:
        """Return how messages call the member: "control.entries"."""
        return f"{self.name}.{member}" if self.name else member

    def integer(self, member: str) -> int:
        """Return an integer from 0 to 2^53−1."""
        return integer(self.members[member], self.path(member))

    def text(self, member: str, *, limit_bytes: int = TEXT_BYTES, empty: bool = False) -> str:
        """Return a text that an entry could hold (docs/formats/entry.md)."""
        try:
            return check_text(self.members[member], limit_bytes=limit_bytes, name=self.path(member), empty=empty)
        except ValueError as error:
            raise MalformedError(str(error)) from error

    def matching(self, member: str, pattern: re.Pattern[str]) -> str:
        """Return a text that matches `pattern` from its beginning."""
        value = self.members[member]
        if not isinstance(value, str) or not pattern.match(value):
            raise MalformedError(f"{self.path(member)} is not written as {pattern.pattern.removesuffix(_END)}")
        return value

    def choice(self, member: str, choices: Iterable[str]) -> str:
        """Return one of `choices`."""
        value = self.members[member]
        if not isinstance(value, str) or value not in choices:
            raise MalformedError(f"{self.path(member)} is none of {', '.join(sorted(choices))}")
        return value

    def constant(self, member: str, expected: str | int) -> None:
        """Accept only `expected`: a version, an algorithm."""
        value = self.members[member]
        if type(value) is not type(expected) or value != expected:
            raise MalformedError(f"{self.path(member)} is not {expected!r}, the only one that this verifier knows")

    def at(self, member: str) -> str:
        """Return a time as the ledger prints it."""
        try:
            return check_at(self.members[member])
        except ValueError as error:
            raise MalformedError(f"{self.path(member)}: {error}") from error

    def digest(self, member: str) -> bytes:
        """Return the 32 bytes of 64 hex digits."""
        return digest(self.members[member], self.path(member))

    def base64(self, member: str) -> bytes:
        """Return the bytes of a base64 text."""
        value = self.members[member]
        if not isinstance(value, str):
            raise MalformedError(f"{self.path(member)} is not base64")
        return b64strict.decode(value, self.path(member))

    def array(self, member: str) -> list[object]:
        """Return an array."""
        return array(self.members[member], self.path(member))

    def mapping(self, member: str) -> dict[str, object]:
        """Return an object whose member names are free."""
        value = self.members[member]
        if not isinstance(value, dict):
            raise MalformedError(f"{self.path(member)} is not an object")
        return value

    def record(self, member: str, required: str, optional: str = "") -> Record:
        """Return an object of exactly the members `required`, separated by spaces, and any of `optional`."""
        return record(self.members[member], required, optional, name=self.path(member))

    def records(self, member: str, required: str, optional: str = "") -> list[Record]:
        """Return an array of such objects."""
        return [
            record(value, required, optional, name=f"{self.path(member)}[{at}]")
            for at, value in enumerate(self.array(member))
        ]

    def integers(self, member: str) -> list[int]:
        """Return an array of integers, strictly ascending."""
        values = [integer(value, f"{self.path(member)}[{at}]") for at, value in enumerate(self.array(member))]
        if any(before >= after for before, after in pairwise(values)):
            raise MalformedError(f"{self.path(member)} does not ascend")
        return values

    def digests(self, member: str) -> list[bytes]:
        """Return an array of hashes of 32 bytes."""
        return [digest(value, f"{self.path(member)}[{at}]") for at, value in enumerate(self.array(member))]


def record(value: object, required: str, optional: str = "", *, name: str = "") -> Record:
    """Return `value` as an object of exactly the members `required`, and any of `optional`.

    Args:
        required: Member names, separated by spaces.
        optional: Likewise.
        name: Path to `value` in its document.

    Raises:
        MalformedError: It is no object, or a member is missing or unknown.
    """
    label = name or "document"
    if not isinstance(value, dict):
        raise MalformedError(f"{label} is not an object")
    expected = required.split()
    for member in expected:
        if member not in value:
            raise MalformedError(f"{label} has no member {member}")
    if len(value) > len(expected):
        known = {*expected, *optional.split()}
        if unknown := [member for member in value if member not in known]:
            raise MalformedError(f"{label} has the unknown member {unknown[0][:64]!r}")
    return Record(name, value)


def integer(value: object, name: str) -> int:
    """Return `value` when it is an integer from 0 to 2^53−1.

    Raises:
        MalformedError: It is anything else; true and false are no integers.
    """
    if type(value) is not int or not 0 <= value <= limits.MAX_INTEGER:
        raise MalformedError(f"{name} is not an integer from 0 to {limits.MAX_INTEGER}")
    return value


def digest(value: object, name: str) -> bytes:
    """Return the 32 bytes of 64 lower-case hex digits.

    Raises:
        MalformedError: `value` is anything else.
    """
    if not isinstance(value, str) or not _HEX.match(value):
        raise MalformedError(f"{name} is not 64 lower-case hex digits")
    return bytes.fromhex(value)


def array(value: object, name: str) -> list[object]:
    """Return `value` when it is an array.

    Raises:
        MalformedError: It is anything else.
    """
    if not isinstance(value, list):
        raise MalformedError(f"{name} is not an array")
    return value
