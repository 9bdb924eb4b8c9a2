"""The scope: what was asked of the log, by whom and when, and the control totals of what was handed over.

Auditors call it the IPE sheet (information produced by the entity). What is asked is the issuer's word; every number
is counted again by whoever verifies, with `control`.

Source: docs/formats/bundle.md, scope.json.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from proofs.disclosure import STATES, State
from proofs.entry import Entry
from proofs.errors import MalformedError, TamperedError
from proofs.filing import kind_of
from proofs.limits import STREAM_NAME_BYTES
from proofs.record import Record, document, place, record
from proofs.streams import stream_name

EVERYTHING: Final = "everything"
KINDS: Final = frozenset(("dataset", "deletion", EVERYTHING, "stream"))
_BY: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
_TALLY: Final = "destroyed disclosed withheld"


@dataclass(frozen=True, slots=True)
class Window:
    """All events of one stream with `at` in [start, stop); None is no bound."""

    name: str
    start: str | None = None
    stop: str | None = None

    def is_before(self, at: str) -> bool:
        """True when `at` lies before the window."""
        return self.start is not None and at < self.start

    def is_behind(self, at: str) -> bool:
        """True when `at` lies at the window's end or later."""
        return self.stop is not None and at >= self.stop


@dataclass(frozen=True, slots=True)
class Scope:
    """What scope.json says.

    Attributes:
        asked_at: When the question was asked.
        asked_by: The pseudonym of who asked.
        census: Seq of the census.
        origin: The log's.
        root: Of the tree that the census ends, 32 bytes.
        size: Of that tree.
        kind: "stream", "dataset", "deletion" or "everything".
        subject: What was asked about: a dataset's full name, a request's id; None for streams and for everything.
        windows: Sorted by name, each name once.
        control: The totals, as they stand there.
    """

    asked_at: str
    asked_by: str
    census: int
    origin: str
    root: bytes
    size: int
    kind: str
    subject: str | None
    windows: tuple[Window, ...]
    control: Mapping[str, object]

    @classmethod
    def parse(cls, data: bytes, where: str) -> Self:
        """Return what the file says.

        Raises:
            MalformedError: It is not what its page says.
        """
        with place(where):
            scope = record(document(data), "asked control log question v")
            scope.constant("v", 1)
            asked = scope.record("asked", "at by")
            log = scope.record("log", "census origin root size")
            question = scope.record("question", "kind streams", "subject")
            _check_control(scope.record("control", "bodies entries parts streams types"))
            kind = question.choice("kind", KINDS)
            windows = tuple(_window(stream) for stream in question.records("streams", "name", "from to"))
            subject = question.text("subject") if "subject" in question else None
            _check_question(kind, subject, windows)
            return cls(
                asked_at=asked.at("at"),
                asked_by=asked.matching("by", _BY),
                census=log.integer("census"),
                origin=log.text("origin"),
                root=log.digest("root"),
                size=log.integer("size"),
                kind=kind,
                subject=subject,
                windows=windows,
                control=scope.mapping("control"),
            )

    def wholes(self) -> Callable[[str], bool]:
        """Return a test of a stream's name: was every entry of it asked for, whenever it was recorded?"""
        if self.kind == EVERYTHING:
            return lambda _name: True
        return frozenset(window.name for window in self.windows if window == Window(window.name)).__contains__

    def check_log(self, *, origin: str, size: int, root: bytes) -> None:
        """Accept when the scope speaks of this tree, and of its last entry as the census.

        Raises:
            TamperedError: It speaks of another one.
        """
        for name, said, found in (
            ("origin", self.origin, origin),
            ("size", self.size, size),
            ("root", self.root.hex(), root.hex()),
            ("census", self.census, size - 1),
        ):
            if said != found:
                raise TamperedError(f"log.{name} is {said}, the checkpoint says {found}")

    def check_control(self, counted: Mapping[str, object]) -> None:
        """Accept when every total is what was counted.

        Raises:
            TamperedError: One is not; the first is named.
        """
        for name, value in counted.items():
            if self.control[name] != value:
                raise TamperedError(f"control.{name} is {_show(self.control[name])}, counted {_show(value)}")


def control(
    entries: Iterable[Entry],
    bodies: Iterable[State],
    parts: Iterable[State],
    streams: Sequence[tuple[str, int, int]],
) -> dict[str, object]:
    """Return the control totals.

    Args:
        entries: The listed entries.
        bodies: The state of each one's body.
        parts: The state of each of their parts.
        streams: (name, proven count, listed entries in the window) of each stream of the question, sorted by name.
    """
    types = Counter(entry.type for entry in entries)
    return {
        "bodies": _tally(bodies),
        "entries": types.total(),
        "parts": _tally(parts),
        "streams": [{"count": count, "listed": listed, "name": name} for name, count, listed in streams],
        "types": dict(types),
    }


def _tally(states: Iterable[State]) -> dict[str, int]:
    counted = Counter(states)
    return {state: counted[state] for state in STATES}


def _window(stream: Record) -> Window:
    window = Window(
        name=stream.text("name", limit_bytes=STREAM_NAME_BYTES),
        start=stream.at("from") if "from" in stream else None,
        stop=stream.at("to") if "to" in stream else None,
    )
    if kind_of(window.name) is None:
        # A slip of the pen would otherwise be answered by a proof that nobody ever used that name.
        raise MalformedError(f"{stream.path('name')} {window.name!r} is no name under which a stream is filed")
    if window.start is not None and window.stop is not None and window.start >= window.stop:
        raise MalformedError(f"{stream.name} ends at {window.stop}, which is not after its beginning {window.start}")
    return window


def _check_question(kind: str, subject: str | None, windows: Sequence[Window]) -> None:
    names = [window.name for window in windows]
    if any(before >= after for before, after in pairwise(names)):
        raise MalformedError("question.streams is not sorted by name, each once")
    if (subject is not None) != (kind in ("dataset", "deletion")):
        raise MalformedError(f"a question of kind {kind} has {'a' if subject is not None else 'no'} subject")
    if bool(names) == (kind == EVERYTHING):
        raise MalformedError(f"a question of kind {kind} has {len(names)} streams")
    if subject is None:
        return
    # Else a reader who sees the subject would take the streams of another one for the answer.
    if kind == "dataset":
        prefix, _, rest = subject.partition(":")
        stream = stream_name("dataset", rest) if prefix == "dataset" and rest else ""
    else:
        stream = stream_name("request", subject)
    if stream not in names:
        raise MalformedError(f"question.streams lacks the stream of its subject {subject!r}")


def _check_control(totals: Record) -> None:
    totals.integer("entries")
    for member in ("bodies", "parts"):
        tally = totals.record(member, _TALLY)
        for state in STATES:
            tally.integer(state)
    for stream in totals.records("streams", "count listed name"):
        stream.text("name", limit_bytes=STREAM_NAME_BYTES)
        stream.integer("count")
        stream.integer("listed")
    types = Record(totals.path("types"), totals.mapping("types"))
    for type_ in types.members:
        types.integer(type_)


def _show(value: object) -> str:
    """Return a total as a message can hold it: numbers as they are, anything longer cut."""
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
