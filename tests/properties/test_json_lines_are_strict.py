"""A file of JSON lines is taken exactly where a strict reader takes each line as an object in which no name stands twice."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.source import opened
from contracts.sources.jsonlines import JsonLines
from proofs.errors import MalformedError

PIECES = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b"\r", b" ", b"\t", b"\x0b", b"\x0c", b"\x00", b"\xff"),
    *(b"NaN", b"nan", b"-inf", b"Infinity", b"1e400", b"1E-999", b"9" * 320, b"-0", b"01", b"null", b"true"),
    *(
        b"\\ud800",
        b"\\udc00",
        b"\\u0061",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xef\xbb\xbf",
        b"\xc2\x85",
    ),
    *(b"{}", b'{"a":1}', b'"a":2,', b"[" * 1_100 + b"]" * 1_100, b"/**/", b"'"),
)
texts = st.text(st.sampled_from('ab,:[]{}nNaAiIfF eE1234567890\\"é'), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
files = st.lists(
    st.dictionaries(st.sampled_from("abc"), values, max_size=3).map(lambda row: json.dumps(row).encode()),
    min_size=1,
    max_size=4,
).map(lambda lines: b"\n".join(lines) + b"\n")


def is_strict(data: bytes) -> bool:
    """What a strict reader says, line by line."""
    lines = data.split(b"\n")
    try:
        for line in lines[: -1 if lines[-1] == b"" else None]:
            if not isinstance(orjson.loads(line), dict):
                return False
            names = json.loads(line, object_pairs_hook=lambda pairs: [name for name, _ in pairs])
            if len(set(names)) != len(names):
                return False
    except (orjson.JSONDecodeError, RecursionError):
        return False
    return True


def is_taken(data: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(data)
        try:
            with opened(JsonLines(path)):
                return True
        except MalformedError:
            return False


@settings(max_examples=100, deadline=None)
@given(files, st.data())
def test_what_is_taken_is_what_a_strict_reader_takes(data: bytes, drawn: st.DataObject) -> None:
    for _ in range(drawn.draw(st.integers(0, 2))):
        at = drawn.draw(st.integers(0, len(data)))
        data = data[:at] + drawn.draw(st.sampled_from(PIECES)) + data[at + drawn.draw(st.integers(0, 1)) :]

    if is_taken(data):
        assert is_strict(data), data
    else:
        # The engine alone refuses what a strict reader takes: a line that a carriage return parts, as no writer writes it.
        assert not is_strict(data) or b"\r" in data, data


@settings(max_examples=20, deadline=None)
@given(files)
@example(b'{"a":"x,}"}\n{"a":": nan ,"}\n{"a":"5e4321"}\n')
def test_whatever_a_text_looks_like_a_file_of_objects_is_taken(data: bytes) -> None:
    assert is_taken(data)


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":nan}',
        b'{"a":[1, -Infinity ]}',
        b'{"a":1,}',
        b'{"a":[1,\t]}',
        b'{"a":1e400}',
        b'{"a":-1.5E+999}',
        b'{"a":' + b"9" * 320 + b"}",
        b'{"a":' + b"[" * 1_100 + b"]" * 1_100 + b"}",
        b'{"a":1}\x0c',
        b"",
        b"  ",
        b"[1]",
        b"5",
    ],
)
def test_what_only_the_engine_takes_is_refused_at_its_line(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":1}\n' + line + b'\n{"a":2}\n')

    with (
        pytest.raises(MalformedError, match=r"rows\.jsonl line 2: a line is (not JSON|no object)"),
        opened(JsonLines(path)),
    ):
        pass
