"""What goes over the wire: CloudEvents 1.0 in a JSON batch, `data` in it byte for byte; and what may come back.

An answer is hostile until read: it is bounded before it is parsed, and whatever it says of an event is held to that event.

Source: CloudEvents 1.0, JSON Event Format, sections 3 and 4.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ledger.client.receipt import Receipt
from ledger.event import PARTS_ATTRIBUTE, PERSON_ATTRIBUTE, Event
from proofs import limits
from proofs.entry import FORBIDDEN
from proofs.errors import MalformedError

BATCH_TYPE: Final = "application/cloudevents-batch+json"
PROBLEM_TYPE: Final = "urn:tallystick:"  # a code follows
_ATTRIBUTES: Final = (
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "sequence",
    "traceparent",
)
_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_LEVEL: Final = 3  # beyond that an answer comes later, not sooner
_BLANK: Final = b" \t\r\n"
_ANSWER_BYTES: Final = 1 << 16  # of an answer, beside its receipts
_RECEIPT_BYTES: Final = 2 * limits.ENTRY_BYTES  # every character of an entry may be escaped, though hardly any is
_MOST_ANSWER_BYTES: Final = 64 << 20
REASON_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the server refuses one event, or a whole request.

    Attributes:
        status: The HTTP status.
        code: A stable word ("conflict"); empty when the server named none.
        why: One sentence.
        is_ours: It has the type of a ledger's problem, so it is the ledger that speaks; else anybody on the way may.
    """

    status: int
    code: str
    why: str
    is_ours: bool


def print_event(event: Event) -> bytes:
    """Return the CloudEvent of `event` in the JSON format."""
    members: dict[str, Any] = {"specversion": "1.0"}
    for name in _ATTRIBUTES:
        if (value := getattr(event, name)) is not None:
            members[name] = value
    members |= event.ext
    if event.parts:
        members[PARTS_ATTRIBUTE] = orjson.dumps(list(event.parts)).decode()
    if event.person is not None:
        members[PERSON_ATTRIBUTE] = event.person
    head = orjson.dumps(members)[:-1]
    if not event.data:
        return head + b"}"
    if _stands_as_it_is(event):
        return b'%b,"data":%b}' % (head, event.data)
    return b'%b,"data_base64":"%b"}' % (head, base64.b64encode(event.data))


def _stands_as_it_is(event: Event) -> bool:
    """Whether the data can stand in a document: blanks at their ends would be lost, and what is no JSON would break it."""
    data = event.data
    if not event.is_json or data[:1] in _BLANK or data[-1:] in _BLANK:
        return False
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def print_batch(events: Sequence[Event]) -> bytes:
    """Return the body of a request, gzipped."""
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
    packed = [packer.compress(b"[")]
    for number, event in enumerate(events):
        packed.append(packer.compress((b"," if number else b"") + print_event(event)))
    return b"".join((*packed, packer.compress(b"]"), packer.flush()))


def answer_bytes(count: int) -> int:
    """Return how long the answer to `count` events may be at most."""
    return min(_ANSWER_BYTES + count * _RECEIPT_BYTES, _MOST_ANSWER_BYTES)


def read_results(body: bytes, count: int) -> list[Receipt | Problem | None]:
    """Return what an answer says of each of `count` events; None where it says nothing that can be used.

    Raises:
        MalformedError: It is no answer to so many events.
    """
    try:
        results = orjson.loads(body)["results"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise MalformedError("the server's answer holds no results") from error
    if not isinstance(results, list) or len(results) != count:
        found = len(results) if isinstance(results, list) else 0
        raise MalformedError(f"the server's answer holds {found} results, expected {count}")
    return [_result(result) for result in results]


def _result(result: Any) -> Receipt | Problem | None:
    if not isinstance(result, dict) or type(status := result.get("status")) is not int:
        return None
    if status in (200, 201) and isinstance(receipt := result.get("receipt"), dict):
        try:
            return Receipt.read(receipt)
        except MalformedError:
            return None
    if 400 <= status < 600 and isinstance(problem := result.get("problem"), dict):
        return problem_of(status, problem)
    return None


def read_problem(status: int, content_type: str, body: bytes) -> Problem | None:
    """Return the problem that a whole answer states; None when it states none: a stranger may have answered."""
    if content_type.partition(";")[0].strip().lower() != "application/problem+json":
        return None
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return problem_of(status, problem) if isinstance(problem, dict) else None


def problem_of(status: int, members: dict[str, Any]) -> Problem:
    """Return a problem, its words cut to what may stand in a log line."""
    code = _word(members.get("code"), 64)
    is_ours = bool(code) and members.get("type") == f"{PROBLEM_TYPE}{code}"
    return Problem(status, code, _word(members.get("detail"), REASON_CHARACTERS), is_ours)


def _word(text: object, limit: int) -> str:
    return FORBIDDEN.sub("?", text)[:limit] if isinstance(text, str) else ""
