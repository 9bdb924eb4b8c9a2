"""The commands of the guides to streams and to vectors run as they stand, in their order, and do what the guides say."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import lancedb
import pyarrow as arrow

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guide"


def run(guide: str, folder: Path, *after: str) -> str:
    blocks = re.findall(r"^```sh\n(.*?)^```$", (GUIDES / guide).read_text(), re.MULTILINE | re.DOTALL)
    tally = f'tally() {{ {shlex.quote(sys.executable)} -m cli "$@"; }}'
    script = "\n".join(["set -euo pipefail", tally, "tally init --origin ledger.example.org/shop", *blocks, *after])
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TALLY_LEDGER": "sqlite:///audit.db",
        "TALLY_HOME": str(folder / "home"),
        "TALLY_KEY_PASSPHRASE": "correct horse",
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_guide_to_streams_decides_each_window_once(tmp_path: Path) -> None:
    rows = [{"id": n, "at": f"2026-11-01T00:{n:02}:00Z", "price": 1} for n in range(12)]
    lines = [*map(json.dumps, rows), "{", json.dumps({"id": 99, "at": "2026-11-01T00:00:00Z", "price": 1})]
    (tmp_path / "clicks.ndjson").write_text("\n".join(lines) + "\n")

    said = run("streams.md", tmp_path)

    assert "ALLOW_WITH_ALERT, risk 3 of 100, 13 rows, 1 unreadable (end, entry 3)" in said
    assert "2026-11-01T00:05:00 to 2026-11-01T00:10:00 5 rows (watermark, entry 5)" in said
    assert "2026-11-01T00:10:00 to 2026-11-01T00:15:00 2 rows, 1 unreadable, 1 late (end, entry 6)" in said
    assert said.count("clicks    1.0.0") == 4
    assert len(list((tmp_path / "quarantine").iterdir())) == 1


def test_the_guide_to_vectors_decides_an_index_and_a_model(tmp_path: Path) -> None:
    vectors = arrow.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], arrow.list_(arrow.float32(), 3))
    table = arrow.table({"id": ["a", "b"], "embedding": vectors, "language": ["en", "de"]})
    lancedb.connect(str(tmp_path / "index")).create_table("documents", table)
    for day, weak in (("monday", 0), ("tuesday", 30)):
        # On Tuesday the second version says the same of everybody.
        scores = (f"{n},{n % 2},{0.5 if n % 2 and weak else n / 100}" for n in range(100))
        (tmp_path / f"{day}.csv").write_text("customer,version,score\n" + "\n".join(scores) + "\n")
    labels = (f"{n},{str(n >= 50).lower()}" for n in range(100))
    (tmp_path / "labels.csv").write_text("customer,churned\n" + "\n".join(labels) + "\n")

    said = run("vectors.md", tmp_path)

    assert "✓ documents_v1: ALLOW" in said
    assert "! scores: ALLOW_WITH_ALERT" in said
    assert re.search(r"^auc +warning +\d+ +1000000 +value 0.5$", said, re.MULTILINE)
