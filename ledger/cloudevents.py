"""Reading CloudEvents 1.0: one as JSON, many as a JSON array, one as HTTP headers and a body.

`data` keeps the very bytes that it has in the document: `ledger.jsoncut` says where it stands there, and mostly what it says.

Source: CloudEvents 1.0, JSON Event Format sections 3 and 4, HTTP Protocol Binding section 3.1.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import unquote

from pydantic import ValidationError

from ledger import jsoncut
from ledger.event import Event, take_parts
from ledger.filing import remember
from ledger.jsoncut import MAX_MEMBERS, Value
from proofs import jsonstrict, limits
from proofs.errors import MalformedError, RefusedError
from proofs.streams import claims_json

MAX_BATCH: Final = 1_000
_ATTRIBUTES: Final = frozenset(
    ("type", "source", "id", "subject", "time", "datacontenttype", "dataschema", "sequence", "traceparent")
)
_NOT_EXTENSIONS: Final = _ATTRIBUTES | {"specversion", "data", "data_base64"}


def read_cloudevent(document: bytes) -> Event:
    """Return the event of a structured-mode document.

    Raises:
        RefusedError: It is no CloudEvent of version 1.0, or an attribute breaks the grammar of an entry.
    """
    text = _decoded(document)
    try:
        members = jsoncut.read_object(text)
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
        for members in jsoncut.read_objects(text):
            if len(events) == MAX_BATCH:
                raise RefusedError(f"the batch holds more than {MAX_BATCH} events")
            events.append(_event_or_why(text, members))
    except (ValueError, IndexError, RecursionError) as error:
        raise RefusedError("no batch of CloudEvents: the document is not a JSON array") from error
    return events


def split_array(document: bytes, *, most: int = MAX_BATCH) -> Iterator[tuple[bytes, Any]]:
    """Yield the bytes of each element of a JSON array, as they stand in it, and its value where that was read by the rules.

    The value of one that has yet to be read is `ledger.document.UNREAD`.

    Raises:
        RefusedError: The document is not a JSON array, or holds more than `most` elements; nothing can be said of any.
    """
    text = _decoded(document)
    try:
        for value, start, stop, data in jsoncut.read_elements(text, most=most):
            yield (text[start:stop].encode() if data is None else data), value
    except (ValueError, IndexError, RecursionError) as error:
        raise RefusedError("the document is not a JSON array") from error


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


def _event_or_why(text: str, members: dict[str, Value] | None) -> Event | RefusedError:
    if members is None:
        return RefusedError("an element of the batch is no CloudEvent")
    try:
        return _event(text, members)
    except RefusedError as error:
        return error


def _event(text: str, members: dict[str, Value]) -> Event:
    version = members.get("specversion")
    if version is None or version.value != "1.0":
        raise RefusedError("no CloudEvent of specversion 1.0")
    if "\0" in members:
        raise RefusedError(f"a member of the event stands twice, or there are more than {MAX_MEMBERS}")
    attributes: dict[str, Any] = {}
    ext: dict[str, str | int | bool] = {}
    for name, member in members.items():
        if name in _NOT_EXTENSIONS:
            if name in _ATTRIBUTES and member.value is not None:
                attributes[name] = member.value
        elif member.value is not None:
            ext[name] = _scalar(name, member.value)
    data = _data(text, members, attributes.get("datacontenttype"))
    event = _made({**attributes, **take_parts(ext), "ext": ext, "data": data})
    if (said := members.get("data")) is not None and said.data is data:
        remember(event, said.value)
    return event


def _made(values: dict[str, Any]) -> Event:
    try:
        return Event(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise RefusedError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from error


def _data(text: str, members: dict[str, Value], content_type: object) -> bytes:
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
        data = plain.data if plain.data is not None else text[plain.start : plain.stop].encode()
        if not is_json and plain.data is None:
            jsonstrict.loads_foreign(data, limit_bytes=limits.BODY_BYTES)  # nobody else will look
    except (UnicodeEncodeError, MalformedError) as error:
        raise RefusedError("the data are not acceptable JSON") from error
    return data


def _scalar(name: str, value: object) -> str | int | bool:
    if isinstance(value, str | bool | int):
        return value
    raise RefusedError(f"extension attribute {name[:40]!r} is no text, boolean or integer")
