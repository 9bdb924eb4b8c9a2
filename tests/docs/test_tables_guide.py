"""The commands of the guide to tables run as they stand, in their order, on a real Delta table, and do what the guide says."""

from __future__ import annotations

import datetime as dt
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "tables.md"
APPEND = """
import datetime, pyarrow
from deltalake import write_deltalake
rows = {"id": [2, None], "day": [datetime.date(2026, 11, 29)] * 2}
write_deltalake("lake/orders", pyarrow.table(rows), mode="append")
"""


def test_the_guides_commands_measure_versions_and_take_a_blocked_one_back(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    place = tmp_path / "lake" / "orders"
    for id in (1, 2):
        rows = pa.table({"id": [id], "day": [dt.date(2026, 11, 27 + id)]})
        write_deltalake(place, rows, mode="append", partition_by=["day"])
    (tmp_path / "append.py").write_text(APPEND)
    python = shlex.quote(sys.executable)
    shims = f'tally() {{ {python} -m cli "$@"; }}\npython3() {{ {python} "$@"; }}'
    script = "\n".join(["set -euo pipefail", shims, "tally init --origin ledger.example.org/shop", *blocks])
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
    assert len(blocks) == 3
    assert "✓ The same bytes." in done.stdout
    assert "the Delta table lake/orders went back to version 1" in done.stdout
    assert "rolled-back" in done.stdout
    table = DeltaTable(place)
    assert (table.version(), sorted(table.to_pyarrow_table()["id"].to_pylist())) == (3, [1, 2])
    assert [path.suffix for path in (tmp_path / "states").rglob("*.parquet")] == [".parquet"] * 2
