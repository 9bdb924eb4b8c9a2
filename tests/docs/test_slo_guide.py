"""The commands of the guide to service levels run as they stand, in their order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "slo.md"


def test_the_guides_commands_go_from_a_promise_to_alerts(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "good.csv").write_text("id,amount\n1,5\n2,7\n")
    (tmp_path / "orders.csv").write_text("id,amount\n1,5\n")
    tally = f'tally() {{ {shlex.quote(sys.executable)} -m cli "$@"; }}'
    script = "\n".join(["set -euo pipefail", tally, "tally init --origin ledger.example.org/shop", *blocks])
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TALLY_LEDGER": "sqlite:///audit.db",
        "TALLY_HOME": str(tmp_path / "home"),
        "TALLY_KEY_PASSPHRASE": "correct horse",
    }

    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert len(blocks) == 5
    assert re.search(r"^orders/whole +0\.900000 +7 +2 +2 +1\.0000 +0\.00 +met ", done.stdout, re.MULTILINE)
    assert re.search(r"^good +9999$", done.stdout, re.MULTILINE)
    assert 'tally_slo_window_good{contract="orders",slo="there"} 9999\n' in (tmp_path / "slo.prom").read_text()
    assert "13 rules found" in done.stdout
    assert "most frequent failures" in done.stdout
