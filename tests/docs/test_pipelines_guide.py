"""What the guide to pipelines shows runs as it stands; what needs Airflow, Dagster or dbt stands where interop tests run it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide" / "pipelines.md").read_text()
GATES = ROOT / "tests" / "interop" / "gates"
CONTRACT = """\
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema: [{name: id, type: integer, unique: true}, {name: amount, type: number, range: {min: 0}}]
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_guides_commands_and_its_python_hold_batches_and_stop_the_bad_ones(tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "good.csv").write_text("id,amount\n1,5\n2,7\n")
    (tmp_path / "bad.csv").write_text("id,amount\n1,5\n1,7\n")
    python, *_ = blocks("python")
    (tmp_path / "gate.py").write_text(python)
    run = shlex.quote(sys.executable)
    tally = f'tally() {{ {run} -m cli "$@"; }}'
    script = "\n".join(
        ["set -euo pipefail", tally, "tally init --origin ledger.example.org/shop", f"{run} gate.py", *blocks("sh")]
    )
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
    listed = subprocess.run(
        [sys.executable, "-m", "cli", "decision", "list", "--json"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert len(blocks("sh")) == 2
    assert "contract orders 1.0.0 blocks the batch" in done.stdout
    assert (tmp_path / "current").readlink() == Path("versions/28")
    assert [(row["contract"], row["decision"], row["action"]) for row in json.loads(listed.stdout)] == [
        ("orders", "ALLOW", None),
        ("returns", "ALLOW_WITH_ALERT", None),
        ("orders", "ALLOW", None),
        ("orders", "BLOCK_AND_ROLLBACK", "rolled-back"),
        ("orders", "ALLOW", "promoted"),
        ("orders", "ALLOW", None),
    ]


def test_what_needs_another_environment_stands_in_a_pipeline_that_a_test_runs() -> None:
    shown = [*blocks("python")[1:], *blocks("yaml")]
    run = [" ".join(path.read_text().split()) for path in sorted(GATES.rglob("*")) if path.is_file()]

    assert len(shown) == 5
    assert [block for block in shown if not any(" ".join(block.split()) in text for text in run)] == []
