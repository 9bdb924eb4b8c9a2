"""The README shows what `make demo` really prints: the demo runs here, on the real data, and the two are compared."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.transcript import demo, fenced, transcript

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def printed() -> str:
    return demo()


def plain(text: str) -> str:
    """`text` without what is drawn by chance or told by the clock, and with blanks as one."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>", text)
    text = re.sub(r"\b[0-9a-f]{8,64}\b", "<hex>", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "<at>", text)
    text = re.sub(r"\b[\d,]+ (kB|s|bytes)\b", r"<n> \1", text)
    return re.sub(r"[ \t]+", " ", text)


def test_the_transcript_in_the_readme_is_what_the_demo_prints(printed: str) -> None:
    shown = transcript((ROOT / "README.md").read_text())

    assert plain(shown) == plain(fenced(printed))


def test_the_demo_leaves_what_a_stranger_needs(printed: str) -> None:
    out = ROOT / "demo-output"
    bundles = sorted((out / "bundles").glob("*.zip"))

    assert {path.name for path in out.iterdir()} >= {"ledger.db", "trust.txt", "evidence.pem", "verify.pyz", "bundles"}
    assert len(bundles) == 2
    for bundle in bundles:
        command = [sys.executable, "-I", "-S", str(out / "verify.pyz"), "--trust", str(out / "trust.txt"), str(bundle)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout
        assert "VERIFIED" in ended.stdout


def test_no_household_number_stands_in_clear_in_what_the_demo_leaves(printed: str) -> None:
    ledger = (ROOT / "demo-output" / "ledger.db").read_bytes()

    assert b'"identities"' not in ledger
    assert b'"household_id","value"' not in ledger
