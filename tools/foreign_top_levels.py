"""Write down which import names and commands Airflow and dbt bring, with everything that they install.

    .venv/bin/python tools/foreign_top_levels.py [FILE]          default: tests/architecture/foreign_top_levels.json

Needs the package index and a few minutes; run at a release. What a package's own metadata calls its top level is often
missing or wrong, so the packages are really installed, each family in an environment of its own, and the list of
installed files is what counts.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

OUTPUT = Path(__file__).parents[1] / "tests" / "architecture" / "foreign_top_levels.json"

FAMILIES = {
    "airflow": (
        "apache-airflow",
        "apache-airflow-core",
        "apache-airflow-task-sdk",
        "apache-airflow-providers-openlineage",
        "openlineage-python",
        "openlineage-sql",
    ),
    # dbt-core 2 is another program, and dbt-duckdb does not run on it.
    "dbt": (
        "dbt-core<1.12",
        "dbt-duckdb",
        "dbt-adapters",
        "dbt-common",
        "openlineage-dbt",
        "openlineage-integration-common",
    ),
}


def install(requirements: tuple[str, ...], folder: Path) -> Path:
    """Return the site-packages of a new environment in `folder` with `requirements` in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-qq"]
    subprocess.run([*command, "--only-binary=:all:", *requirements], check=True)
    return next((folder / "lib").glob("python*/site-packages"))


def distributions(site: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield name, version and installed files of every distribution in `site`."""
    for info in sorted(site.glob("*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        with (info / "RECORD").open(newline="", encoding="utf-8") as record:
            yield name.replace("_", "-").lower(), version, [row[0] for row in csv.reader(record) if row]


def top_level(path: str) -> str | None:
    """Return the import name that the installed file `path` is reached by; None when it is not importable."""
    first, _, rest = path.partition("/")
    if not rest and not first.endswith((".py", ".so", ".pyd")):
        return None
    name = first if rest else first.partition(".")[0]
    return name if name.isidentifier() and name != "__pycache__" else None


def collect(requirements: tuple[str, ...], folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return versions by distribution, then distributions by import name and by command (joined by commas)."""
    versions: dict[str, str] = {}
    names: dict[str, set[str]] = defaultdict(set)
    commands: dict[str, set[str]] = defaultdict(set)
    for distribution, version, files in distributions(install(requirements, folder)):
        versions[distribution] = version
        for path in files:
            if "/bin/" in path and path.startswith("../"):
                commands[path.rpartition("/")[2]].add(distribution)
            elif name := top_level(path):
                names[name].add(distribution)
    return versions, _joined(names), _joined(commands)


def main(output: Path) -> None:
    """Install each family, and write what it brings."""
    families = {}
    for family, requirements in FAMILIES.items():
        with tempfile.TemporaryDirectory() as folder:
            versions, names, commands = collect(requirements, Path(folder))
        families[family] = {"asked_for": requirements, "versions": versions, "names": names, "commands": commands}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    facts = {"date": datetime.now(UTC).date().isoformat(), "python": python, "families": families}
    output.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _joined(found: dict[str, set[str]]) -> dict[str, str]:
    return {name: ",".join(sorted(distributions)) for name, distributions in sorted(found.items())}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT)
