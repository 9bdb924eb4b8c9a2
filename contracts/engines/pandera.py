"""Pandera: `SchemaErrors.failure_cases` as CSV or JSON, one row for each value that breaks a check.

    schema_context,column,check,check_number,failure_case,index

JSON is an array of rows, or an object of columns (what `DataFrame.to_json()` writes). The values in `failure_case` are
never looked at. Pandera tells what failed and nothing else: not what it checked, not how many rows there are, no version. So a
result without a row is no result; where Pandera raised nothing there is nothing to take in.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import Final

from contracts.engines.foreign import MAX_CHECKS, Foreign, ForeignCheck, Outcome, foreign, word
from contracts.engines.reading import MAX_BYTES, MAX_TEXT, Node, document, hashed
from proofs.errors import MalformedError

_NAMES: Final = ("schema_context", "column", "check", "check_number")
_MAX_CSV_BYTES: Final = 4 * MAX_BYTES

Case = tuple[str, ...]


def read(data: bytes) -> Foreign:
    """Return what Pandera found.

    Raises:
        MalformedError: This is no such frame, or it has no row.
    """
    is_json = data.lstrip()[:1] in (b"[", b"{")
    rows: Counter[Case] = Counter()
    wholes: set[Case] = set()
    for case, has_index in _from_json(document(data)) if is_json else _from_csv(data):
        rows[case] += 1
        if len(rows) > MAX_CHECKS:
            break
        if not has_index:
            wholes.add(case)
    return foreign("pandera", None, [_check(case, None if case in wholes else count) for case, count in rows.items()])


def _check(case: Case, failed: int | None) -> ForeignCheck:
    context, column, check, _ = case
    columns = (column,) if column and context == "Column" else ()
    return ForeignCheck(hashed(*case), word(check), columns, Outcome.FAIL, failed=failed)


def _from_json(root: Node) -> Iterator[tuple[Case, bool]]:
    rows = root.items() if isinstance(root.value, list) else _turned(root)
    for row in rows:
        if not row.member("check"):
            raise MalformedError(f"{row.path} names no check")
        yield tuple(_spelt(row.member(name)) for name in _NAMES), bool(row.member("index"))


def _turned(root: Node) -> list[Node]:
    columns = {name: list(root.member(name).values()) for name in (*_NAMES, "index")}
    heights = {len(column) for column in columns.values() if column}
    if len(heights) > 1:
        raise MalformedError("the columns of the failure cases are of different lengths")
    return [
        Node({name: column[number].value for name, column in columns.items() if column}, f"row {number}")
        for number in range(max(heights, default=0))
    ]


def _spelt(node: Node) -> str:
    number = getattr(node.value, "text", None)
    return _written(number if number is not None and len(number) < MAX_TEXT else node.text() or "")


def _written(text: str) -> str:
    """The number of a check is a fraction where a frame made one of it, because other checks have none."""
    return text.removesuffix(".0")


def _from_csv(data: bytes) -> Iterator[tuple[Case, bool]]:
    if len(data) > _MAX_CSV_BYTES:
        raise MalformedError(f"document has {len(data)} bytes, at most {_MAX_CSV_BYTES} are allowed")
    try:
        reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline=""), strict=True)
        header = next(reader, [])
        if missing := sorted({"column", "check"} - set(header)):
            raise MalformedError(f"the failure cases have no column {missing[0]!r}")
        places = [header.index(name) if name in header else None for name in _NAMES]
        index = header.index("index") if "index" in header else None
        for row in filter(None, reader):
            if len(row) != len(header):
                raise MalformedError(f"line {reader.line_num} has {len(row)} values, expected {len(header)}")
            yield (
                tuple("" if place is None else _written(row[place][:MAX_TEXT]) for place in places),
                index is not None and bool(row[index]),
            )
    except UnicodeDecodeError as error:
        raise MalformedError(f"document is not UTF-8 at byte {error.start}") from error
    except csv.Error as error:
        raise MalformedError(f"document is no CSV: {error}") from error
