"""Another engine is a process of somebody else's: whatever it does, we end in time, in one sentence, and believe nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from contracts.document import Document, parse
from contracts.enforce import evaluate
from contracts.engines.second import Second
from contracts.metric import Metric
from contracts.scan.beside import Given
from contracts.source import CsvFile
from proofs.errors import RefusedError

CONTRACT = """data_contract:
  name: a
  quality_checks:
    soda: {checks: [{name: there, type: not_null, column: id}, {type: not_null, column: 'i d'},
      {name: template, type: regex, column: id, pattern: '{{ 7 * 7 }}|x*'}]}
    great_expectations: {checks: [{name: there, type: expect_column_values_to_not_be_null, kwargs: {column: id}}]}
"""


@pytest.fixture(scope="module")
def document() -> Document:
    return parse(CONTRACT.encode())


@pytest.fixture
def batch(tmp_path: Path) -> CsvFile:
    path = tmp_path / "a.csv"
    path.write_text("id,i d\n1,1\n2,2\n")
    return CsvFile(path)


def python(tmp_path: Path, script: str) -> Path:
    """An interpreter that does what a shell script says: $3 is where its answer goes."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def asked(document: Document, batch: CsvFile, second: Second) -> dict[str, Metric]:
    found = evaluate(document, batch, given=Given(engines=(second,))).measurement
    return {metric.rule.id: metric for metric in found.metrics}


@pytest.mark.parametrize(
    ("script", "seconds", "message"),
    [
        ("exit 1", 60, "soda ended with status 1"),
        ("exit 3", 60, "soda is not installed for .*python"),
        ("exit 0", 60, "soda left no answer"),
        ("sleep 600 & sleep 600", 0.2, "soda took longer than 0.2 seconds"),
        ("echo '{' > $3", 60, "soda answered what is no result of it"),
        ("""echo '{"hasErrors":false,"checks":[]}' > $3""", 60, "the result of soda holds no check"),
        ("""echo '{"checks":[]}' > $3""", 60, "soda answered 0 checks, 1 were asked"),
        (
            """echo '{"hasErrors":false,"checks":[{"outcome":"pass"},{"outcome":"pass"}]}' > $3""",
            60,
            "soda answered 2 checks, 1 were asked",
        ),
        ("head -c 17000000 /dev/zero > $3", 60, "soda answered what is no result of it"),
        ("mkdir $3", 60, "soda left no answer"),
    ],
)
def test_whatever_it_does_is_one_sentence(
    document: Document, batch: CsvFile, tmp_path: Path, script: str, seconds: float, message: str
) -> None:
    with pytest.raises(RefusedError, match=message):
        asked(document, batch, Second("soda", python(tmp_path, script), seconds))


def test_an_interpreter_that_is_not_there_and_an_engine_that_nobody_knows_are_told(
    document: Document, batch: CsvFile, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError, match=r"nowhere cannot be run: No such file"):
        asked(document, batch, Second("gx", tmp_path / "nowhere"))
    with pytest.raises(RefusedError, match="no engine 'spark' can be asked"):
        Second("spark", Path(sys.executable))


@pytest.mark.parametrize(
    ("answer", "found", "hint"),
    [
        ('{"outcome":"pass"}', "passed", None),
        ('{"outcome":"fail"}', "unmeasured", "passed (0 of 2) here, failed by soda"),
        ('{"outcome":null}', "unmeasured", "passed (0 of 2) here, unmeasured by soda"),
        (
            '{"outcome":"pass","diagnostics":{"blocks":[{"totalFailingRows":1}]}}',
            "unmeasured",
            "passed (0 of 2) here, passed (1) by soda",
        ),
    ],
)
def test_an_answer_that_is_not_ours_is_no_answer(
    document: Document, batch: CsvFile, tmp_path: Path, answer: str, found: str, hint: str | None
) -> None:
    body = json.dumps({"hasErrors": False, "checks": [{"identity": "x", **json.loads(answer)}]})

    metrics = asked(document, batch, Second("soda", python(tmp_path, f"echo '{body}' > $3")))

    assert (metrics["soda:there"].found.value, metrics["soda:there"].hint) == (found, hint)
    assert metrics["soda:2"].found.value == "passed"  # of a column that SodaCL cannot name it was not asked
    assert not metrics["soda:template"].hint  # nor of what it would have carried out


def test_it_sees_neither_our_environment_nor_our_folder(
    document: Document, batch: CsvFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLY_KEY_PASSPHRASE", "correct horse")
    seen = tmp_path / "seen"
    script = f'env > {seen}; pwd >> {seen}; cat > /dev/null; echo \'{{"hasErrors":false,"checks":[{{"outcome":"pass"}}]}}\' > $3'

    asked(document, batch, Second("soda", python(tmp_path, script)))

    assert "correct horse" not in seen.read_text()
    place = Path(seen.read_text().splitlines()[-1])
    assert "tallystick-engine-" in place.name
    assert not place.exists()
