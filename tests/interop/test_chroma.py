"""A collection of a real Chroma, in the environment that it needs for itself (`make engines`): made by its client."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-chroma/bin/python"
MAKE = """\
import sys
import chromadb
from chromadb.config import Settings

client = chromadb.PersistentClient(sys.argv[1], Settings(anonymized_telemetry=False))
made = client.create_collection("documents", embedding_function=None)
made.add(
    ids=["a", "b", "c", "d"],
    embeddings=[[0.6, 0.8], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0]],
    documents=["w", "x", "y", "z"],
    metadatas=[{"lang": "en", "at": "2026-11-28T00:00:00Z"}, {"lang": "de"}, {"lang": "xx", "id": "own"}, {"n": 1.5}],
)
"""
CONTRACT = """\
name: documents
namespace: search
schema:
  id: string is not null
  embedding: vector(2) is not null
  document: string
  lang: "enum[en, de]"
  at: timestamp
  n: number
keys: [[id], [embedding]]
slos:
  freshness_hours: 1
  accuracy_checks: [{rule: finite(embedding)}, {rule: "norm(embedding) between 0.99 and 1.01"}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("chroma")
    (found / "c.yaml").write_text(CONTRACT)
    subprocess.run([PYTHON, "-c", MAKE, "db"], cwd=found, check=True, capture_output=True)
    return found


def check(folder: Path, data: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TALLY_LEDGER", None)
    command = [str(PYTHON), "-m", "cli", "check", "c.yaml", data, "--dry-run", "--json"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_collection_is_measured_with_its_vectors_and_its_metadata(folder: Path) -> None:
    done = check(folder, "chroma:///db#documents")

    found = json.loads(done.stdout)
    assert (done.returncode, found["rows"]) == (10, 4)
    assert {each["rule"]: each["failed"] for each in found["broken"]} == {
        "enum:lang": 1,
        "key:2": 1,
        "norm:embedding": 1,
        "freshness:at": 1_000_000,
        "extra_columns": 1,
    }


@pytest.mark.parametrize("data", ["chroma:///db#nothing", "chroma:///nowhere#documents"])
def test_a_collection_that_is_not_there_is_not_made(folder: Path, data: str) -> None:
    done = check(folder, data)

    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == "missing"
    assert not (folder / "nowhere").exists()
