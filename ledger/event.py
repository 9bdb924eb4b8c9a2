"""What a producer hands over: a CloudEvents 1.0 event whose data are bytes that nobody will serialise again.

A value that exists can be written down: every attribute is held here to the grammar of docs/formats/entry.md, so that
`append` need not look twice.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from proofs import limits, streams
from proofs.entry import check_ext, check_text
from proofs.errors import RefusedError

PERSON_BYTES: Final = 4_096  # no limit of a format: a person stands in no entry
# How parts and person travel with a CloudEvent; whoever reads it takes them out again, for they stand in no entry.
PARTS_ATTRIBUTE: Final = "tallyparts"  # a JSON array of pointers, as text
PERSON_ATTRIBUTE: Final = "tallyperson"


def _bounded(limit_bytes: int, name: str) -> AfterValidator:
    return AfterValidator(lambda text: check_text(text, limit_bytes=limit_bytes, name=name))


_POINTER = AfterValidator(
    lambda text: check_text(text, limit_bytes=limits.POINTER_BYTES, name="a part's pointer", empty=True)
)


def _extensions(ext: dict[str, str | int | bool]) -> dict[str, str | int | bool]:
    if ext:
        # The ledger's own `tally…` names are held back in `append`: only there is it known who asks.
        check_ext(ext, of_ledger=True)
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
    parts: tuple[Annotated[str, _POINTER], ...] = ()
    person: Annotated[str, _bounded(PERSON_BYTES, "person")] | None = Field(default=None, repr=False)

    @classmethod
    def of(cls, type: str, source: str, body: Any, **attributes: Any) -> Self:
        """Make an event whose data is `body` as compact JSON.

        Raises:
            RefusedError: `body` is not JSON, or an attribute breaks the grammar.
        """
        try:
            return cls(type=type, source=source, data=orjson.dumps(body), **attributes)
        except (ValueError, TypeError) as error:
            raise RefusedError(f"event of type {type!r} is not acceptable: {first_fault(error)}") from error

    @property
    def is_json(self) -> bool:
        """True when the data claims to be JSON: no datacontenttype, or one that says so."""
        return streams.claims_json(self.datacontenttype)


def take_parts(ext: dict[str, str | int | bool]) -> dict[str, Any]:
    """Take parts and person out of a CloudEvent's extension attributes and return them as `Event` wants them.

    Raises:
        RefusedError: They are not written as the client writes them.
    """
    taken: dict[str, Any] = {}
    if (person := ext.pop(PERSON_ATTRIBUTE, None)) is not None:
        taken["person"] = person
    if (pointers := ext.pop(PARTS_ATTRIBUTE, None)) is not None:
        try:
            listed = orjson.loads(str(pointers))
        except orjson.JSONDecodeError:
            listed = None
        if not isinstance(listed, list) or not all(isinstance(pointer, str) for pointer in listed):
            raise RefusedError(f"extension attribute {PARTS_ATTRIBUTE} is not a JSON array of pointers")
        taken["parts"] = tuple(listed)
    return taken


def first_fault(error: Exception) -> str:
    """Return the first thing that is wrong with an event, in one line; of the value itself nothing."""
    errors = getattr(error, "errors", None)
    if callable(errors):
        first = errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        return f"{place}: {first['msg'].removeprefix('Value error, ')}"
    return str(error).partition("\n")[0]
