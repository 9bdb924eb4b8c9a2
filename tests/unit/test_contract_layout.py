"""A CSV file in which the engine would drop something is refused; in what is accepted, the engine sees every byte."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import duckdb
import pytest

from contracts.document import parse
from contracts.layout import check_layout, count_lines
from contracts.measure import measure
from contracts.source import CsvFile, opened
from proofs.errors import MalformedError

# RFC 4180's grammar; a quoted value may lack its end at the end of the file, which is the engine's to say.
FIELD = r'(?:[^",\r\n]*|"(?:[^"]|"")*")'
RECORD = rf"{FIELD}(?:,{FIELD})*"
OPEN = r'(?:"(?:[^"]|"")*)?'
SINGLE = re.compile(rf"(?:{RECORD}\n)*(?:{RECORD}|(?:{FIELD},)*{OPEN})?")
SEVERAL = re.compile(rf"(?:(?!\n){RECORD}\n)*(?:(?!\Z){RECORD}|(?:{FIELD},)*{OPEN})?")


def accepted(path: Path, *, is_single: bool, chunk_bytes: int) -> bool:
    try:
        check_layout(path, delimiter=",", is_single=is_single, chunk_bytes=chunk_bytes)
    except MalformedError:
        return False
    return True


@pytest.mark.parametrize("is_single", [True, False])
def test_exactly_what_the_grammar_of_csv_has_is_accepted_however_it_is_read(tmp_path: Path, *, is_single: bool) -> None:
    file = tmp_path / "batch.csv"
    grammar = SINGLE if is_single else SEVERAL
    disagreed: list[tuple[str, int]] = []
    for length in range(1, 7):
        for characters in product('a",\n ', repeat=length):
            text = "a,b\n" + "".join(characters)
            file.write_bytes(text.encode())
            expected = grammar.fullmatch(text) is not None
            disagreed += [
                (text, chunk)
                for chunk in (1, 3, 64)
                if accepted(file, is_single=is_single, chunk_bytes=chunk) != expected
            ]

    assert disagreed == []


ALL = "name: t\nversion: 1.0.0\ndataset: {{namespace: s, name: t}}\nrow_count: {{min: 0}}\nschema: [{}]\n"


def rows(path: Path, content: bytes) -> list[tuple[object, ...]]:
    """What is measured of a file: refused, or every row as the engine reads it."""
    path.write_bytes(content)
    names = re.split(rb"[\r\n]", content)[0].decode("utf-8-sig").split(",")
    fields = ", ".join(f"{{name: {name}, type: string}}" for name in names)
    measurement = measure(parse(ALL.format(fields).encode()).contract, CsvFile(path))
    with opened(CsvFile(path)) as batch:
        found = batch.connection.execute(f"SELECT * FROM {batch.relation}").fetchall()
    assert len(found) == measurement.rows
    return found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nx\n\ny\n", [("x",), (None,), ("y",)]),
        (b"a\n\n\n\nx\n", [(None,), (None,), (None,), ("x",)]),
        (b"a\r\nx\r\n\r\ny\r\n", [("x",), (None,), ("y",)]),
        (b"a\n x\n  \n", [(" x",), ("  ",)]),
        (b"a,b\n 1, 2 \n", [(" 1", " 2 ")]),
        (b'a,b\n"x\n\ny","2"\n', [("x\n\ny", "2")]),
        (b'a,b\n"x ""y"" , z",\n', [('x "y" , z', None)]),
        (b'a,b\r\n" x",2\r\n3,4', [(" x", "2"), ("3", "4")]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [("1", "2")]),
    ],
)
def test_nothing_of_a_file_is_dropped(tmp_path: Path, content: bytes, expected: list[tuple[object, ...]]) -> None:
    assert rows(tmp_path / "batch.csv", content) == expected


BLANK = "a blank line stands between records of several values, and the engine would drop it"
BESIDE = "something stands between a quote and the delimiter, and the engine would drop it"


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"a,b\n1,2\n\n3,4\n", 3, BLANK),
        (b"a,b\n\n1,2\n", 2, BLANK),
        (b"a,b\n1,2\n\n", 3, BLANK),
        (b"a,b\r\n1,2\r\n\r\n3,4\r\n", 3, BLANK),
        (b"a,b\r1,2\r\r3,4\r", 3, BLANK),
        (b'a,b\n"x\n\ny","2"\n\n3,4\n', 5, BLANK),
        (b'a,b\n"x,y" ,2\n', 2, BESIDE),
        (b'a,b\n "x,y",2\n', 2, BESIDE),
        (b'a,b\n1, "maria"\n', 2, BESIDE),
        (b'a,b\n1,2\n"x\ny",3\n1,"maria" \n', 5, BESIDE),
        (b'a,b\n1,ma"ria\n', 2, BESIDE),
        (b"a,b\n" + b"1,2\n" * 3_000_000 + b"\n1,2\n", 3_000_002, BLANK),
        (b"a,b\n" + b'1,"2"\n' * 1_000_000 + b'1, "2"\n', 1_000_002, BESIDE),
    ],
    ids=range(13),
)
def test_what_the_engine_would_drop_is_refused_with_its_line_and_not_quoted(
    tmp_path: Path, content: bytes, line: int, what: str
) -> None:
    path = tmp_path / "batch.csv"

    with pytest.raises(MalformedError) as caught:
        rows(path, content)

    assert str(caught.value) == f"{path} line {line}: {what}"


@pytest.mark.parametrize(
    ("content", "delimiter"), [(b'a\tb\n1\t"2" \n', "\t"), (b'a|b\n1| "2"\n', "|"), (b'a;b\n1;"2",\n', ";")]
)
def test_a_delimiter_is_the_files_own(tmp_path: Path, content: bytes, delimiter: str) -> None:
    path = tmp_path / "batch.csv"
    path.write_bytes(content)

    with pytest.raises(MalformedError, match="something stands between a quote and the delimiter"):
        check_layout(path, delimiter=delimiter, is_single=False)
    path.write_bytes(content.replace(b" ", b"").replace(b'",', b'"'))
    check_layout(path, delimiter=delimiter, is_single=False)


def test_a_quoted_value_that_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    path.write_bytes(b'a,b\n1,"' + b"maria\n" * 1_000_000)

    with pytest.raises(MalformedError, match="a quoted value has more than 4000000 bytes") as caught:
        check_layout(path, delimiter=",", is_single=False)

    assert caught.value.where == f"{path} line 2"


def test_the_engine_still_drops_what_is_refused_here(tmp_path: Path) -> None:
    """Were it otherwise, the rule could go."""
    path = tmp_path / "batch.csv"
    path.write_bytes(b'a,b\n1,2\n\n "3" ,4\n')

    with opened(CsvFile(path)) as batch:
        found = batch.connection.execute(f"SELECT * FROM {batch.relation}").fetchall()

    assert (duckdb.__version__.split(".")[0], found) == ("2", [("1", "2"), ("3", "4")])


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", 0),
        (b"a,b", 1),
        (b"a,b\n1,2\n", 2),
        (b"a,b\n1,2", 2),
        (b"a,b\n\n1,2\n", 3),
        (b"a,b\n" + b"1,2\n" * 100_000, 100_001),
        (b'a,b\n"1",2\n', None),
        (b"a,b\r\n1,2\r\n", None),
        (b"1,2\n" * 100_000 + b'"', None),
    ],
)
def test_lines_are_counted_where_nothing_is_quoted_and_every_byte_is_handed_on(
    tmp_path: Path, data: bytes, lines: int | None
) -> None:
    path = tmp_path / "batch.csv"
    path.write_bytes(data)
    taken: list[bytes] = []

    assert count_lines(path, taken.append) == lines
    assert b"".join(taken) == data


@pytest.mark.parametrize(
    ("content", "line"), [(b"a,b\n\n1,2\n", 2), (b"a,b\n1,2\n\n3,4", 3), (b"a,b\n1,2\n\n", 3), (b"a,b\n\n", 2)]
)
def test_a_line_that_the_engine_passed_over_is_named(tmp_path: Path, content: bytes, line: int) -> None:
    with pytest.raises(MalformedError) as error:
        rows(tmp_path / "batch.csv", content)

    assert "blank line" in error.value.what
    assert error.value.where.endswith(f"line {line}")
