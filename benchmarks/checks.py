"""Contract checks beside the other engines: eleven checks over a million rows, every count compared, goals named.

    .venv/bin/python benchmarks/checks.py [--rounds 5] [--keep FOLDER] [--only lazy,single]

Engines take turns, so that what else the machine does falls on all of them. Cold is a whole process; of ours it is `tally
check` with the append to the ledger. Warm are further runs in one process that has run once, the reading of the file
included. CPU seconds stand beside wall seconds, because they say more where other processes work. The data are made anew
for each run of this program.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks import customers, goals, ours
from benchmarks.goals import Cell, Figures

ROOT: Final = Path(__file__).parent.parent
WARM_RUNS: Final = 3
SEED: Final = 20261128
EXACT: Final = ("rows", "id_null", "id_duplicate", "email", "balance", "currency", "created_null", "name_null", "fresh")


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine: the environment it lives in, and the script that runs it there."""

    name: str
    environment: str
    script: str


ENGINES: Final = (
    Engine("ours", ".venv", "benchmarks/ours.py"),
    Engine("polars", ".venv-frames", "benchmarks/peers/lazy.py"),
    Engine("duckdb", ".venv-frames", "benchmarks/peers/single.py"),
    Engine("soda", ".venv-soda", "benchmarks/peers/soda_core.py"),
    Engine("datacontract", ".venv-datacontract", "benchmarks/peers/odcs.py"),
    Engine("gx", ".venv-gx", "benchmarks/peers/expectations.py"),
)


@dataclass(slots=True)
class Bench:
    """The files, the orders that every engine gets, and what came back."""

    folder: Path
    orders: dict[str, Any]
    counts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    figures: Figures = field(default_factory=dict)

    def cell(self, file: Path, engine: Engine) -> Cell:
        """Return where the figures of one engine and file are kept."""
        return self.figures.setdefault((file.name, engine.name), Cell())

    def take(self, file: Path, engine: Engine) -> None:
        """Run one engine on one file, cold and then warm, and keep the figures."""
        cell = self.cell(file, engine)
        if engine.name == "ours":
            contract = self.folder / "customers.yaml"
            command = [f"{ROOT}/.venv/bin/tally", "check", str(contract), str(file)]
            _, wall, cpu, rss = self.child(command, statuses=(0, 10))
        else:
            command = [f"{ROOT}/{engine.environment}/bin/python", f"{ROOT}/{engine.script}", self.ordered(file, 1)]
            _, wall, cpu, rss = self.child(command)
        cell.cold.append(wall)
        cell.cold_cpu.append(cpu)
        cell.rss.append(rss)
        command = [
            f"{ROOT}/{engine.environment}/bin/python",
            f"{ROOT}/{engine.script}",
            self.ordered(file, 1 + WARM_RUNS),
        ]
        printed, _, _, _ = self.child(command)
        found = json.loads(printed.splitlines()[-1])
        cell.name, cell.version = found["engine"], found["version"]
        cell.warm += found["wall"][1:]
        cell.warm_cpu += found["cpu"][1:]
        self.counts[file.name, engine.name] = found["counts"]

    def ordered(self, file: Path, runs: int) -> str:
        """Return the orders for one process."""
        return json.dumps({**self.orders, "path": str(file), "runs": runs})

    def child(self, command: list[str], *, statuses: tuple[int, ...] = (0,)) -> tuple[str, float, float, float]:
        """Run a process; return what it printed, its wall and CPU seconds, and its peak memory in MB."""
        errors = self.folder / "stderr"
        with errors.open("wb") as stderr:
            started = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, stderr=stderr
            )
            assert process.stdout is not None
            printed = process.stdout.read().decode()
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        if process.returncode not in statuses:
            sys.exit(f"{' '.join(command[:3])} ended with {process.returncode}:\n{errors.read_text()[-3000:]}")
        return printed, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

    def environment(self) -> dict[str, str]:
        """Return what every process sees: no usage statistics, a home of its own, and modules compiled once."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
        return kept | {
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "GX_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "TALLY_LEDGER": f"sqlite:///{self.folder}/audit.db",
            "TALLY_HOME": str(self.folder / "keys"),
            "TALLY_KEY_PASSPHRASE": "of the benchmark",
        }


def main() -> None:
    """Measure, compare the counts, print the table and the goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="keep the data and what was measured in this folder")
    parser.add_argument(
        "--only", help="names of engines, with commas between", default=",".join(e.name for e in ENGINES)
    )
    chosen = parser.parse_args()
    engines = [engine for engine in ENGINES if engine.name in chosen.only.split(",")]
    with tempfile.TemporaryDirectory(prefix="tally-bench-") as name:
        folder = Path(chosen.keep or name).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        _measure(folder, engines, chosen.rounds)


def _measure(folder: Path, engines: list[Engine], rounds: int) -> None:
    now = dt.datetime.now(dt.UTC)
    script = f"{ROOT}/benchmarks/customers.py"
    subprocess.run([sys.executable, script, str(folder), str(SEED), now.isoformat()], check=True)
    batches = customers.batches(folder)
    bench = Bench(folder, _orders(now))
    _prepare(bench)
    files = [batches.parquet, batches.csv, batches.bad]
    for number in range(rounds):
        for file in files:
            for engine in engines:
                print(f"round {number + 1} of {rounds}: {file.name}, {engine.name}", file=sys.stderr)
                bench.take(file, engine)
    _compare(bench.counts)
    print(goals.table(bench.figures, [file.name for file in files]))
    print(goals.verdicts(bench.figures))


def _orders(now: dt.datetime) -> dict[str, Any]:
    since = now.replace(tzinfo=None) - dt.timedelta(hours=customers.FRESH_HOURS)
    return {
        "email": customers.EMAIL,
        "balance": customers.BALANCE,
        "currencies": customers.CURRENCIES,
        "rows": customers.ROW_COUNT,
        "mean": customers.MEAN,
        "stdev": customers.STDEV,
        "name_nulls": customers.NAME_NULLS,
        "fresh_hours": customers.FRESH_HOURS,
        "fresh_since": since.isoformat(),
    }


def _prepare(bench: Bench) -> None:
    """Make what the processes find in their folder: a ledger, the contract, and Soda's switch for its statistics."""
    (bench.folder / "customers.yaml").write_text(ours.contract(bench.orders))
    (bench.folder / ".soda").mkdir(exist_ok=True)
    (bench.folder / ".soda" / "config.yml").write_text("send_anonymous_usage_stats: false\n")
    for path in (bench.folder / "audit.db", *bench.folder.glob("audit.db-*")):
        path.unlink(missing_ok=True)
    bench.child([f"{ROOT}/.venv/bin/tally", "init", "--origin", f"bench/{time.time_ns()}"])


def _compare(counts: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Stop unless all engines counted the same."""
    disagreements = []
    for (file, engine), found in counts.items():
        reference = next(other for (name, who), other in counts.items() if name == file and who != "ours")
        for check, count in found.items():
            expected = reference[check]
            same = count == expected if check in EXACT else math.isclose(count, expected, rel_tol=1e-9)
            if not same:
                disagreements.append(f"{file}: {engine} says {check} is {count}, another engine {expected}")
    if disagreements:
        sys.exit("\n".join(["the engines do not agree:", *disagreements]))


if __name__ == "__main__":
    main()
