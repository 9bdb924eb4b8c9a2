"""What may stand in the repository: no machine's path, no registry's host, nothing large, no secret key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path, PurePosixPath

import pytest

LARGE_BYTES = 1_000_000

MACHINE_PATHS = re.compile(rb"(?<![\w.-])/(?:root|work|home/\w+|Users/\w+|opt/(?:wheels|pypi)\w*)/|[A-Z]:\\Users\\")
REGISTRY_HOSTS = re.compile(
    rb"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|deb[.]debian|proxy[.]golang|--(?:extra-)?index-url|--find-links",
    re.IGNORECASE,
)


def findings(content: bytes) -> list[bytes]:
    """Return the machine paths and registry hosts in `content`."""
    return MACHINE_PATHS.findall(content) + REGISTRY_HOSTS.findall(content)


def test_no_file_names_a_machine_or_a_registry(root: Path, files: tuple[str, ...]) -> None:
    found = {path: findings((root / path).read_bytes()) for path in files if not path.endswith("test_tracked_files.py")}

    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "content",
    [
        b"see /" + b"root/.pyenv/bin",
        b'"file": "/' + b'work/main/x"',
        b"cd /home/anna/tally",
        b"/opt/wheels/x.whl",
        b"--index-url https://example.org",
        b"https://files.pythonhosted.org/packages/x.whl",
        b"--find-links somewhere",
    ],
)
def test_a_machine_and_a_registry_are_seen(content: bytes) -> None:
    assert len(findings(content)) == 1


@pytest.mark.parametrize(
    "content", [b"uv --no-emit-index-url --no-emit-find-links", b"docs/home/page", b"/var/lib/tally/"]
)
def test_what_only_looks_like_one_is_let_pass(content: bytes) -> None:
    assert findings(content) == []


def test_no_file_is_over_a_megabyte(root: Path, files: tuple[str, ...]) -> None:
    assert [path for path in files if (root / path).stat().st_size > LARGE_BYTES] == []


def test_no_data_of_the_demo_is_kept(files: tuple[str, ...]) -> None:
    kept = {PurePosixPath(path).suffix for path in files}

    assert kept.isdisjoint({".parquet", ".duckdb", ".db", ".sqlite", ".whl"})


def test_tests_are_no_package_and_share_no_name(files: tuple[str, ...]) -> None:
    tests = [PurePosixPath(path) for path in files if path.startswith("tests/") and path.endswith(".py")]
    names = [path.name for path in tests if path.name.startswith("test_")]

    assert [str(path) for path in tests if path.name == "__init__.py"] == []
    assert sorted(names) == sorted(set(names))


def test_every_test_lies_in_a_kind_of_its_own(files: tuple[str, ...]) -> None:
    kinds = {PurePosixPath(path).parts[1] for path in files if path.startswith("tests/") and path.count("/") > 1}

    known = (
        "architecture browser conformance docs faults hammer interop properties scripts second_verifier unit vectors"
    )
    assert kinds <= set(known.split())


def test_decisions_are_numbered_without_a_gap(files: tuple[str, ...]) -> None:
    numbers = [path.partition("docs/adr/")[2][:4] for path in files if path.startswith("docs/adr/")]

    assert numbers == [f"{number:04}" for number in range(len(numbers))]


def test_the_licence_is_the_one_that_the_project_names(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["license"] == "Apache-2.0"
    assert (root / "LICENSE").read_text(encoding="utf-8").split()[:4] == ["Apache", "License", "Version", "2.0,"]
