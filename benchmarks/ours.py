"""Tallystick, warm: the contract of the benchmark measured in this process, in the form that the peers report in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.peers import peer
from contracts.document import Document, parse
from contracts.measure import measure
from contracts.source import file_source
from contracts.terms import Kind

RULES: Final = {
    "id_null": "required:id",
    "id_duplicate": "unique:id",
    "email": "pattern:email",
    "balance": "range:balance",
    "currency": "enum:currency",
    "created_null": "required:created",
    "name_null": "max_null:name",
}


def contract(ordered: peer.Orders) -> str:
    """Return the contract as YAML; what counts is what the peers check, and types besides."""
    low, high = ordered["balance"]
    return f"""
name: customers
version: 1.0.0
dataset: {{namespace: bench, name: customers}}
owner: bench
schema:
  - {{name: id, type: string, required: true, unique: true}}
  - {{name: email, type: string, pattern: '{ordered["email"]}'}}
  - {{name: balance, type: number, range: {{min: {low}, max: {high}}}}}
  - {{name: currency, type: string, enum: [{", ".join(ordered["currencies"])}]}}
  - {{name: created, type: timestamp, required: true}}
  - {{name: name, type: string, max_null: {ordered["name_nulls"]}}}
  - {{name: delinquent, type: boolean}}
  - {{name: country, type: string}}
checks:
  - {{kind: freshness, column: created, max_age_seconds: {3600 * ordered["fresh_hours"]}}}
  - {{kind: mean, column: balance, bounds: {{min: {ordered["mean"][0]}, max: {ordered["mean"][1]}}}}}
  - {{kind: stdev, column: balance, bounds: {{min: {ordered["stdev"][0]}, max: {ordered["stdev"][1]}}}}}
row_count: {{min: {ordered["rows"][0]}, max: {ordered["rows"][1]}}}
privacy: {{pii: none}}
"""


def document(ordered: peer.Orders) -> Document:
    """Return the contract, read."""
    return parse(contract(ordered).encode())


def run(ordered: peer.Orders) -> peer.Counts:
    """Measure, the file's hash included."""
    measurement = measure(document(ordered).contract, file_source(Path(ordered["path"])))
    assert not any(metric.unmeasured for metric in measurement.metrics)
    failed = {metric.rule.id: metric.failed for metric in measurement.metrics}
    numbers = {
        metric.rule.kind.value: float(metric.value) for metric in measurement.metrics if metric.value is not None
    }
    [fresh] = [metric.passed for metric in measurement.metrics if metric.rule.kind is Kind.FRESHNESS]
    counts = {name: failed[rule] for name, rule in RULES.items()}
    return {"rows": measurement.rows, **counts, "mean": numbers["mean"], "stdev": numbers["stdev"], "fresh": fresh}


if __name__ == "__main__":
    peer.report("Tallystick", "0.1.0", run)
