"""The judge needs the standard library alone, does no I/O but in `__main__`, and knows no clock and no chance."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

# -I -S: no site-packages, no user's folder, no environment; a copy of `proofs` is all of this project that is found.
ALONE = [sys.executable, "-I", "-S", "-c"]
EACH = """
import importlib, sys
sys.path.append(sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"__main__"})))
"""
PROGRAM = """
import runpy, sys
sys.path.append(sys.argv.pop(1))
runpy.run_module("proofs", run_name="__main__", alter_sys=True)
"""

IMPURE_MODULES = {"asyncio", "concurrent", "ftplib", "glob", "http", "io", "mmap", "multiprocessing", "os", "pathlib"}
IMPURE_MODULES |= {"random", "secrets", "select", "selectors", "shutil", "signal", "socket", "socketserver", "sqlite3"}
IMPURE_MODULES |= {"ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid"}
IMPURE_CALLS = {"breakpoint", "compile", "eval", "exec", "input", "now", "open", "print", "today", "utcnow"}


@pytest.fixture
def alone(root: Path, tmp_path: Path) -> Path:
    """A folder that holds nothing but a copy of `proofs`."""
    shutil.copytree(root / "proofs", tmp_path / "proofs", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def impurities(path: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = {alias.name.partition(".")[0] for alias in names} & IMPURE_MODULES
            case ast.ImportFrom(module=str(module), level=0):
                found = {module.partition(".")[0]} & IMPURE_MODULES
            case ast.Call(func=ast.Name(id=name)):
                found = {name} & IMPURE_CALLS
            case ast.Call(func=ast.Attribute(attr="now" | "utcnow" | "today" as name)):
                found = {name}
            case _:
                found = set()
        yield from (f"{path} uses {name}" for name in sorted(found))


def test_I17_every_module_of_proofs_imports_without_site_packages(alone: Path, packaged: Mapping[str, object]) -> None:
    paths = [path for path in packaged if path.startswith("proofs/") and not path.endswith("__main__.py")]
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths]
    assert "proofs.errors" in names

    result = subprocess.run([*ALONE, EACH, str(alone), *names], capture_output=True, text=True, check=False)

    assert result.stderr == ""
    assert result.stdout.split() == ["proofs"]


def test_I17_the_verifier_runs_without_site_packages(alone: Path) -> None:
    result = subprocess.run([*ALONE, PROGRAM, str(alone), "--help"], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert "--trust" in result.stdout


def test_I17_proofs_do_no_io_but_in_main(packaged: Mapping[str, ast.Module]) -> None:
    judges = {path: tree for path, tree in packaged.items() if path.startswith("proofs/")}
    judges.pop("proofs/__main__.py", None)

    found = [impurity for path, tree in judges.items() for impurity in impurities(path, tree)]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "import os.path",
        "def late():\n    from urllib import request",
        "open('/etc/hosts')",
        "import datetime\ndatetime.datetime.now()",
        "eval('1')",
    ],
)
def test_an_impurity_is_seen(source: str) -> None:
    assert len(list(impurities("proofs/x.py", ast.parse(source)))) == 1
