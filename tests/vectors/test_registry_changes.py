"""What each change between two JSON Schemas is called, whether it breaks, and which step of the version it needs.

A line of the vectors reads "<direction> <kind> <pointer>"; a `!` after the direction says that the change breaks although by
the letter of the draft it lets more in.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.registry.change import Change, needed_bump
from contracts.registry.compatibility import compare
from contracts.registry.schema import read
from contracts.registry.semver import Bump

VECTORS = json.loads(Path(__file__).with_name("registry_changes.json").read_text())


def spelt(change: Change) -> str:
    despite = "!" if change.breaking and change.direction in ("loosens", "none") else ""
    return f"{change.direction}{despite} {change.kind} {change.path}"


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in VECTORS])
def test_a_change_is_named_and_weighed(vector: dict[str, Any]) -> None:
    old, new = (read(json.dumps(vector[side]).encode()) for side in ("old", "new"))

    changes = compare(old, new, lenient=vector.get("lenient", True))

    assert [spelt(change) for change in changes] == vector["changes"]
    assert needed_bump(changes).word == vector["bump"]


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in VECTORS])
def test_nothing_breaks_when_a_schema_stays(vector: dict[str, Any]) -> None:
    for side in ("old", "new"):
        schema = json.dumps(vector[side]).encode()

        assert compare(read(schema), read(schema), lenient=False) == ()


def test_the_vectors_hold_as_many_breaking_changes_as_others() -> None:
    bumps = [vector["bump"] for vector in VECTORS]

    assert (len(bumps), bumps.count("major"), bumps.count("minor"), bumps.count("patch")) == (132, 62, 43, 27)


def test_the_greater_step_includes_the_smaller_ones() -> None:
    assert Bump.PATCH < Bump.MINOR < Bump.MAJOR
