"""The snippets of the client's guide and of the README run as they stand, against a server, and the table names every setting."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.client import Client, Settings

if TYPE_CHECKING:
    from tests.counterpart import Counterpart

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "client.md"


def snippets(page: Path, mark: str = "") -> list[str]:
    return [
        found
        for found in re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
        if mark in found
    ]


def run(code: list[str], counterpart: Counterpart, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the snippets one after the other in one namespace; return the types of what arrived."""
    monkeypatch.chdir(folder)
    names: dict[str, object] = {"url": counterpart.url}
    for each in code:
        exec(compile(each.replace("https://ledger.example.org", counterpart.url), "snippet", "exec"), names)
    with Client(counterpart.url, outbox=folder / "outbox.db", source="urn:acme:shop") as client:
        assert client.flush(20) == 0
        assert client.status().dead == 0
    return [record.type for record in counterpart.log.stream("source:urn:acme:shop")]


def test_the_guides_snippets_run(counterpart: Counterpart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = snippets(GUIDE)

    arrived = run(code, counterpart, tmp_path, monkeypatch)

    assert len(code) == 3
    assert arrived == [
        "tallystick.producer.restarted.v1",
        "com.acme.order.v1",
        "tallystick.lineage.run-observed.v1",
        "tallystick.lineage.run-observed.v1",
        "tallystick.validation.decided.v1",
        "tallystick.schema.published.v1",
        "tallystick.deletion.requested.v1",
        "com.acme.order.v1",
    ]


def test_the_readmes_snippet_runs(counterpart: Counterpart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = snippets(ROOT / "README.md", "ledger.client")
    (tmp_path / "token").write_text("tally_x\n")

    arrived = run(code, counterpart, tmp_path, monkeypatch)

    assert len(code) == 1
    assert arrived == ["tallystick.producer.restarted.v1", "com.acme.order.v1"]


def test_the_guide_names_every_setting() -> None:
    cells = [line.split("|")[1] for line in GUIDE.read_text().splitlines() if line.startswith("| `")]

    named = re.findall(r"`(\w+)`", " ".join(cells))
    assert named == [each.name for each in dataclasses.fields(Settings)]
