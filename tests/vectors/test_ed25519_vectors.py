"""Every edge of what Ed25519 accepts, run through both implementations: tests/vectors/ed25519.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proofs import ed25519
from proofs.errors import TamperedError

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "ed25519.json").read_text())["vectors"]

implementations = pytest.mark.parametrize("verify", [ed25519.verify, ed25519.verify_fast, ed25519.verify_pure])


def described(expected: str) -> pytest.MarkDecorator:
    vectors = [vector for vector in VECTORS if vector["expected"] == expected]
    return pytest.mark.parametrize("vector", vectors, ids=[vector["description"] for vector in vectors])


def run(verify: Callable[[bytes, bytes, bytes], None], vector: dict[str, Any]) -> None:
    public_key, message, signature = (bytes.fromhex(vector[name]) for name in ("public_key", "message", "signature"))
    verify(public_key, message, signature)


@implementations
@described("accept")
def test_a_signature_is_accepted(verify: Callable[[bytes, bytes, bytes], None], vector: dict[str, Any]) -> None:
    run(verify, vector)


@implementations
@described("reject")
def test_a_signature_is_refused(verify: Callable[[bytes, bytes, bytes], None], vector: dict[str, Any]) -> None:
    with pytest.raises(TamperedError):
        run(verify, vector)


def test_there_are_at_least_three_bad_vectors_for_each_good_one() -> None:
    good = sum(vector["expected"] == "accept" for vector in VECTORS)

    assert len(VECTORS) - good >= 3 * good > 0
