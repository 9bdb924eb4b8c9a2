"""Vectors: what a contract says of them, in a table of LanceDB, in JSON lines, and in dialect (a)."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as arrow
import pytest

from contracts import enforce
from contracts.document import parse
from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.sources.chroma import ChromaCollection
from contracts.sources.jsonlines import JsonLines
from contracts.sources.lance import LanceTable
from contracts.sources.named import named_source
from proofs.errors import MalformedError, MissingError, RefusedError

SCHEMA = [
    {"name": "id", "type": "string", "unique": True},
    {"name": "embedding", "type": "vector", "required": True, "unique": True},
    {"name": "at", "type": "timestamp"},
]
CHECKS: list[dict[str, Any]] = [
    {"kind": "dimensions", "column": "embedding", "dimensions": 2},
    {"kind": "finite", "column": "embedding"},
    {"kind": "norm", "column": "embedding", "bounds": {"min": Decimal("0.99"), "max": Decimal("1.01")}},
    {"kind": "norm", "column": "embedding", "bounds": {"above": 0}},
    {"kind": "freshness", "column": "at", "max_age_seconds": 60},
]
# A good one, a zero, one that is not a number, one that is there twice, and none at all.
VECTORS = [[0.6, 0.8], [0.0, 0.0], [math.nan, 1.0], [0.0, 1.0], [0.0, 1.0], None]


def contract(*checks: dict[str, Any]) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    return Contract.model_validate(
        {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": SCHEMA, "checks": list(checks or CHECKS)}
    )


def index(folder: Path, vectors: list[Any], *, width: Any = None, name: str = "documents") -> LanceTable:
    """A table with these vectors; of two elements each unless `width` says otherwise."""
    table = arrow.table(
        {
            "id": arrow.array([f"d{place}" for place in range(len(vectors))], arrow.string()),
            "embedding": arrow.array(vectors, width or arrow.list_(arrow.float32(), 2)),
            "at": arrow.array([0] * len(vectors), arrow.timestamp("us", "UTC")),
        }
    )
    lancedb.connect(str(folder)).create_table(name, table)
    return LanceTable(folder, name)


def failed(found: Measurement) -> dict[str, int | str]:
    return {one.rule.id: "unmeasured" if one.unmeasured else one.failed for one in found.metrics if not one.passed}


def test_a_table_of_lancedb_is_measured_like_any_other_and_its_vectors_besides(tmp_path: Path) -> None:
    found = measure(contract(), index(tmp_path, VECTORS))

    assert (found.kind, found.rows) == ("lancedb", 6)
    assert failed(found) == {
        "required:embedding": 1,
        "unique:embedding": 1,
        "finite:embedding": 1,
        "norm:embedding": 2,
        "norm:embedding#2": 2,
        "freshness:at": 1_000_000,
    }


def test_the_same_rows_have_the_same_fingerprint_however_an_index_stores_them(tmp_path: Path) -> None:
    vectors = [[0.6, 0.8], [0.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
    one, two = index(tmp_path / "one", vectors), index(tmp_path / "two", vectors[:2])
    other = index(tmp_path / "other", vectors[:3])
    table = lancedb.connect(str(tmp_path / "two")).open_table("documents")
    first = measure(contract(), one).file
    rest = lancedb.connect(str(tmp_path / "one")).open_table("documents").search().to_arrow().slice(2)
    table.add(rest)

    again, different = measure(contract(), two).file, measure(contract(), other).file

    assert first is not None
    assert first == again
    assert first != different


@pytest.mark.parametrize(
    "width", [arrow.list_(arrow.float16(), 2), arrow.list_(arrow.float64()), arrow.list_(arrow.int32())]
)
def test_vectors_of_any_width_are_vectors(tmp_path: Path, width: Any) -> None:
    import numpy

    vectors = [numpy.array([0, 1], numpy.float16), numpy.array([0, 2], numpy.float16)]
    given = vectors if arrow.types.is_float16(width.value_type) else [[0, 1], [0, 2]]

    found = measure(contract(*CHECKS[:3]), index(tmp_path, given, width=width))

    assert failed(found) == {"norm:embedding": 1}


def test_an_empty_index_has_its_columns(tmp_path: Path) -> None:
    found = measure(contract(), index(tmp_path, []))

    assert failed(found) == {"row_count": 1, "freshness:at": "unmeasured"}


def test_an_index_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    index(tmp_path / "there", VECTORS)
    with pytest.raises(MissingError, match="there is no such database"):
        measure(contract(), LanceTable(tmp_path / "nowhere", "documents"))
    with pytest.raises(MissingError, match="there is no table 'x'"):
        measure(contract(), LanceTable(tmp_path / "there", "x"))
    assert not (tmp_path / "nowhere").exists()


def test_an_index_is_written_as_a_url() -> None:
    assert named_source("lancedb:///a/b#t") == LanceTable(Path("a/b"), "t")
    assert named_source("chroma:////a%20b#t") == ChromaCollection(Path("/a b"), "t")
    with pytest.raises(RefusedError, match="does not end in #name"):
        named_source("lancedb:///a/b")


def test_what_is_no_list_of_numbers_is_no_vector(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    lines = ["[1, 0]", '["1", 0]', "[[1], 0]", "{}", "3", "null", "[true, 0]", "[1, null]", "[ 1 ,0.0]"]
    path.write_text("".join(f'{{"id": "{place}", "embedding": {line}}}\n' for place, line in enumerate(lines)))

    found = {one.rule.id: one.failed for one in measure(contract(*CHECKS[:3]), JsonLines(path)).metrics}

    assert (found["type:embedding"], found["required:embedding"]) == (5, 1)
    assert (found["finite:embedding"], found["norm:embedding"], found["unique:embedding"]) == (1, 1, 1)


def test_a_column_that_holds_no_vectors_leaves_their_checks_unmeasured(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    path.write_text('{"id": "a", "embedding": [1, 0], "at": "2026-11-28T00:00:00Z"}\n')
    on_id = [{**check, "column": "id"} for check in CHECKS[:3]]

    assert failed(measure(contract(*on_id), JsonLines(path))) == {
        "dimensions:id": "unmeasured", "finite:id": "unmeasured", "norm:id": "unmeasured",
    }  # fmt: skip


TABLE = """\
name: documents
schema:
  id: string
  embedding: vector(2) is not null
slos:
  accuracy_checks:
    - {rule: finite(embedding), severity: critical}
    - "norm(embedding) between 0.99 and 1.01"
    - {rule: "dimensions( embedding ) = 3", name: three}
"""


def test_dialect_a_has_words_for_vectors(tmp_path: Path) -> None:
    document = parse(TABLE.encode())

    evaluated = enforce.evaluate(document, index(tmp_path, VECTORS))

    assert [(check.kind, check.id) for check in document.contract.checks] == [
        ("dimensions", None), ("finite", None), ("norm", None), ("dimensions", "three"),
    ]  # fmt: skip
    assert failed(evaluated.measurement) == {
        "required:embedding": 1, "finite:embedding": 1, "norm:embedding": 2, "three": 5, "extra_columns": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [
        "norm(embedding)", "norm(embedding) = 1", "finite(embedding) > 1", "dimensions(embedding) >= 3",
        "norm(nothing) > 1", "norm(embedding) > 1 and < 2 and", "dimensions(embedding) = 0", "norm(embedding) > 'a'",
    ],
)  # fmt: skip
def test_a_rule_on_vectors_that_says_something_else_is_refused_at_its_line(rule: str) -> None:
    text = TABLE.replace('"norm(embedding) between 0.99 and 1.01"', f'"{rule}"')

    with pytest.raises(MalformedError) as caught:
        parse(text.encode())

    assert "line 8" in caught.value.where
