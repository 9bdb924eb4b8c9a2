"""What a build system shows of batches that were held to contracts: annotations, JUnit and SARIF. Pure: from values to text.

Each broken rule stands at the line of the contract that states it. No value of the data is shown.

Source: SARIF 2.1.0 (OASIS), sections 3.13, 3.27 and 3.49; GitHub, "Workflow commands for GitHub Actions"; Ant's JUnit reports.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote
from xml.etree import ElementTree

import orjson

from contracts.decision import Decision
from contracts.metric import Metric
from contracts.record import Evaluated
from contracts.terms import Severity

_LEVELS: Final = {Severity.INFO: "note", Severity.WARNING: "warning", Severity.CRITICAL: "error"}
_COMMANDS: Final = {Severity.INFO: "notice", Severity.WARNING: "warning", Severity.CRITICAL: "error"}
_TOOL: Final = "tallystick"
_UNWRITABLE: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def broken(evaluated: Evaluated) -> list[tuple[Metric, int, str]]:
    """Return the rules that do not hold, each with the line of its contract and a sentence."""
    document = evaluated.document
    return [
        (metric, document.line(metric.rule.place), _sentence(evaluated, metric))
        for metric in evaluated.measurement.metrics
        if not metric.passed
    ]


def github_lines(checked: Sequence[Evaluated]) -> Iterator[str]:
    """Yield a line for each broken rule, which GitHub Actions shows beside the contract's own line."""
    for evaluated in checked:
        for metric, line, sentence in broken(evaluated):
            place = f"file={_property(evaluated.document.file(metric.rule.place))},line={line},title={_property(metric.rule.id)}"
            yield f"::{_COMMANDS[metric.rule.severity]} {place}::{_data(sentence)}"


def junit(checked: Sequence[Evaluated]) -> bytes:
    """Return a JUnit report: a suite for each batch, a case for each rule."""
    root = ElementTree.Element("testsuites")
    for evaluated in checked:
        contract, metrics = evaluated.document.contract, evaluated.measurement.metrics
        told = {metric.rule.id: (line, sentence) for metric, line, sentence in broken(evaluated)}
        unmeasured = {metric.rule.id for metric in metrics if metric.unmeasured}
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=f"{contract.name} {contract.version}",
            tests=str(len(metrics)),
            failures=str(len(told) - len(unmeasured)),
            errors=str(len(unmeasured)),
            skipped="0",
        )
        for metric in metrics:
            case = ElementTree.SubElement(suite, "testcase", classname=contract.name, name=_xml(metric.rule.id))
            if metric.rule.id in told:
                line, sentence = told[metric.rule.id]
                element = "error" if metric.unmeasured else "failure"
                found = ElementTree.SubElement(case, element, message=_xml(sentence), type=metric.rule.severity.value)
                found.text = _xml(f"{evaluated.document.file(metric.rule.place)}:{line}")
    report: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return report


def sarif(checked: Sequence[Evaluated], version: str) -> bytes:
    """Return a SARIF log of one run.

    Args:
        version: Of the tool.
    """
    found = [(evaluated, *each) for evaluated in checked for each in broken(evaluated)]
    ids = {id: place for place, id in enumerate(dict.fromkeys(metric.rule.id for _, metric, *_ in found))}
    results: list[dict[str, Any]] = [
        {
            "ruleId": metric.rule.id,
            "ruleIndex": ids[metric.rule.id],
            "level": _LEVELS[metric.rule.severity],
            "message": {"text": sentence},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": _uri(evaluated.document.file(metric.rule.place))},
                        "region": {"startLine": line},
                    }
                }
            ],
        }
        for evaluated, metric, line, sentence in found
    ]
    driver = {"name": _TOOL, "version": version, "rules": [{"id": id} for id in ids]}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return orjson.dumps(log, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def failing(checked: Sequence[Evaluated], fail_on: Sequence[Decision]) -> list[Evaluated]:
    """Return the batches whose decision is one of `fail_on`, or stricter than one of them."""
    least = min((decision.rank for decision in fail_on), default=len(Decision))
    return [evaluated for evaluated in checked if evaluated.verdict.decision.rank >= least]


def _sentence(evaluated: Evaluated, metric: Metric) -> str:
    dataset = evaluated.document.contract.dataset
    name = f"{dataset.namespace}|{dataset.name}"
    if metric.unmeasured:
        return f"{metric.rule.id} could not be measured in {name}: {evaluated.measurement.why_unmeasured(metric)}"
    if metric.structural:
        return f"{metric.rule.id} is broken in {name}" + (f": {metric.hint}" if metric.hint else "")
    return f"{metric.rule.id} is broken by {metric.failed:,} of {metric.total:,} in {name}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _xml(text: str) -> str:
    """The text without the characters that XML 1.0 has no way to write."""
    return _UNWRITABLE.sub("\ufffd", text)


def _uri(path: str) -> str:
    return quote(os.fsencode(path.replace("\\", "/")), safe="/")
