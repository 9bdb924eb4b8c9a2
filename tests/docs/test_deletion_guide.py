"""The commands of the guide to deletion run as they stand, in their order, and do what the guide says."""

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
GUIDE = ROOT / "docs" / "guide" / "deletion.md"


def test_the_guides_commands_delete_a_person_and_prove_it(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE orders (email VARCHAR)")
        connection.execute("INSERT INTO orders VALUES ('ada@example.org'), ('ada@example.org'), ('grace@example.org')")
        connection.execute("CREATE TABLE features AS SELECT DISTINCT email FROM orders")
    for name in ("orders.csv", "features.csv"):
        (tmp_path / name).write_text("email\nada@example.org\n")
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

    assert (done.returncode, done.stderr) == (0, "")
    assert len(blocks) == 6
    certificate = json.loads((tmp_path / "certificate.json").read_text())
    assert certificate["outcome"] == "complete_with_residuals"
    assert [(each["dataset"]["name"], each["deleted"]) for each in certificate["targets"]] == [
        ("orders", 2),
        ("features", 1),
    ]
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        assert connection.execute("SELECT email FROM orders").fetchall() == [("grace@example.org",)]
