"""A question to the ledger: which streams, from when until when. It is a value, so that asking it again asks the same.

    about_stream("type:tallystick.validation.decided.v1", "2026-11-01", "2026-12-01")
    about_dataset("warehouse", "churn.features")
    about_deletion(log, "0b8f…")          the request, every dataset that derives from its targets, every run at them
    everything()

`from` is included, `to` is not, and both are compared with `at`, the ledger's own clock.

Source: docs/formats/bundle.md, scope.json.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from proofs import moment
from proofs.entry import check_at, check_text
from proofs.errors import RefusedError
from proofs.filing import KINDS as STREAM_KINDS
from proofs.filing import kind_of
from proofs.scope import KINDS, Window
from proofs.streams import qualified, stream_name

if TYPE_CHECKING:
    from ledger.log import Ledger

MAX_STREAMS: Final = 100_000  # 130 MB of census.json
NAMES_BYTES: Final = 8 * 1024 * 1024  # they also stand in the body of `evidence-exported`
SUBJECT_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        kind: "stream", "dataset", "deletion" or "everything".
        streams: One window for each stream, sorted by name.
        subject: What it is about in words of the ledger: a dataset's full name, a request's id; never a person.

    Raises:
        RefusedError: A verifier would not read it as a question.
    """

    kind: str
    streams: tuple[Window, ...] = ()
    subject: str | None = None

    def __post_init__(self) -> None:
        kind: object = self.kind
        if not isinstance(kind, str) or kind not in KINDS:
            raise RefusedError(f"question is of none of the kinds {', '.join(sorted(KINDS))}")
        if len(self.streams) > MAX_STREAMS:
            raise RefusedError(
                f"question asks for {len(self.streams)} streams, at most {MAX_STREAMS} are answered at once"
            )
        for window in self.streams:
            _check_window(window)
        if (size := sum(len(window.name.encode()) for window in self.streams)) > NAMES_BYTES:
            raise RefusedError(f"names of the streams have {size} bytes, at most {NAMES_BYTES} are answered at once")
        if any(before.name >= after.name for before, after in pairwise(self.streams)):
            raise RefusedError("streams of the question are not sorted by name, each once")
        _check_subject(self)


def about_stream(name: str, from_: str | None = None, to: str | None = None) -> Question:
    """Return the question for one stream.

    Args:
        name: Its full name, "<kind>:<what>", or the name under which it is filed.
        from_, to: "2026-11-20", "2026-11-20T09:15:00Z", or with decimals; None for no bound.

    Raises:
        RefusedError: No stream can be called so, or the times are none or do not follow one another.
    """
    return Question("stream", (Window(as_filed(name), as_at(from_), as_at(to)),))


def about_dataset(namespace: str, name: str, from_: str | None = None, to: str | None = None) -> Question:
    """Return the question for everything that was recorded of one dataset; times as in `about_stream`.

    Raises:
        RefusedError: The name is empty or holds what no entry may hold; ask for its stream then.
    """
    for text in (namespace, name):
        _text(text, "name of the dataset")
    full = qualified(namespace, name)
    return Question("dataset", (Window(stream_name("dataset", full), as_at(from_), as_at(to)),), f"dataset:{full}")


def about_deletion(log: Ledger, request: str) -> Question:
    """Return the question that lets a stranger recompute whether a deletion forgot anything downstream.

    It asks, without bounds in time, for the request's stream, the streams of every dataset and job that derive from the
    plan's seeds and targets in the lineage recorded so far, and those of every run that touched one of them. Of a request
    that the log does not know, it asks for the request's stream alone: its absence is then proven.

    Raises:
        RefusedError: The id is none, or more streams derive than one bundle can answer for.
    """
    from evidence.derivation import streams_of_deletion

    _text(request, "id of the request")
    names = streams_of_deletion(log, stream_name("request", request))
    return Question("deletion", tuple(map(Window, sorted(names))), request)


def everything() -> Question:
    """Return the question for the whole log."""
    return Question("everything")


def to_json(question: Question) -> dict[str, Any]:
    """Return the member `question` of scope.json."""
    asked: dict[str, Any] = {"kind": question.kind, "streams": [_window_json(window) for window in question.streams]}
    if question.subject is not None:
        asked["subject"] = question.subject
    return asked


def as_filed(name: str) -> str:
    """Return the name under which a stream is filed; hashed where the full name cannot stand in an entry.

    Raises:
        RefusedError: Nothing is ever filed under that name.
    """
    text = _utf8(name, "name of the stream")
    kind, _, rest = text.partition(":")
    if kind not in STREAM_KINDS or not rest:
        raise RefusedError(
            f"stream {text[:80]!r} is not <kind>:<name>", hint=f"a kind is one of {', '.join(sorted(STREAM_KINDS))}"
        )
    if kind_of(text) is None and kind in ("dataset", "job"):
        from lineage import names

        return names.parse(text).id
    return text if kind_of(text) else stream_name(kind, rest)


def as_at(time: str | None) -> str | None:
    """Return a time as the ledger prints it; a day is its first microsecond in UTC.

    Raises:
        RefusedError: It is no such time.
    """
    if time is None:
        return None
    try:
        return moment.as_at(_utf8(time, "time"))
    except ValueError as error:
        raise RefusedError(str(error)) from error


def _checked_at(text: object) -> str:
    try:
        return check_at(text)
    except ValueError as error:
        raise RefusedError(f"time {str(text)[:40]!r} is not a real one in UTC") from error


def _text(value: object, what: str) -> str:
    try:
        return check_text(value, limit_bytes=SUBJECT_BYTES, name=what)
    except ValueError as error:
        raise RefusedError(str(error), hint="ask for its stream by the name under which it is filed") from error


def _utf8(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise RefusedError(f"{what} is not text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RefusedError(f"{what} holds a surrogate and is not UTF-8") from error
    return value


def _check_window(window: object) -> None:
    if not isinstance(window, Window):
        raise RefusedError("a stream of the question is not a window")
    if kind_of(_utf8(window.name, "name of the stream")) is None:
        raise RefusedError(f"{window.name[:80]!r} is no name under which a stream is filed")
    for at in (window.start, window.stop):
        if at is not None:
            _checked_at(at)
    if window.start is not None and window.stop is not None and window.start >= window.stop:
        raise RefusedError(f"window ends at {window.stop}, which is not after its beginning {window.start}")


def _check_subject(question: Question) -> None:
    kind, subject = question.kind, question.subject
    if not question.streams and kind != "everything":
        raise RefusedError(f"a question of kind {kind} asks for no stream")
    if question.streams and kind == "everything":
        raise RefusedError("a question for everything names a stream, which would bound it")
    if (subject is not None) != (kind in ("dataset", "deletion")):
        raise RefusedError(f"a question of kind {kind} has {'a' if subject is not None else 'no'} subject")
    if subject is None:
        return
    _text(subject, "subject of the question")
    stream = stream_name("request", subject)
    if kind == "dataset":
        stream = stream_name("dataset", subject.removeprefix("dataset:"))
    if stream not in _names(question.streams):
        raise RefusedError(f"question lacks the stream of its subject {subject[:80]!r}")


def _names(windows: Iterable[Window]) -> set[str]:
    return {window.name for window in windows}


def _window_json(window: Window) -> dict[str, str]:
    bounds = {"from": window.start, "to": window.stop}
    return {"name": window.name} | {name: at for name, at in bounds.items() if at is not None}
