"""What each of the two readers accepts, what is canonical, and where values stand: tests/vectors/jsonstrict.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofs.errors import MalformedError
from proofs.jsonspan import cut, pointer_steps, restore, spans
from proofs.jsonstrict import dumps, loads, loads_foreign, parse_canonical

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "jsonstrict.json").read_text())


def described(section: str, expected: str | None = None) -> pytest.MarkDecorator:
    vectors = [vector for vector in VECTORS[section] if expected in (None, vector.get("expected"))]
    return pytest.mark.parametrize("vector", vectors, ids=[vector["description"] for vector in vectors])


def document(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["hex"]) if "hex" in vector else vector["text"].encode()


@described("ours", "accept")
def test_a_document_of_ours_is_read(vector: dict[str, Any]) -> None:
    assert loads(document(vector), limit_bytes=10_000) == json.loads(document(vector))


@described("ours", "reject")
def test_a_document_that_is_not_ours_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        loads(document(vector), limit_bytes=10_000)


@described("foreign", "accept")
def test_a_document_of_others_is_read(vector: dict[str, Any]) -> None:
    loads_foreign(document(vector))


@described("foreign", "reject")
def test_an_ambiguous_document_of_others_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        loads_foreign(document(vector))


@described("canonical", "accept")
def test_I15_a_canonical_document_is_read_and_printed_back(vector: dict[str, Any]) -> None:
    value = parse_canonical(document(vector), limit_bytes=10_000)

    assert dumps(value) == document(vector)


@described("canonical", "reject")
def test_I15_a_document_that_is_not_its_own_printing_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match=r"^document is not printed as the format says$"):
        parse_canonical(document(vector), limit_bytes=10_000)


@described("canonical", "reject")
def test_what_was_refused_prints_in_the_one_canonical_way(vector: dict[str, Any]) -> None:
    assert dumps(loads(document(vector), limit_bytes=10_000)).decode() == vector["printed"]


@described("spans")
def test_a_pointer_selects_the_bytes_of_its_value(vector: dict[str, Any]) -> None:
    data = document(vector)

    found = spans(data, [*vector["values"], *vector["missing"]])

    assert {pointer: data[slice(*span)].decode() for pointer, span in found.items()} == vector["values"]


@described("spans")
def test_cutting_leaves_null_and_restoring_gives_the_received_bytes(vector: dict[str, Any]) -> None:
    data = document(vector)
    parts = {pointer: value.encode() for pointer, value in vector["values"].items()}

    left = cut(data, spans(data, list(parts)))

    assert left.decode() == vector["cut"]
    assert restore(left, parts) == data


@pytest.mark.parametrize("vector", VECTORS["pointers"]["accept"], ids=lambda vector: repr(vector["pointer"]))
def test_a_pointer_is_taken_apart(vector: dict[str, Any]) -> None:
    assert pointer_steps(vector["pointer"]) == tuple(vector["steps"])


@pytest.mark.parametrize("pointer", VECTORS["pointers"]["reject"], ids=repr)
def test_what_is_no_pointer_is_refused(pointer: str) -> None:
    with pytest.raises(MalformedError, match=r"^pointer '.*' (does not begin|has a '~')"):
        pointer_steps(pointer)
