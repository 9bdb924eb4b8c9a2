"""The entry: one line of JSON that the log commits to for ever, read by exactly the grammar that prints it.

    {"seq":41,"prev":"…","at":"…","id":"…","source":"…","type":"…",…,"streams":{…},"body":"…","parts":[["/p","…"]]}

Source: docs/formats/entry.md.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final, Protocol

from proofs import limits
from proofs.errors import MalformedError

LEDGER_PREFIX: Final = "tallystick.ledger."
FIRST_PREV: Final = bytes(32)
# U+0000–001F, U+007F–009F, surrogates and the 66 noncharacters.
FORBIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)
EXT_NAME: Final = re.compile(r"[a-z][a-z0-9]{0,19}\Z")
# What CloudEvents or the entry itself already names.
RESERVED_EXT: Final = frozenset(
    [
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
    ]
)
ATTRIBUTES: Final[Mapping[str, int]] = {
    "id": limits.ID_BYTES,
    "source": limits.SOURCE_BYTES,
    "type": limits.TYPE_BYTES,
    "subject": limits.SUBJECT_BYTES,
    "time": limits.TIME_BYTES,
    "datacontenttype": limits.DATACONTENTTYPE_BYTES,
    "dataschema": limits.DATASCHEMA_BYTES,
    "sequence": limits.SEQUENCE_BYTES,
    "traceparent": limits.TRACEPARENT_BYTES,
}
_REQUIRED: Final = ("id", "source", "type")
_MEMBERS: Final = ("seq", "prev", "at", *ATTRIBUTES, "ext", "streams", "body", "parts")
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z")
_AT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One header, with hashes as 32 bytes and absent attributes as None.

    Attributes:
        seq: Zero-based position in the log.
        prev: Leaf hash of the entry before, 32 bytes; 32 zero bytes for entry 0.
        at: The ledger's clock, "2026-11-20T09:15:00.123456Z".
        streams: Stream name → zero-based position there.
        body: Commitment to the body, 32 bytes.
        parts: (RFC 6901 pointer, commitment of 32 bytes), sorted by pointer.
    """

    seq: int
    prev: bytes
    at: str
    id: str
    source: str
    type: str
    streams: Mapping[str, int]
    body: bytes
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    sequence: str | None = None
    traceparent: str | None = None
    ext: Mapping[str, str | int | bool] | None = None
    parts: tuple[tuple[str, bytes], ...] = ()


def quote(text: str) -> str:
    """Return `text` as an entry prints it; `text` must hold no character that an entry forbids."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if '"' in text:
        text = text.replace('"', '\\"')
    return f'"{text}"'


def print_ext(ext: Mapping[str, object]) -> str:
    """Return the `ext` object as an entry prints it, members sorted."""
    return "{" + ",".join(f"{quote(name)}:{_scalar(ext[name])}" for name in sorted(ext)) + "}"


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(value) if isinstance(value, str) else str(value)


class HasAttributes(Protocol):
    """Anything that bears the CloudEvents attributes: an entry, or an event that is to become one."""

    @property
    def ext(self) -> Mapping[str, str | int | bool] | None:
        """Further attributes."""


_attributes: Final = attrgetter(*ATTRIBUTES)


def print_attributes(entry: HasAttributes) -> str:
    """Return the members from `id` to `ext`, each with a comma behind it, of anything that has those attributes.

    The same text is what "equal header members as printed" compares (I4), and what `append` puts into the entry.
    """
    printed = [
        f'"{name}":{quote(value)},'
        for name, value in zip(ATTRIBUTES, _attributes(entry), strict=True)
        if value is not None
    ]
    if ext := entry.ext:
        printed.append(f'"ext":{print_ext(ext)},')
    return "".join(printed)


def print_entry(entry: Entry) -> bytes:
    """Return the entry's bytes; `parse_entry` accepts exactly what this writes."""
    streams = ",".join(f"{quote(name)}:{entry.streams[name]}" for name in sorted(entry.streams))
    parts = ",".join(f'[{quote(pointer)},"{commitment.hex()}"]' for pointer, commitment in entry.parts)
    return (
        f'{{"seq":{entry.seq},"prev":"{entry.prev.hex()}","at":"{entry.at}",{print_attributes(entry)}'
        f'"streams":{{{streams}}},"body":"{entry.body.hex()}"' + (f',"parts":[{parts}]}}' if parts else "}")
    ).encode()


def parse_entry(data: bytes) -> Entry:
    """Return the entry that `data` is.

    Raises:
        MalformedError: `data` is anything but what `print_entry` writes for a valid entry (I7, I15).
    """
    if len(data) > limits.ENTRY_BYTES:
        raise MalformedError(f"entry has {len(data)} bytes, at most {limits.ENTRY_BYTES} are allowed")
    try:
        members = json.loads(data.decode(), object_pairs_hook=_object, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError) as error:
        raise MalformedError(
            f"entry is not JSON: {error if isinstance(error, _RefusalError) else 'cannot be parsed'}"
        ) from error
    if not isinstance(members, dict):
        raise MalformedError("entry is not a JSON object")
    try:
        entry = _entry(members)
    except _RefusalError as error:
        raise MalformedError(f"entry: {error}") from error
    if print_entry(entry) != data:
        raise MalformedError("entry is not printed as the format says")
    return entry


class _RefusalError(ValueError):
    """A rule of the grammar is broken; becomes a MalformedError with its place."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusalError("a member stands twice")
    return members


def _no_float(text: str) -> object:
    raise _RefusalError(f"{text[:32]} is not an integer")


def _entry(members: dict[str, object]) -> Entry:
    if unknown := [name for name in members if name not in _MEMBERS]:
        raise _RefusalError(f"unknown member {unknown[0][:64]!r}")
    seq = _integer(members, "seq")
    attributes = {
        name: check_text(members[name], limit_bytes=limit, name=name)
        for name, limit in ATTRIBUTES.items()
        if name in members or (name in _REQUIRED and _missing(name))
    }
    ext = members.get("ext")
    type_ = attributes["type"]
    return Entry(
        seq=seq,
        prev=_hash(members.get("prev"), "prev"),
        at=check_at(members.get("at")),
        id=attributes.pop("id"),
        source=attributes.pop("source"),
        type=attributes.pop("type"),
        streams=_streams(members.get("streams")),
        body=_hash(members.get("body"), "body"),
        ext=_ext(ext, of_ledger=type_.startswith(LEDGER_PREFIX)) if "ext" in members else None,
        parts=_parts(members["parts"]) if "parts" in members else (),
        **attributes,
    )


def _missing(name: str) -> bool:
    raise _RefusalError(f"member {name} is missing")


def check_text(text: object, *, limit_bytes: int, name: str, empty: bool = False) -> str:
    """Return `text` when an entry may hold it as `name`.

    Raises:
        ValueError: It is no text, empty, too long or holds a character that the grammar forbids.
    """
    if not isinstance(text, str):
        raise _RefusalError(f"{name} is not a string")
    if not text and not empty:
        raise _RefusalError(f"{name} is empty")
    # Most texts are U+0020–007E throughout, which says that none is forbidden in a fourth of the search's time.
    if not (text.isascii() and text.isprintable()) and (found := FORBIDDEN.search(text)):
        raise _RefusalError(f"{name} holds the character U+{ord(found.group()):04X}, which no entry may hold")
    if len(text) * 4 > limit_bytes and len(text.encode()) > limit_bytes:
        raise _RefusalError(f"{name} has {len(text.encode())} bytes, at most {limit_bytes} are allowed")
    return text


def check_at(text: object) -> str:
    """Return `text` when it is a time as the ledger prints it.

    Raises:
        ValueError: It is anything else; also a date that does not exist, or second 60.
    """
    if not isinstance(text, str) or not _AT.match(text):
        raise _RefusalError("at is not YYYY-MM-DDThh:mm:ss.ffffffZ")
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise _RefusalError(f"at {text} is no real time") from error
    if text[11:13] == "24":  # newer Pythons read 24:00 as the next midnight
        raise _RefusalError(f"at {text} is no real time")
    return text


def check_ext(ext: Mapping[str, object], *, of_ledger: bool) -> None:
    """Hold extension attributes to the grammar.

    Raises:
        ValueError: A name or value is not allowed, or all of them together are too long.
    """
    for name, value in ext.items():
        if not EXT_NAME.match(name):
            raise _RefusalError(f"ext name {name[:64]!r} is not [a-z][a-z0-9]{{0,19}}")
        if name in RESERVED_EXT:
            raise _RefusalError(f"ext name {name!r} is an attribute of its own")
        if name.startswith("tally") and not of_ledger:
            raise _RefusalError(f"ext name {name!r} is the ledger's own")
        if isinstance(value, str):
            check_text(value, limit_bytes=limits.EXT_BYTES, name=f"ext {name}")
        elif not isinstance(value, int) or not limits.MIN_EXT_INTEGER <= value <= limits.MAX_INTEGER:
            raise _RefusalError(
                f"ext {name} is no text, boolean or integer from {limits.MIN_EXT_INTEGER} to {limits.MAX_INTEGER}"
            )
    if (size := len(print_ext(ext).encode())) > limits.EXT_BYTES:
        raise _RefusalError(f"ext has {size} bytes, at most {limits.EXT_BYTES} are allowed")


def _ext(ext: object, *, of_ledger: bool) -> Mapping[str, str | int | bool]:
    if not isinstance(ext, dict) or not ext:
        raise _RefusalError("ext is not a non-empty object")
    check_ext(ext, of_ledger=of_ledger)
    return ext


def _integer(members: Mapping[str, object], name: str) -> int:
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limits.MAX_INTEGER:
        raise _RefusalError(f"{name[:64]} is not an integer from 0 to {limits.MAX_INTEGER}")
    return value


def _hash(text: object, name: str) -> bytes:
    if not isinstance(text, str) or not _HASH.match(text):
        raise _RefusalError(f"{name} is not 64 lower-case hex digits")
    return bytes.fromhex(text)


def _streams(streams: object) -> Mapping[str, int]:
    if not isinstance(streams, dict) or not 2 <= len(streams) <= limits.MAX_STREAMS:
        raise _RefusalError(f"streams is not an object of 2 to {limits.MAX_STREAMS} members")
    for name in streams:
        check_text(name, limit_bytes=limits.STREAM_NAME_BYTES, name="a stream's name")
        _integer(streams, name)
    return streams


def _parts(parts: object) -> tuple[tuple[str, bytes], ...]:
    if not isinstance(parts, list) or not 1 <= len(parts) <= limits.MAX_PARTS:
        raise _RefusalError(f"parts is not an array of 1 to {limits.MAX_PARTS} pairs")
    read = []
    for part in parts:
        if not isinstance(part, list) or len(part) != 2:
            raise _RefusalError("a part is not a pair of pointer and commitment")
        pointer = check_text(part[0], limit_bytes=limits.POINTER_BYTES, name="a part's pointer", empty=True)
        read.append((pointer, _hash(part[1], "a part's commitment")))
    if any(before[0] >= after[0] for before, after in itertools.pairwise(read)):
        raise _RefusalError("parts are not sorted by pointer, each once")
    return tuple(read)
