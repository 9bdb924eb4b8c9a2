"""What the rules of this folder look at: the files that git tracks or would track, and the sources, parsed."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

# Not part of the product: never shipped, and free of its floors and sizes.
APART = ("tests",)
SCRIPTS = ("benchmarks", "examples", "tools")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's top folder."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def files(root: Path) -> tuple[str, ...]:
    """Every file of the project, by its path from the top, sorted."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(sorted({path for path in listed if path and (root / path).is_file()}))


@pytest.fixture(scope="session")
def sources(root: Path, files: tuple[str, ...]) -> Mapping[str, ast.Module]:
    """Every Python file but those of tests, by its path from the top."""
    own = (path for path in files if path.endswith(".py") and not path.startswith(tuple(f"{top}/" for top in APART)))
    return {path: ast.parse((root / path).read_text(encoding="utf-8"), path) for path in own}


@pytest.fixture(scope="session")
def packaged(sources: Mapping[str, ast.Module]) -> Mapping[str, ast.Module]:
    """The sources that are shipped."""
    scripts = tuple(f"{top}/" for top in SCRIPTS)
    return {path: tree for path, tree in sources.items() if not path.startswith(scripts)}
