"""The commands of the guide to sources run as they stand, in their order, and do what the guide says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from contracts.catalog.declaration import parse_source
from contracts.catalog.facts import REGISTERED, RETIRED, TESTED
from contracts.catalog.store import STEPS

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "sources.md"
PAGE = (ROOT / "docs" / "formats" / "source.md").read_text()


def test_the_guides_commands_go_from_a_declaration_to_an_access_that_ended(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "landing" / "orders").mkdir(parents=True)
    (tmp_path / "landing" / "orders" / "1.csv").write_text(
        "id,updated_at\n1,2026-11-01T00:00:00\n2,2026-11-02T00:00:00\n"
    )
    tally = f'tally() {{ {shlex.quote(sys.executable)} -m cli "$@"; }}'
    last = "tally sources show orders-files --json; tally sources list --json"
    script = "\n".join(["set -euo pipefail", tally, "tally init --origin ledger.example.org/shop", *blocks, last])
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
    *said, shown, listed = done.stdout.splitlines()
    assert "Nothing was connected to." in said
    assert "updated             2026-11-02T00:00:00+00:00" in said
    assert [line.split()[1:4] for line in said if line.startswith("orders-files  team:growth")] == [
        ["team:growth", "yes", "granted"],
        ["team:growth", "no", "revoked"],
    ]
    assert json.loads(shown)["terms_sha256"] == "c65a874b5755a44c5cf7934fa2df723c27481f173b5a09927681c6d0b1929648"
    assert [row["tested"] for row in json.loads(listed)] == ["reached"]


def test_the_page_shows_a_source_that_is_accepted_and_names_every_event() -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    assert parse_source(shown.encode()).declaration.variables == ("SHOP_PASSWORD",)
    for type in (REGISTERED, RETIRED, TESTED, *STEPS):
        assert f"| `{type}` |" in PAGE
