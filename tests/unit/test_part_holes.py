"""A disclosed body shows `null` at each of its parts, or somebody invented a part (I11)."""

from __future__ import annotations

import pytest

from proofs.bundle import Listed
from proofs.disclosure import Body, check_holes
from proofs.entry import Entry
from proofs.errors import TamperedError


def listed(*pointers: str) -> Listed:
    entry = Entry(
        seq=3, prev=bytes(32), at="2026-11-20T09:00:00.000000Z", id="1", source="s", type="t",
        streams={"source:s": 0, "type:t": 0}, body=bytes(32), parts=tuple((pointer, bytes(32)) for pointer in pointers),
    )  # fmt: skip
    return Listed(entry, bytes(32), "data/entries.jsonl line 4")


def body(data: bytes) -> dict[int, Body]:
    return {3: Body(3, "disclosed", bytes(32), data, "data/bodies.jsonl line 4")}


@pytest.mark.parametrize(
    ("data", "pointers"),
    [
        (b'{"who":null}', ["/who"]),
        (b"null", [""]),
        (b'{"a":[1,null],"b":null}', ["/a/1", "/b"]),
        (b'{"a/b":{"m~n":null}}', ["/a~1b/m~0n"]),
        (b"not JSON", []),
    ],
)
def test_I11_a_body_with_null_at_its_parts_is_accepted(data: bytes, pointers: list[str]) -> None:
    check_holes([listed(*pointers)], body(data))


@pytest.mark.parametrize(
    ("data", "pointers", "said"),
    [
        (b'{"who":1}', ["/who"], "does not show null at the part '/who'"),
        (b'{"who":null}', ["/whom"], "does not show null at the part '/whom'"),
        (b'{"who":null}', [""], "does not show null at the part ''"),
        (b'{"a":[null]}', ["/a/00"], "does not show null at the part '/a/00'"),
        (b'{"a":[null]}', ["/a/-"], "does not show null at the part '/a/-'"),
        (b'{"a":null}', ["a"], "cannot lie in its body"),
        (b'{"a":{"b":null}}', ["/a", "/a/b"], "cannot lie in its body"),
        (b'{"a":null', ["/a"], "cannot lie in its body"),
        (b'{"a":null,"a":null}', ["/a"], "cannot lie in its body"),
        (b"", [""], "cannot lie in its body"),
    ],
)
def test_I11_a_part_that_its_body_does_not_leave_room_for_is_tampering(
    data: bytes, pointers: list[str], said: str
) -> None:
    with pytest.raises(TamperedError, match=said) as caught:
        check_holes([listed(*pointers)], body(data))

    assert caught.value.where == "data/bodies.jsonl line 4"


def test_a_withheld_body_shows_nothing_and_is_not_judged() -> None:
    check_holes([listed("/who")], {3: Body(3, "withheld", b"", b"", "data/bodies.jsonl line 4")})
