"""Reading CloudEvents 1.0: one as JSON, many as a JSON array, one as HTTP headers and a body.

`data` keeps the very bytes that it has in the document. So a document is not parsed into values: its members are walked one
by one, and the library's scanner, which is in C, says where each value stops. What the scanner is lax about (members that
stand twice inside `data`, NaN) is held to the rules where the data are read.

Source: CloudEvents 1.0, JSON Event Format sections 3 and 4, HTTP Protocol Binding section 3.1.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from pydantic import ValidationError

from ledger.event import Event, take_parts
from proofs import jsonstrict, limits
from proofs.errors import MalformedError, RefusedError
from proofs.streams import claims_json

MAX_BATCH: Final = 1_000
_ATTRIBUTES: Final = frozenset(
    ("type", "source", "id", "subject", "time", "datacontenttype", "dataschema", "sequence", "traceparent")
)
_NOT_EXTENSIONS: Final = _ATTRIBUTES | {"specversion", "data", "data_base64"}
_BLANK: Final = re.compile(r"[ \t\n\r]*+")
# Most members are names and texts without an escape: one match, where the general way takes six calls.
_PLAIN: Final = re.compile(r'"([A-Za-z0-9_]++)"[ \t\n\r]*+:[ \t\n\r]*+"([^"\\\x00-\x1f]*+)"[ \t\n\r]*+')
_MAX_MEMBERS: Final = 64
_INTEGER_DIGITS: Final = 19


class _Value(NamedTuple):
    """A member's value, and [start, stop) of its characters in the document."""

    value: Any
    start: int
    stop: int


class _Fraction:
    """Stands for a number that is no integer: no attribute may be one."""


_FRACTION: Final = _Fraction()  # one for all: a body may hold millions


def _integer(text: str) -> object:
    return int(text) if len(text) < _INTEGER_DIGITS else _FRACTION


def _no_constant(text: str) -> object:
    raise RefusedError(f"no JSON: {text} is no number")


_DECODER: Final = json.JSONDecoder(parse_int=_integer, parse_float=lambda _: _FRACTION, parse_constant=_no_constant)
_scan = _DECODER.raw_decode


def read_cloudevent(document: bytes) -> Event:
    """Return the event of a structured-mode document.

    Raises:
        RefusedError: It is no CloudEvent of version 1.0, or an attribute breaks the grammar of an entry.
    """
    text = _decoded(document)
    try:
        members, at = _members(text, _blank(text, 0))
        if _blank(text, at) != len(text):
            raise RefusedError("no CloudEvent: something follows the document")
    except (ValueError, IndexError, RecursionError) as error:
        raise RefusedError("no CloudEvent: the document is not JSON") from error
    if members is None:
        raise RefusedError("no CloudEvent of specversion 1.0")
    return _event(text, members)


def read_batch(document: bytes) -> list[Event | RefusedError]:
    """Return the events of a batch in their order, and in the place of each that is not acceptable why it is not.

    Raises:
        RefusedError: The document is not a JSON array, or holds more than 1,000 events; nothing can be said of any.
    """
    text = _decoded(document)
    events: list[Event | RefusedError] = []
    try:
        for members in _elements(text):
            if len(events) == MAX_BATCH:
                raise RefusedError(f"the batch holds more than {MAX_BATCH} events")
            events.append(_event_or_why(text, members))
    except (ValueError, IndexError, RecursionError) as error:
        raise RefusedError("no batch of CloudEvents: the document is not a JSON array") from error
    return events


def split_array(document: bytes, *, most: int = MAX_BATCH) -> list[bytes]:
    """Return the bytes of each element of a JSON array, as they stand in it.

    Raises:
        RefusedError: The document is not a JSON array, or holds more than `most` elements.
    """
    text = _decoded(document)
    elements: list[bytes] = []
    try:
        at = _open_array(text)
        while text[at] != "]":
            if len(elements) == most:
                raise RefusedError(f"the array holds more than {most} elements")
            _, stop = _scan(text, at)
            elements.append(text[at:stop].encode())
            at = _next(text, stop)
        _check_end(text, at)
    except (ValueError, IndexError, RecursionError) as error:
        raise RefusedError("the document is not a JSON array") from error
    return elements


def read_binary(headers: Iterable[tuple[str, str]], body: bytes) -> Event:
    """Return the event of a binary-mode request.

    Args:
        headers: Names in lower case; those that begin with `ce-` are attributes, and content-type is that of the data.

    Raises:
        RefusedError: It is no CloudEvent of version 1.0, an attribute stands twice or breaks the grammar of an entry.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        attribute = "datacontenttype" if name == "content-type" else name.removeprefix("ce-")
        if attribute == name:
            continue
        if attribute in found or name in ("ce-datacontenttype", "ce-data", "ce-data_base64"):
            raise RefusedError(f"header {name[:64]!r} stands twice, or is none of binary mode")
        found[attribute] = _header_value(name, value)
    if found.pop("specversion", None) != "1.0":
        raise RefusedError("no CloudEvent of specversion 1.0", hint="send the header ce-specversion: 1.0")
    attributes: dict[str, Any] = {name: value for name, value in found.items() if name in _ATTRIBUTES}
    ext: dict[str, str | int | bool] = {name: value for name, value in found.items() if name not in _ATTRIBUTES}
    return _made({**attributes, **take_parts(ext), "ext": ext, "data": body})


def _header_value(name: str, value: str) -> str:
    """What a header says: other characters than ASCII are percent-encoded UTF-8 there."""
    try:
        if value.isascii():
            return unquote(value, errors="strict")
    except UnicodeDecodeError:
        pass
    raise RefusedError(f"header {name[:64]!r} is not percent-encoded UTF-8")


def _decoded(document: bytes) -> str:
    try:
        return document.decode()
    except UnicodeDecodeError as error:
        raise RefusedError("the document is not UTF-8") from error


def _elements(text: str) -> Iterator[dict[str, _Value] | None]:
    at = _open_array(text)
    while text[at] != "]":
        members, stop = _members(text, at)
        yield members
        at = _next(text, stop)
    _check_end(text, at)


def _open_array(text: str) -> int:
    at = _blank(text, 0)
    if text[at] != "[":
        raise ValueError
    return _blank(text, at + 1)


def _next(text: str, at: int) -> int:
    """Where the next element begins, or the array's end stands."""
    at = _blank(text, at)
    if text[at] == "]":
        return at
    if text[at] != ",":
        raise ValueError
    at = _blank(text, at + 1)
    if text[at] == "]":
        raise ValueError
    return at


def _check_end(text: str, at: int) -> None:
    if _blank(text, at + 1) != len(text):
        raise ValueError


def _members(text: str, at: int) -> tuple[dict[str, _Value] | None, int]:
    """The members of the object at `at` and where it stops; None for a value of another kind."""
    if text[at] != "{":
        return None, _scan(text, at)[1]
    members: dict[str, _Value] = {}
    at = _blank(text, at + 1)
    while text[at] != "}":
        if plain := _PLAIN.match(text, at):
            name, value = plain.groups()
            start, stop, at = plain.start(2) - 1, plain.end(2) + 1, plain.end()
        else:
            name, value, start, stop = _member(text, at)
            at = _blank(text, stop)
        if name in members or len(members) == _MAX_MEMBERS:
            name = "\0"  # no attribute: refuses this event, and no other of its batch
        members[name] = _Value(value, start, stop)
        if text[at] == ",":
            at = _blank(text, at + 1)
            if text[at] == "}":
                raise ValueError
        elif text[at] != "}":
            raise ValueError
    return members, at + 1


def _member(text: str, at: int) -> tuple[str, Any, int, int]:
    """Name and value of the member at `at`, and [start, stop) of the value."""
    if text[at] != '"':
        raise ValueError
    name, at = _scan(text, at)
    at = _blank(text, at)
    if text[at] != ":":
        raise ValueError
    start = _blank(text, at + 1)
    value, stop = _scan(text, start)
    return name, value, start, stop


def _blank(text: str, at: int) -> int:
    if text[at : at + 1] > " ":
        return at
    match = _BLANK.match(text, at)
    return at if match is None else match.end()


def _event_or_why(text: str, members: dict[str, _Value] | None) -> Event | RefusedError:
    if members is None:
        return RefusedError("an element of the batch is no CloudEvent")
    try:
        return _event(text, members)
    except RefusedError as error:
        return error


def _event(text: str, members: dict[str, _Value]) -> Event:
    version = members.get("specversion")
    if version is None or version.value != "1.0":
        raise RefusedError("no CloudEvent of specversion 1.0")
    if "\0" in members:
        raise RefusedError(f"a member of the event stands twice, or there are more than {_MAX_MEMBERS}")
    attributes: dict[str, Any] = {}
    ext: dict[str, str | int | bool] = {}
    for name, member in members.items():
        if name in _NOT_EXTENSIONS:
            if name in _ATTRIBUTES and member.value is not None:
                attributes[name] = member.value
        elif member.value is not None:
            ext[name] = _scalar(name, member.value)
    content_type = attributes.get("datacontenttype")
    return _made({**attributes, **take_parts(ext), "ext": ext, "data": _data(text, members, content_type)})


def _made(values: dict[str, Any]) -> Event:
    try:
        return Event(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise RefusedError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from error


def _data(text: str, members: dict[str, _Value], content_type: object) -> bytes:
    coded = members.get("data_base64")
    plain = members.get("data")
    if coded is not None:
        if plain is not None:
            raise RefusedError("an event has data or data_base64, not both")
        try:
            return b64decode(coded.value, validate=True)
        except (Base64Error, ValueError, TypeError) as error:
            raise RefusedError("data_base64 is not base64") from error
    if plain is None:
        return b""
    is_json = content_type is None or (isinstance(content_type, str) and claims_json(content_type))
    try:
        if isinstance(plain.value, str) and not is_json:
            return plain.value.encode()  # a JSON string stands for the text itself when the content type is not JSON
        data = text[plain.start : plain.stop].encode()
        if not is_json:
            jsonstrict.loads_foreign(data, limit_bytes=limits.BODY_BYTES)  # nobody else will look
    except (UnicodeEncodeError, MalformedError) as error:
        raise RefusedError("the data are not acceptable JSON") from error
    return data


def _scalar(name: str, value: object) -> str | int | bool:
    if isinstance(value, str | bool | int):
        return value
    raise RefusedError(f"extension attribute {name[:40]!r} is no text, boolean or integer")
