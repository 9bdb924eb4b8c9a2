"""Filing as data: the same event is filed in the same streams by every implementation (I13)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from proofs.streams import allowed_kinds, entry_groups, filed

VECTORS = json.loads(Path(__file__).with_name("filing.json").read_bytes())["filing"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["description"])
def test_I13_an_event_is_filed_where_the_page_says(vector: dict[str, Any]) -> None:
    hashed = [
        f"{name.partition(':')[0]}:sha256:{hashlib.sha256(name.encode()).hexdigest()}"
        for name in vector.get("hashed", [])
    ]

    names = filed(vector["type"], "urn:s", vector.get("datacontenttype"), vector["body"].encode())

    assert names == sorted([*vector.get("others", []), *hashed, "source:urn:s", f"type:{vector['type']}"])
    assert {name.partition(":")[0] for name in names} <= allowed_kinds(vector["type"]) | {"source", "type"}


def test_I13_126_others_fit_into_one_entry_and_the_127th_goes_into_a_continuation() -> None:
    others = [f"dataset:w|{number:03}" for number in range(127)]

    first, second = entry_groups([*others, "source:s", "type:t"], "t", "s")

    assert first == [*others[:126], "source:s", "type:t"]
    assert second == ["dataset:w|126"]
