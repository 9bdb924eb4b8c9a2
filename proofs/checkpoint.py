r"""The checkpoint: a log's name, its size and its root at one moment, as the text of a signed note.

    example.com/log\n
    15\n
    rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n

Ours end there. Foreign logs may add extension lines, which nobody audits; they are read only where the caller says so.

Source: C2SP tlog-checkpoint v1.0.0; docs/formats/checkpoint.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from proofs import b64strict
from proofs.digest import HASH_BYTES
from proofs.errors import MalformedError

MAX_SIZE: Final = 2**63 - 1
_FORBIDDEN: Final = re.compile("[\x00-\x1f\ud800-\udfff]")
_DECIMAL: Final = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's size and root hash at one moment.

    Attributes:
        origin: The log's name, one non-empty line.
        size: Number of entries committed to, 0 to 2^63−1.
        root: RFC 6962 tree hash of those entries, 32 bytes.
        extensions: What a foreign log wrote below, non-empty lines without their newline.

    Raises:
        MalformedError: An attribute is outside its range.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, line in (("origin", self.origin), *(("extension", line) for line in self.extensions)):
            if not line or _FORBIDDEN.search(line):
                raise MalformedError(f"checkpoint {name} {line[:80]!r} is not one non-empty line of text")
        if not 0 <= self.size <= MAX_SIZE:
            raise MalformedError(f"checkpoint size {self.size} is outside 0 to {MAX_SIZE}")
        if len(self.root) != HASH_BYTES:
            raise MalformedError(f"checkpoint root has {len(self.root)} bytes, expected {HASH_BYTES}")

    @classmethod
    def parse(cls, text: str, *, foreign: bool = False) -> Self:
        """Accept exactly the texts that `to_text` writes.

        Args:
            text: The text of a signed note, its last newline included.
            foreign: Accept extension lines.

        Raises:
            MalformedError: The text is anything else.
        """
        *lines, rest = text.split("\n")
        if rest or len(lines) < 3 or (len(lines) > 3 and not foreign):
            raise MalformedError(f"checkpoint has {len(lines)} whole lines, expected origin, size and root")
        origin, size, root, *extensions = lines
        return cls(
            origin, parse_decimal(size, "checkpoint size"), b64strict.decode(root, "checkpoint root"), tuple(extensions)
        )

    def to_text(self) -> str:
        """Return the text that is signed."""
        lines = (self.origin, str(self.size), b64strict.encode(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_decimal(text: str, what: str) -> int:
    """Return a number from 0 to 2^63−1 in its one spelling: ASCII digits, no sign, no leading zero.

    Raises:
        MalformedError: It is anything else.
    """
    number = int(text) if _DECIMAL.match(text) else -1
    if not 0 <= number <= MAX_SIZE:
        raise MalformedError(f"{what} {text[:40]!r} is not a decimal number from 0 to {MAX_SIZE}")
    return number
