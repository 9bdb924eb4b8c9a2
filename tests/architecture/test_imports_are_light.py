"""Importing a leaf does not import the tree: measured in an interpreter of its own, since only running shows it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

LOADED = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
for name in sys.argv[2:]:
    importlib.import_module(name)
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(tops - set(sys.stdlib_module_names))))
"""


def loaded(root: Path, *names: str) -> set[str]:
    """Return the top-level names, but the standard library's, that importing `names` loads."""
    command = [sys.executable, "-c", LOADED, str(root), *names]
    return set(json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout))


@pytest.mark.parametrize("package", ["cli", "contracts", "evidence", "ledger", "lineage", "proofs", "server"])
def test_a_package_alone_loads_nothing_else(root: Path, package: str) -> None:
    assert loaded(root, package) == {package}


def test_a_producer_loads_no_engine_and_no_server(root: Path, packaged: Mapping[str, ast.Module]) -> None:
    client = [path.removesuffix(".py").replace("/", ".") for path in packaged if path.startswith("ledger/client/")]

    heavy = {"click", "duckdb", "fastapi", "networkx", "rich", "server", "sqlite_utils", "starlette"}
    assert loaded(root, "ledger.event", *client).isdisjoint(heavy)
    plain = [name for name in client if name != "ledger.client.openlineage"]
    assert loaded(root, *plain).isdisjoint({*heavy, "cryptography", "openlineage", "requests", "urllib3"})


def test_what_asks_the_command_from_a_foreign_pipeline_loads_no_library(root: Path) -> None:
    assert loaded(root, "contracts.pipelines.command") == {"contracts", "proofs"}


def test_a_client_is_there_at_once(root: Path) -> None:
    """Beside `ledger.event` (pydantic) it costs a few milliseconds: no HTTP, no TLS, no log of the ledger's."""
    names = ["ledger.client", "ledger.client.client"]
    command = [sys.executable, "-X", "importtime", "-c", f"import ledger.event, {', '.join(names)}"]

    lines = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stderr.splitlines()

    found = [line.split("|") for line in lines if line.startswith("import time:")]
    took = {name.strip(): int(total) for _, total, name in found if total.strip().isdigit()}
    assert {"http.client", "ssl", "asyncio", "requests", "cryptography", "ledger.append", "ledger.log"}.isdisjoint(took)
    assert took["ledger.client.client"] < 3 * took["ledger.event"]
