"""What is shipped: exactly the floors, under names that no Airflow and no dbt installation has (ADR 0001)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

FLOORS = {"cli", "contracts", "evidence", "ledger", "lineage", "proofs", "server"}
FOREIGN = Path(__file__).parent / "foreign_top_levels.json"

PIP = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "-qq"]


@pytest.fixture(scope="module")
def wheel(root: Path, files: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the project's files, without the network."""
    tree, output = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for path in files:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / path, tree / path)
    command = [*PIP, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(output), str(tree)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = output.iterdir()
    return built


@pytest.fixture(scope="module")
def foreign() -> Any:
    return json.loads(FOREIGN.read_text(encoding="utf-8"))


def shipped(wheel: Path) -> set[str]:
    """Return the paths that the wheel installs, but its own metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_every_file_of_the_floors_and_no_other(wheel: Path, files: tuple[str, ...]) -> None:
    assert shipped(wheel) == {path for path in files if path.partition("/")[0] in FLOORS}


def test_the_wheel_ships_no_tests_and_no_scripts(wheel: Path) -> None:
    tops = {path.partition("/")[0] for path in shipped(wheel)}

    assert tops <= FLOORS
    assert tops.isdisjoint({"benchmarks", "docs", "examples", "test", "tests", "tools"})


def test_the_wheel_carries_the_licence_and_what_pip_needs(wheel: Path, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with zipfile.ZipFile(wheel) as archive:
        members = {name.partition(".dist-info/")[2]: name for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(members["METADATA"]).decode()
        licence = archive.read(members["licenses/LICENSE"])

    assert licence == (root / "LICENSE").read_bytes()
    assert f"Requires-Python: {project['requires-python']}" in metadata
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    assert metadata.count("Requires-Dist: ") == len(project["dependencies"]) + len(extras)
    assert metadata.count("Provides-Extra: ") == len(project["optional-dependencies"])


def test_the_installed_command_runs_without_the_tree(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    subprocess.run([*PIP, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True)

    environment = {**os.environ, "PYTHONPATH": str(target)}
    command = [sys.executable, str(target / "bin" / "tally"), "--help"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Usage: tally")


@pytest.mark.parametrize("family", ["airflow", "dbt"])
def test_no_file_of_ours_collides_with_an_airflow_or_dbt_installation(wheel: Path, foreign: Any, family: str) -> None:
    ours = {path.partition("/")[0].removesuffix(".py") for path in shipped(wheel)}
    theirs = foreign["families"][family]

    assert {name: theirs["names"][name] for name in ours if name in theirs["names"]} == {}
    assert "tally" not in theirs["commands"]


@pytest.mark.parametrize(
    ("family", "distributions", "names", "command"),
    [
        (
            "airflow",
            {
                "apache-airflow-core",
                "apache-airflow-task-sdk",
                "apache-airflow-providers-openlineage",
                "openlineage-sql",
            },
            {"airflow", "openlineage", "sqlalchemy", "yaml"},
            "airflow",
        ),
        ("dbt", {"dbt-core", "dbt-duckdb", "dbt-adapters", "dbt-common", "openlineage-dbt"}, {"dbt", "duckdb"}, "dbt"),
    ],
)
def test_the_list_of_foreign_names_is_of_whole_installations(
    foreign: Any, family: str, distributions: set[str], names: set[str], command: str
) -> None:
    theirs = foreign["families"][family]

    assert distributions <= set(theirs["versions"])
    assert names <= set(theirs["names"])
    assert command in theirs["commands"]
    assert len(theirs["versions"]) > 50
