"""What a producer hands over: a CloudEvents 1.0 event whose data are bytes that nobody will serialise again.

A value that exists can be written down: every attribute is held here to the grammar of docs/formats/entry.md, so that
`append` need not look twice.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

from proofs import limits
from proofs.errors import RefusedError

EXT_NAME = re.compile(r"[a-z][a-z0-9]{0,19}\Z")
# U+0000–001F, U+007F–009F, surrogates and the 66 noncharacters: what no entry may hold.
FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)
RESERVED_EXT = frozenset(
    (
        "id",
        "source",
        "specversion",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "dataschema",
        "data",
        "sequence",
        "traceparent",
    )
)


def check_text(text: str, *, limit_bytes: int, name: str = "value") -> str:
    """Return `text` when an entry may hold it.

    Raises:
        ValueError: It is empty, too long or has a character that the grammar forbids.
    """
    if not text:
        raise ValueError(f"{name} is empty")
    if found := FORBIDDEN.search(text):
        raise ValueError(f"{name} holds the character U+{ord(found.group()):04X}, which no entry may hold")
    if len(text) * 4 > limit_bytes and len(text.encode()) > limit_bytes:
        raise ValueError(f"{name} has {len(text.encode())} bytes, at most {limit_bytes} are allowed")
    return text


def _bounded(limit_bytes: int, name: str) -> AfterValidator:
    return AfterValidator(lambda text: check_text(text, limit_bytes=limit_bytes, name=name))


def _extensions(ext: dict[str, str | int | bool]) -> dict[str, str | int | bool]:
    for name, value in ext.items():
        if not EXT_NAME.match(name):
            raise ValueError(f"extension name {name!r} is not [a-z][a-z0-9]{{0,19}}")
        if name in RESERVED_EXT:
            raise ValueError(f"extension name {name!r} is an attribute of its own")
        if isinstance(value, str):
            check_text(value, limit_bytes=limits.EXT_BYTES, name=f"extension {name}")
        elif not isinstance(value, bool) and not limits.MIN_EXT_INTEGER <= value <= limits.MAX_INTEGER:
            raise ValueError(f"extension {name} is {value}, outside {limits.MIN_EXT_INTEGER} to {limits.MAX_INTEGER}")
    if sum(len(name) + len(str(value).encode()) for name, value in ext.items()) > limits.EXT_BYTES:
        raise ValueError(f"extensions have more than {limits.EXT_BYTES} bytes in all")
    return ext


class Event(BaseModel):
    """One CloudEvents 1.0 event.

    Attributes:
        type: What happened, "<reverse DNS>.<fact>.v1"; at most 128 bytes.
        source: Who says so; at most 512 bytes.
        id: Unique for its source; at most 256 bytes. None: the ledger draws a UUIDv7 and knows a retry by its content.
        time: The producer's clock, RFC 3339, kept as received.
        ext: Further CloudEvents attributes, `[a-z][a-z0-9]{0,19}` → text, boolean or integer.
        data: The body, kept byte for byte.
        parts: RFC 6901 pointers of the personal values in `data` (JSON); each is sealed apart (docs/formats/bodies.md).
        person: Whose values the parts are; names the data key in the vault and stands in no entry.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    type: Annotated[str, _bounded(limits.TYPE_BYTES, "type")]
    source: Annotated[str, _bounded(limits.SOURCE_BYTES, "source")]
    id: Annotated[str, _bounded(limits.ID_BYTES, "id")] | None = None
    subject: Annotated[str, _bounded(limits.SUBJECT_BYTES, "subject")] | None = None
    time: Annotated[str, _bounded(limits.TIME_BYTES, "time")] | None = None
    datacontenttype: Annotated[str, _bounded(limits.DATACONTENTTYPE_BYTES, "datacontenttype")] | None = None
    dataschema: Annotated[str, _bounded(limits.DATASCHEMA_BYTES, "dataschema")] | None = None
    sequence: Annotated[str, _bounded(limits.SEQUENCE_BYTES, "sequence")] | None = None
    traceparent: Annotated[str, _bounded(limits.TRACEPARENT_BYTES, "traceparent")] | None = None
    ext: Annotated[dict[str, str | int | bool], AfterValidator(_extensions)] = Field(default_factory=dict)
    data: bytes = Field(default=b"", repr=False)
    parts: tuple[str, ...] = ()
    person: str | None = Field(default=None, repr=False)

    _printed: str | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, type: str, source: str, body: Any, **attributes: Any) -> Self:
        """Make an event whose data is `body` as compact JSON.

        Raises:
            RefusedError: `body` is not JSON, or an attribute breaks the grammar.
        """
        try:
            return cls(type=type, source=source, data=orjson.dumps(body), **attributes)
        except (ValueError, TypeError) as error:
            raise RefusedError(f"event of type {type!r} is not acceptable: {_first_line(error)}") from error

    @property
    def is_json(self) -> bool:
        """True when the data claims to be JSON: no datacontenttype, or one that says so."""
        if self.datacontenttype is None:
            return True
        media = self.datacontenttype.partition(";")[0].strip().lower()
        return media in ("application/json", "text/json") or media.endswith("+json")


def _first_line(error: Exception) -> str:
    errors = getattr(error, "errors", None)
    if callable(errors):
        first = errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        return f"{place}: {first['msg'].removeprefix('Value error, ')}"
    return str(error).partition("\n")[0]
