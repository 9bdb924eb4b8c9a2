"""The commands of the guide to contracts run as they stand, in their order, and do what the guide says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "contracts.md"


def test_the_guides_commands_go_from_a_draft_to_a_decision_and_its_bad_rows(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "orders.csv").write_text("id,amount,state\n1,5,open\n2,7,paid\n3,1,open\n4,8,paid\n")
    (tmp_path / "bad.csv").write_text("id,amount,state\n1,5,open\n2,-7,paid\n2,70,open\n4,80,void\n5,9,paid\n")
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
    assert len(blocks) == 8
    assert "✓ The same bytes." in done.stdout
    [kept] = list((tmp_path / "quarantine").iterdir())
    with duckdb.connect() as connection:
        bad = connection.execute("FROM read_parquet($1)", [str(kept / "bad.parquet")]).fetchall()
        good = connection.execute("SELECT id FROM read_parquet($1)", [str(kept / "good.parquet")]).fetchall()
    assert [row[-1] for row in bad] == [["range:amount", "expression"], ["unique:id"], ["enum:state"]]
    assert [id for (id,) in good] == ["1", "5"]
    assert (tmp_path / "current").readlink() == Path("versions/28")
    assert "restore what entry 10 let through" in done.stderr
    assert json.loads((tmp_path / "report.sarif").read_text())["runs"][0]["results"] == []
