"""What of an answer is opened, and what is only said to be there.

    disclosed     bytes and salt: whoever has them can hold them against the entry
    withheld      it exists, and was not chosen
    destroyed     it does not exist any more; every proof about the entry stands

Bodies hold no personal values; those are parts, and a part is opened only when it is named, for a reader and a purpose.
The reading is in the log, durably, before anything leaves the ledger.

Source: docs/formats/bodies.md; docs/formats/bundle.md, bodies.jsonl and parts.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from evidence.terms import Disclosure
from ledger import disclosure as parts
from ledger.log import Ledger
from proofs.disclosure import State
from proofs.entry import LEDGER_PREFIX, Entry
from proofs.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Content:
    """A body or a part; `salt` and `data` are empty unless it is disclosed."""

    state: State
    salt: bytes = b""
    data: bytes = b""


WITHHELD: Final = Content("withheld")
DESTROYED: Final = Content("destroyed")
Opened = Mapping[tuple[int, str], Content]
"""(seq, pointer) → part, for those that were opened."""


def is_open(disclosure: Disclosure, entry: Entry, *, is_inside: bool) -> bool:
    """True when the body of `entry` is disclosed as long as it exists.

    Args:
        is_inside: The entry lies in a window of the question, or the event that does goes on there.
    """
    if entry.type.startswith(LEDGER_PREFIX) or disclosure.bodies == "listed":
        return True
    return is_inside and disclosure.bodies == "window"


def open_parts(log: Ledger, disclosure: Disclosure) -> Opened:
    """Return the chosen parts with their salts; that they were read is in the log, durably, before.

    Raises:
        MissingError: A part is not there, was destroyed, or the vault is not at hand; nothing was recorded.
        TamperedError: A sealed part does not open under its key; nothing was recorded.
    """
    if not disclosure.parts:
        return {}
    reader, purpose = disclosure.reader or "", disclosure.purpose or ""
    opened = parts.open_parts(log, disclosure.parts, reader=reader, purpose=purpose)
    return {key: Content("disclosed", part.salt, part.value) for key, part in opened.items()}


def check_chosen(disclosure: Disclosure, inside: frozenset[int]) -> None:
    """Accept a choice of parts that lie within the answer.

    Raises:
        RefusedError: A part belongs to an entry that was not asked for.
    """
    for seq, _ in disclosure.parts:
        if seq not in inside:
            raise RefusedError(f"a part of entry {seq} is to be opened, which is outside what is asked")
