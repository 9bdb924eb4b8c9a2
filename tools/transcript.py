"""Puts what `make demo` really prints into the README, between its two markers; `make transcript` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
START: Final = "<!-- transcript: written by `make transcript`, checked by tests/docs -->\n"
STOP: Final = "<!-- end of transcript -->\n"


def demo(*options: str) -> str:
    """Run the demo and return what it printed; with "--server" as `make demo-server` does.

    Raises:
        RuntimeError: It ended badly; what it said is in the message.
    """
    command = [sys.executable, "examples/demo/run.py", *options]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(ROOT / ".demo-keeper")}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"the demo ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def transcript(readme: str) -> str:
    """Return the transcript that stands in a README."""
    return readme.partition(START)[2].partition(STOP)[0]


def fenced(printed: str) -> str:
    """Return the demo's output as the README shows it."""
    return f"```\n$ make demo\n{printed.rstrip()}\n```\n"


def main() -> int:
    """Write the transcript; returns the exit status."""
    path = ROOT / "README.md"
    readme = path.read_text()
    before, _, rest = readme.partition(START)
    path.write_text(f"{before}{START}{fenced(demo())}{STOP}{rest.partition(STOP)[2]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
