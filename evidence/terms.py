"""The terms on which evidence is handed over: who asked and when, what is opened, and which head it must grow from.

Every time in a bundle is the census's own; only `asked_at` is somebody else's, and so it is a term.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from ledger.disclosure import check_purpose
from proofs.entry import check_at, check_text
from proofs.errors import RefusedError
from proofs.limits import MAX_INTEGER, POINTER_BYTES

Bodies = Literal["none", "window", "listed"]
MAX_PARTS: Final = 10_000
_PSEUDONYM: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
# No "@", no free text: bodies of the ledger are never destroyed, so nothing personal may reach one.


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What is opened.

    Attributes:
        bodies: "window" opens the bodies of the entries that answer, "listed" also those of their neighbours, "none"
            only the ledger's own, which are always open.
        parts: (seq, pointer) of each personal part that is opened; none, unless each is named.
        reader: Pseudonym of who will read the parts; needed when there are any.
        purpose: Why, as a code of [a-z0-9:._-]{1,64}; likewise.

    Raises:
        RefusedError: It is no such choice.
    """

    bodies: Bodies = "window"
    parts: tuple[tuple[int, str], ...] = ()
    reader: str | None = None
    purpose: str | None = None

    def __post_init__(self) -> None:
        if self.bodies not in get_args(Bodies):
            raise RefusedError(f"bodies are disclosed by one of {', '.join(get_args(Bodies))}")
        if len(self.parts) > MAX_PARTS:
            raise RefusedError(f"{len(self.parts)} parts are to be opened, at most {MAX_PARTS} are at once")
        for seq, pointer in self.parts:
            if type(seq) is not int or not 0 <= seq <= MAX_INTEGER:
                raise RefusedError("the entry of a part is not a sequence number")
            try:
                check_text(pointer, limit_bytes=POINTER_BYTES, name="pointer of a part", empty=True)
            except ValueError as error:
                raise RefusedError(str(error)) from error
        if len(set(self.parts)) != len(self.parts):
            raise RefusedError("a part is named twice")
        if bool(self.parts) != (self.reader is not None) or bool(self.parts) != (self.purpose is not None):
            raise RefusedError("personal parts are opened for a reader and a purpose", hint="name both, or no part")
        if self.reader is not None:
            check_pseudonym(self.reader, "reader")
        if self.purpose is not None:
            check_purpose(self.purpose)


@dataclass(frozen=True, slots=True)
class Terms:
    """Who asked, when, and for what.

    Attributes:
        asked_by: A pseudonym, 1 to 128 of [A-Za-z0-9._:-].
        asked_at: As the ledger prints times, "2026-11-20T09:15:00.000000Z".
        disclosure: What is opened.
        since: A signed checkpoint that the reader keeps; the bundle then proves that the log grew from it.

    Raises:
        RefusedError: One of them is not of its form.
    """

    asked_by: str
    asked_at: str
    disclosure: Disclosure = field(default_factory=Disclosure)
    since: bytes | None = None

    def __post_init__(self) -> None:
        check_pseudonym(self.asked_by, "asked_by")
        try:
            check_at(self.asked_at)
        except ValueError as error:
            raise RefusedError("asked_at is not a time as the ledger prints it") from error


def check_pseudonym(text: object, what: str) -> None:
    """Accept a name that can stand in the log for ever.

    Raises:
        RefusedError: It is not 1 to 128 of [A-Za-z0-9._:-].
    """
    if not isinstance(text, str) or not _PSEUDONYM.match(text):
        raise RefusedError(f"{what} is not a pseudonym of 1 to 128 of A-Z a-z 0-9 . _ : -")
