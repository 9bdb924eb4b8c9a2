"""The soak of `make soak`, in short: kills, a full disk and a bad network cost no event that `emit` took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_emit_that_returned_is_in_the_log_exactly_once_and_in_order(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/soak.py", "--events", "4000", "--server-kills", "3", "--producer-kills", "4"]

    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stdout, ended.stderr
    tally = json.loads(ended.stdout)
    assert tally["faults"] == []
    assert tally["emitted"] >= 4_000
    assert tally["recorded"] >= tally["emitted"]  # also what was taken by a producer that died before it could say so
    assert (tally["server_kills"], tally["full_disks"], tally["network_troubles"]) == (3, 1, 6)
    assert ended.returncode == 0
