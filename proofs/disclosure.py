"""Bodies and parts as a bundle hands them over: disclosed with their salt, or said to be withheld or destroyed.

    {"bytes":"<base64>","salt":"<base64>","seq":n}                 {"seq":n,"state":"withheld"}
    {"bytes":"<base64>","pointer":"…","salt":"<base64>","seq":n}   {"pointer":"…","seq":n,"state":"destroyed"}

A disclosed one that does not match its commitment, or that no entry refers to, is tampering (I11).

Source: docs/formats/bundle.md, docs/formats/bodies.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from proofs import jsonspan, jsonstrict
from proofs.bundle import BODIES, ENTRIES, PARTS, Listed
from proofs.digest import SALT_BYTES, commitment
from proofs.entry import LEDGER_PREFIX
from proofs.errors import IncompleteError, MalformedError, RefusedError, TamperedError
from proofs.limits import POINTER_BYTES
from proofs.record import DOCUMENT_BYTES, Record, lines, place, record

State: TypeAlias = Literal["destroyed", "disclosed", "withheld"]
STATES: Final[tuple[State, ...]] = get_args(State)


@dataclass(frozen=True, slots=True)
class Body:
    """One line of bodies.jsonl; `salt` and `data` are empty when it is not disclosed."""

    seq: int
    state: State
    salt: bytes
    data: bytes
    where: str


@dataclass(frozen=True, slots=True)
class Part:
    """One line of parts.jsonl; `salt` and `data` are empty when it is not disclosed."""

    seq: int
    pointer: str
    state: State
    salt: bytes
    data: bytes
    where: str


def parse_bodies(data: bytes) -> dict[int, Body]:
    """Return seq → body, strictly ascending as in the file.

    Raises:
        MalformedError: A line is not what its page says, or they do not ascend.
    """
    bodies: dict[int, Body] = {}
    last = -1
    for where, line, state in _read(data, BODIES, ""):
        with place(where):
            seq = line.integer("seq")
            if seq <= last:
                raise MalformedError(f"body of entry {seq} stands behind that of entry {last}")
            bodies[seq] = Body(seq, state, *_content(line, state), where)
        last = seq
    return bodies


def parse_parts(data: bytes) -> dict[tuple[int, str], Part]:
    """Return (seq, pointer) → part, strictly ascending as in the file.

    Raises:
        MalformedError: A line is not what its page says, or they do not ascend.
    """
    parts: dict[tuple[int, str], Part] = {}
    last = (-1, "")
    for where, line, state in _read(data, PARTS, "pointer "):
        with place(where):
            key = (line.integer("seq"), line.text("pointer", limit_bytes=POINTER_BYTES, empty=True))
            if key <= last:
                raise MalformedError(f"part {key[1]!r} of entry {key[0]} stands behind {last[1]!r} of entry {last[0]}")
            parts[key] = Part(*key, state, *_content(line, state), where)
        last = key
    return parts


def _read(data: bytes, path: str, pointer: str) -> Iterator[tuple[str, Record, State]]:
    for where, raw in lines(data, path):
        with place(where):
            value = jsonstrict.parse_canonical(raw, limit_bytes=DOCUMENT_BYTES)
            if isinstance(value, dict) and "state" in value:
                line = record(value, f"{pointer}seq state")
                state: State = (
                    "withheld" if line.choice("state", ("withheld", "destroyed")) == "withheld" else "destroyed"
                )
            else:
                line, state = record(value, f"bytes {pointer}salt seq"), "disclosed"
        yield where, line, state


def _content(line: Record, state: State) -> tuple[bytes, bytes]:
    if state != "disclosed":
        return b"", b""
    salt = line.base64("salt")
    if len(salt) != SALT_BYTES:
        raise MalformedError(f"salt has {len(salt)} bytes, expected {SALT_BYTES}")
    return salt, line.base64("bytes")


def open_body(bodies: Mapping[int, Body], seq: int) -> Body:
    """Return the disclosed body of an entry of the ledger's own; it need not match its commitment yet.

    Raises:
        IncompleteError: There is no line for it, or it is not disclosed, which bodies of the ledger always are.
    """
    body = bodies.get(seq)
    if body is None:
        raise IncompleteError(f"body of entry {seq} is not there", where=BODIES)
    if body.state != "disclosed":
        raise IncompleteError(
            f"body of entry {seq} is {body.state}, and bodies of the ledger are always disclosed", where=body.where
        )
    return body


def check_body(listed: Listed, body: Body) -> None:
    """Accept a disclosed body that is the one its entry commits to (I11).

    Raises:
        TamperedError: It is another one.
    """
    found = commitment("body", body.salt, body.data)
    if found != listed.entry.body:
        raise TamperedError(
            f"body of entry {body.seq} has the commitment {found.hex()}, the entry says {listed.entry.body.hex()}",
            where=body.where,
        )


def check_bodies(entries: Iterable[Listed], bodies: Mapping[int, Body]) -> None:
    """Accept one line for each entry and none besides, every disclosed body as committed to, and the ledger's open.

    Raises:
        IncompleteError: An entry has no line, or an entry of the ledger's own hides its body.
        TamperedError: A body is another one, or no entry refers to it.
    """
    listed = {each.entry.seq: each for each in entries}
    for seq, each in listed.items():
        if seq not in bodies:
            raise IncompleteError(f"body of entry {seq} is not there, nor said to be withheld", where=BODIES)
        body = open_body(bodies, seq) if each.entry.type.startswith(LEDGER_PREFIX) else bodies[seq]
        if body.state == "disclosed":
            check_body(each, body)
    for seq, body in bodies.items():
        if seq not in listed:
            raise TamperedError(f"no listed entry refers to the body of entry {seq}", where=body.where)


def check_holes(entries: Iterable[Listed], bodies: Mapping[int, Body]) -> None:
    """Accept disclosed bodies that show `null` wherever their entry has a part.

    Raises:
        TamperedError: A part's pointer is none, selects nothing, lies inside another part, or shows something else.
    """
    for each in entries:
        pointers = [pointer for pointer, _ in each.entry.parts]
        body = bodies.get(each.entry.seq)
        if not pointers or body is None or body.state != "disclosed":
            continue
        try:
            spans = jsonspan.spans(body.data, pointers)
            jsonspan.cut(body.data, spans)  # refuses spans that lie inside one another
        except (MalformedError, RefusedError) as error:
            raise TamperedError(
                f"parts of entry {each.entry.seq} cannot lie in its body: {error.what}", where=body.where
            ) from error
        for pointer in pointers:
            start, stop = spans.get(pointer, (0, 0))
            if body.data[start:stop] != jsonspan.HOLE:
                raise TamperedError(
                    f"body of entry {each.entry.seq} does not show null at the part {pointer!r}", where=body.where
                )


def check_parts(entries: Iterable[Listed], parts: Mapping[tuple[int, str], Part]) -> None:
    """Accept one line for each part of each entry and none besides, every disclosed part as committed to.

    Raises:
        IncompleteError: A part has no line.
        TamperedError: A part is another one or no JSON value, or no entry refers to it.
    """
    committed = {(each.entry.seq, pointer): digest for each in entries for pointer, digest in each.entry.parts}
    for seq, pointer in committed:
        if (seq, pointer) not in parts:
            raise IncompleteError(f"part {pointer!r} of entry {seq} is not there, nor said to be withheld", where=PARTS)
    for key, part in parts.items():
        if key not in committed:
            raise TamperedError(f"{ENTRIES} has no part {part.pointer!r} of entry {part.seq}", where=part.where)
        if part.state == "disclosed" and (found := commitment("part", part.salt, part.data)) != committed[key]:
            raise TamperedError(
                f"part {part.pointer!r} of entry {part.seq} has the commitment {found.hex()}, "
                f"the entry says {committed[key].hex()}",
                where=part.where,
            )
        if part.state == "disclosed" and not jsonspan.is_value(part.data):
            raise TamperedError(
                f"part {part.pointer!r} of entry {part.seq} is not one JSON value with nothing around it",
                where=part.where,
            )
