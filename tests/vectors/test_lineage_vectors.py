"""The fold as data: the same events give the same lineage.json in every implementation, and no other is right (I20)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofs import edges, jsonstrict
from proofs.errors import MalformedError

VECTORS = json.loads(Path(__file__).with_name("lineage.json").read_bytes())["lineage"]


def structure(body: str) -> Any:
    try:
        return jsonstrict.loads_foreign(body.encode())
    except MalformedError:
        return None


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["description"])
def test_I20_events_give_this_lineage_and_no_other(vector: dict[str, Any]) -> None:
    bodies = [structure(body) for body in vector["bodies"]]

    given = edges.to_json(edges.fold((seq, bodies[body]) for seq, body in vector["events"]))

    assert given.decode() == vector["lineage"]
    assert [lie["description"] for lie in vector["lies"] if given.decode() == lie["lineage"]] == []
    for lie in vector["lies"]:  # each is a canonical document: only what it says is wrong
        jsonstrict.parse_canonical(lie["lineage"].encode()[:-1], limit_bytes=10_000)
