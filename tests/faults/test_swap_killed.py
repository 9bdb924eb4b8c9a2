"""Whoever swaps versions dies before each step: consumers read one whole version, and the next swap goes through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Forks a process for every step that the disk sees, which dies without a word before that step.
KILLED = """
import json, os, pathlib, sys
from itertools import count
import contracts.swap, duckdb, ledger
from contracts.document import parse
from contracts.gate import Acts, Batch, let_through
from contracts.sources.named import named_source
from ledger import durable

CONTRACT = parse(b'''
name: scores
version: 1.0.0
dataset: {namespace: demo, name: scores}
schema: [{name: id, type: integer, unique: true}]
''')
read_first, batch = sys.argv[2], sys.argv[3]

def load(log, folder, name, left=0):
    def dying(step):
        def stepped(*given, **named):
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(77)
            return step(*given, **named)
        return stepped
    if left:
        durable.sync_folder = dying(durable.sync_folder)
        pathlib.Path.symlink_to = dying(pathlib.Path.symlink_to)
        pathlib.Path.replace = dying(pathlib.Path.replace)
        contracts.swap._sync_file = dying(contracts.swap._sync_file)
        contracts.swap._sha256 = dying(contracts.swap._sha256)
    path = contracts.swap.real_version(folder / "versions" / name)
    acts = Acts(current=folder / "current")
    let_through(log, Batch(CONTRACT, named_source(str(path)), path), acts)

def swap(folder, left):
    with ledger.create("memory://", origin="a/b", home=folder / f"home{left}", passphrase=lambda: b"secret") as log:
        (folder / "current").unlink(missing_ok=True)
        load(log, folder, "1")
        (folder / "current").unlink()
        (folder / "current").symlink_to(f"versions/{read_first}")
        load(log, folder, batch, left)

def forked(function, *given):
    child = os.fork()
    if not child:
        try:
            function(*given)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

# What is imported late is there before anybody forks.
with ledger.create("memory://", origin="a/b", home=pathlib.Path(sys.argv[1], "home"), passphrase=lambda: b"secret"):
    pass
for step in count(1):
    folder = pathlib.Path(sys.argv[1], str(step))
    for name, rows in (("1", "1\\n"), ("2", "2\\n"), ("bad", "3\\n3\\n")):
        (folder / "versions" / name).mkdir(parents=True)
        (folder / "versions" / name / "part.csv").write_text("id\\n" + rows)
    status = forked(swap, folder, step)
    target = os.readlink(folder / "current")
    again = forked(swap, folder, 0)
    after = os.readlink(folder / "current")
    left = sorted(path.name for path in folder.iterdir() if path.is_symlink())
    print(json.dumps([status, target, again, after, left]))
    if status != 77:
        break
"""


@pytest.mark.parametrize(
    ("read_first", "batch", "after"),
    [("1", "2", "versions/2"), ("bad", "bad", "versions/1")],
    ids=["an allowed version is promoted", "a blocked one gives way"],
)
def test_whoever_dies_while_swapping_leaves_one_whole_version(
    tmp_path: Path, read_first: str, batch: str, after: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), read_first, batch],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    states = [json.loads(line) for line in ended.stdout.splitlines()]
    before = f"versions/{read_first}"
    assert [state[0] for state in states] == [77] * (len(states) - 1) + [0]
    assert {before, after} == {state[1] for state in states}
    assert [state[1] for state in states] == sorted((state[1] for state in states), key=[before, after].index)
    assert {tuple(state[2:4]) for state in states} == {(0, after)}
    assert all(state[4] == ["current"] for state in states)
    assert len(states) > 4
