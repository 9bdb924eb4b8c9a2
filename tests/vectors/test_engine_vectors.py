"""What is read of a real result of each engine, version by version: captured, trimmed of queries, logs and tracebacks.

A line reads "<outcome> <severity> <failed>/<total> <kind> <columns>"; a dash stands for what the engine did not tell.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.engines.foreign import ForeignCheck
from contracts.engines.readers import READERS, read

FOLDER = Path(__file__).with_name("engines")
VECTORS: dict[str, dict[str, list[str]]] = json.loads((FOLDER / "read.json").read_text())
CASES = [(engine, file, lines) for engine, files in VECTORS.items() for file, lines in files.items()]


def spelt(check: ForeignCheck) -> str:
    failed, total = ("-" if count is None else count for count in (check.failed, check.total))
    words = (check.outcome.value, check.severity.value, f"{failed}/{total}", check.kind, ",".join(check.columns))
    return " ".join(words).rstrip()


@pytest.mark.parametrize(("engine", "file", "lines"), CASES, ids=[file for _, file, _ in CASES])
def test_a_real_result_is_read(engine: str, file: str, lines: list[str]) -> None:
    found = read(engine, (FOLDER / file).read_bytes())

    assert [found.name, *map(spelt, found.checks)] == lines


def test_there_is_a_real_result_of_every_engine() -> None:
    assert set(VECTORS) == set(READERS)
    assert {file for _, file, _ in CASES} | {"read.json"} == {path.name for path in FOLDER.iterdir()}


@pytest.mark.parametrize(("engine", "file"), [case[:2] for case in CASES], ids=[file for _, file, _ in CASES])
def test_a_check_has_an_id_of_its_own_that_stays(engine: str, file: str) -> None:
    data = (FOLDER / file).read_bytes()

    ids = [check.id for check in read(engine, data).checks]

    assert len(set(ids)) == len(ids)
    assert [check.id for check in read(engine, data + b"\n").checks] == ids


def test_pandera_says_the_same_in_either_form() -> None:
    forms = [read("pandera", (FOLDER / f"pandera-0.35.0.{form}").read_bytes()) for form in ("csv", "json")]

    assert forms[0] == forms[1]
