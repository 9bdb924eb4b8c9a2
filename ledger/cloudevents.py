"""Reading CloudEvents 1.0 in the JSON format; `data` keeps the very bytes that it has in the document.

Source: CloudEvents JSON Event Format 1.0, section 3.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any, Final

from pydantic import ValidationError

from ledger.event import Event, take_parts
from proofs import jsonspan, jsonstrict
from proofs.errors import MalformedError, RefusedError

_ATTRIBUTES: Final = frozenset(
    ("type", "source", "id", "subject", "time", "datacontenttype", "dataschema", "sequence", "traceparent")
)


def read_cloudevent(document: bytes) -> Event:
    """Return the event of a structured-mode document.

    Raises:
        RefusedError: It is no CloudEvent of version 1.0, or an attribute breaks the grammar of an entry.
    """
    try:
        value = jsonstrict.loads_foreign(document)
    except MalformedError as error:
        raise RefusedError(f"no CloudEvent: {error.what}") from error
    if not isinstance(value, dict) or value.get("specversion") != "1.0":
        raise RefusedError("no CloudEvent of specversion 1.0")
    attributes: dict[str, Any] = {name: value[name] for name in _ATTRIBUTES if value.get(name) is not None}
    known = _ATTRIBUTES | {"specversion", "data", "data_base64"}
    ext = {name: _scalar(name, found) for name, found in value.items() if name not in known and found is not None}
    try:
        return Event(**attributes, **take_parts(ext), ext=ext, data=_data(document, value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise RefusedError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from error


def _data(document: bytes, value: dict[str, Any]) -> bytes:
    if "data_base64" in value:
        if "data" in value:
            raise RefusedError("an event has data or data_base64, not both")
        try:
            return b64decode(value["data_base64"], validate=True)
        except (Base64Error, ValueError, TypeError) as error:
            raise RefusedError("data_base64 is not base64") from error
    if "data" not in value:
        return b""
    is_text = isinstance(value["data"], str) and not _is_json(value.get("datacontenttype"))
    if is_text:  # a JSON string stands for the text itself when the content type is not JSON
        return str(value["data"]).encode()
    start, stop = jsonspan.span_of(document, "/data")
    return document[start:stop]


def _is_json(datacontenttype: object) -> bool:
    from proofs.streams import claims_json

    return datacontenttype is None or (isinstance(datacontenttype, str) and claims_json(datacontenttype))


def _scalar(name: str, value: object) -> str | int | bool:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, jsonstrict.Number) and value.text.lstrip("-").isdigit() and len(value.text) < 20:
        return int(value.text)
    raise RefusedError(f"extension attribute {name[:40]!r} is no text, boolean or integer")
