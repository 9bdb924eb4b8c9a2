"""Print and parse are inverse and nothing else parses; what is cut out comes back; any bytes read or raise ours."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proofs.errors import MalformedError, RefusedError
from proofs.jsonspan import cut, restore, spans
from proofs.jsonstrict import Number, dumps, loads, loads_foreign, parse_canonical

LIMIT = 1_000_000
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# Few names, so that members often collide.
NAMES = st.one_of(st.sampled_from(["", "a", "b", "~", "/", "0", '"', "\\", "é"]), TEXT)
OURS = st.recursive(
    st.one_of(st.booleans(), st.integers(1 - 2**53, 2**53 - 1), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=20,
)
FOREIGN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=20,
)
BLANKS = st.text(" \t\n\r", max_size=2)


@st.composite
def documents(draw: st.DrawFn, *, values: st.SearchStrategy[Any] = FOREIGN) -> bytes:
    """A document as somebody might write it: any white space, any escapes."""

    def written(value: Any) -> str:
        before, after = draw(BLANKS), draw(BLANKS)
        match value:
            case dict():
                inner = ",".join(f"{before}{written(name)}{after}:{written(item)}" for name, item in value.items())
                text = f"{{{inner or before}}}"
            case list():
                text = f"[{','.join(written(item) for item in value) or before}]"
            case _:
                text = json.dumps(value, ensure_ascii=draw(st.booleans()))
        return f"{before}{text}{after}"

    return written(draw(values)).encode()


def pointers_of(value: Any, pointer: str = "") -> list[str]:
    found = [pointer]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in items:
        found += pointers_of(item, f"{pointer}/{str(step).replace('~', '~0').replace('/', '~1')}")
    return found


@given(OURS)
def test_I15_what_is_printed_is_read_back_as_it_was(value: Any) -> None:
    printed = dumps(value)

    assert parse_canonical(printed, limit_bytes=LIMIT) == value
    assert dumps(parse_canonical(printed, limit_bytes=LIMIT)) == printed
    assert printed == json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


@given(documents(values=OURS))
def test_I15_another_spelling_is_read_and_is_not_canonical(data: bytes) -> None:
    value = loads(data, limit_bytes=LIMIT)
    assume(dumps(value) != data)

    with pytest.raises(MalformedError):
        parse_canonical(data, limit_bytes=LIMIT)


@given(OURS, st.data())
def test_I15_a_changed_byte_never_reads_as_the_same_document(value: Any, data: st.DataObject) -> None:
    printed = bytearray(dumps(value))
    place = data.draw(st.integers(0, len(printed) - 1))
    printed[place] ^= data.draw(st.integers(1, 255))

    try:
        changed = parse_canonical(bytes(printed), limit_bytes=LIMIT)
    except MalformedError:
        return
    assert dumps(changed) == bytes(printed) != dumps(value)


def as_foreign(value: Any) -> Any:
    match value:
        case dict():
            return {name: as_foreign(item) for name, item in value.items()}
        case list():
            return [as_foreign(item) for item in value]
        case bool() | None | str():
            return value
        case _:
            return Number(json.dumps(value))


@given(FOREIGN.flatmap(lambda value: st.tuples(st.just(value), documents(values=st.just(value)))))
def test_a_foreign_document_is_read_as_the_library_reads_it_but_for_its_numbers(pair: tuple[Any, bytes]) -> None:
    value, data = pair

    assert loads_foreign(data) == as_foreign(value)


@given(st.one_of(st.binary(max_size=60), st.text('[]{}",:\\u0123dDeE+-.nulltrs \n', max_size=30).map(str.encode)))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    try:
        loads_foreign(data)
    except MalformedError:
        accepted = False
    else:
        accepted = True
        json.loads(data)
    try:
        loads(data, limit_bytes=LIMIT)
    except MalformedError:
        return
    assert accepted


def unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)


def no_constant(text: str) -> None:
    raise ValueError(text)


@given(documents(), st.data())
def test_a_spoiled_document_is_accepted_only_where_the_library_accepts_it_too(
    data: bytes, draws: st.DataObject
) -> None:
    place = draws.draw(st.integers(0, len(data)))
    spoiled = data[:place] + draws.draw(st.binary(max_size=2)) + data[place + draws.draw(st.integers(0, 2)) :]
    try:
        value = json.loads(spoiled.decode(), object_pairs_hook=unambiguous, parse_constant=no_constant)
        json.dumps(value, ensure_ascii=False).encode()
        expected = not spoiled.startswith(b"\xef\xbb\xbf")
    except ValueError:
        expected = False

    try:
        loads_foreign(spoiled)
        accepted = True
    except MalformedError:
        accepted = False

    assert accepted is expected


@given(documents(), st.data())
def test_what_was_cut_comes_back_byte_for_byte(data: bytes, draws: st.DataObject) -> None:
    value = json.loads(data)
    chosen: list[str] = []
    for pointer in draws.draw(st.permutations(pointers_of(value)[:30]))[: draws.draw(st.integers(0, 6))]:
        if not any(f"{pointer}/".startswith(f"{other}/") or f"{other}/".startswith(f"{pointer}/") for other in chosen):
            chosen.append(pointer)

    found = spans(data, chosen)
    parts = {pointer: data[slice(*span)] for pointer, span in found.items()}
    left = cut(data, found)

    assert set(found) == set(chosen)
    assert restore(left, parts) == data
    for pointer, part in parts.items():
        assert part.strip(b" \t\n\r") == part
        assert same(json.loads(part), selected(value, pointer))
        assert selected(json.loads(left), pointer) is None


def selected(value: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def same(one: Any, other: Any) -> bool:
    return one == other and (not isinstance(one, float) or math.copysign(1, one) == math.copysign(1, other))


@given(
    documents(),
    st.dictionaries(st.text("/~01ab", max_size=4).map(lambda text: f"/{text}"), st.binary(max_size=6), max_size=3),
)
def test_whatever_is_put_back_is_a_document_or_refused(data: bytes, parts: dict[str, bytes]) -> None:
    try:
        restored = restore(data, parts)
    except (MalformedError, RefusedError):
        return
    found = spans(restored, list(parts))
    assert {pointer: restored[slice(*span)] for pointer, span in found.items()} == parts
    assert cut(restored, found) == data
