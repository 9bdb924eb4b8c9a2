"""The pages' own verification, in node, against the vectors that every implementation is held to."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def test_the_browsers_verification_agrees_with_every_vector() -> None:
    command = ["node", str(HERE / "vectors.mjs"), str(ROOT / "server" / "static"), str(ROOT / "tests" / "vectors")]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["differed"] == []
    assert {
        kind: found["counts"][kind] for kind in ("ed25519 reject", "inclusion reject", "entry reject", "proven reject")
    } == {
        "ed25519 reject": 96,
        "inclusion reject": 130,
        "entry reject": 109,
        "proven reject": 11,
    }
