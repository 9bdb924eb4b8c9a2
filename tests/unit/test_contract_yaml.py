"""YAML from anywhere: one reading, or one sentence with the line."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contracts.yamlsafe import MAX_BYTES, parse
from proofs.errors import MalformedError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: -0", {"a": 0}),
        ("a: 0.10", {"a": Decimal("0.10")}),
        ("a: -1234567890123456789012345678901234567890", {"a": -1234567890123456789012345678901234567890}),
        ("a: true\nb: false\nc: null\nd: ~\ne:", {"a": True, "b": False, "c": None, "d": None, "e": None}),
        ("a: '1'\nb: \"true\"\nc: |\n  x\n  y\n", {"a": "1", "b": "true", "c": "x\ny\n"}),
        ("a: 2026-11-20", {"a": "2026-11-20"}),
        ("a: 1.0.0", {"a": "1.0.0"}),
        ("a: y\nb: n", {"a": "y", "b": "n"}),
        ("[x, {y: [z]}]", ["x", {"y": ["z"]}]),
        ("1: a\nnull: b", {"1": "a", "null": "b"}),
        ("a: Käufe €", {"a": "Käufe €"}),
        ("just text", "just text"),
        ("\ufeffa: x", {"a": "x"}),
        ('a: "x\\u2028"', {"a": "x\u2028"}),
    ],
)
def test_a_value_is_what_everybody_reads(text: str, value: Any) -> None:
    parsed = parse(text.encode(), name="c.yaml")

    assert parsed.value == value
    assert [type(item) for item in _leaves(parsed.value)] == [type(item) for item in _leaves(value)]


def _leaves(value: Any) -> list[Any]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if inside is None else [leaf for item in inside for leaf in _leaves(item)]


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "ON", "off", "True", "FALSE", "Null", "007", "0o17", "0x1F", "1_000", "+1", "1e3", "1.5E3", ".5", "5.",
     ".inf", "-.INF", ".nan", "12:30:45", "0b11", "1" * 41, "-01", "0." + "1" * 41],
)  # fmt: skip
def test_what_readers_of_yaml_disagree_about_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match=r"^c\.yaml line 2: readers of YAML take .* for different values$"):
        parse(f"a: x\nb: {text}".encode(), name="c.yaml")

    assert parse(f"b: '{text}'".encode(), name="c.yaml").value == {"b": text}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "c.yaml: the document is empty"),
        (b"# nothing\n", "c.yaml: the document is empty"),
        (b"a: 1\nb: 2\na: 3", "c.yaml line 3: the key 'a' stands twice"),
        (b"a: {b: 1, b: 1}", "c.yaml line 1: the key 'b' stands twice"),
        (b"a: &x 1\nb: *x", "c.yaml line 1: an anchor is not read here"),
        (b"a: 1\nb: *x", "c.yaml line 2: an alias is not read here"),
        (b"a: &x [*x]", "c.yaml line 1: an anchor is not read here"),
        (b"a: 1\nb: !!python/object/apply:os.system ['true']", "c.yaml line 2: a tag is not read here"),
        (b"a: !!str 1", "c.yaml line 1: a tag is not read here"),
        (b"a: ! x", "c.yaml line 1: a tag is not read here"),
        (b"<<: {a: 1}", "c.yaml line 1: a merge key is not read here"),
        (b"? [a]\n: b", "c.yaml line 1: a key is a collection, keys are text"),
        (b"%YAML 1.1\n---\na: 1", "c.yaml line 1: a directive is not read here"),
        (b"a: 1\n---\nb: 2", "c.yaml line 2: a second document begins, one is read"),
        (b"a: 1\n\xff\xfe", "c.yaml line 2: the document is not UTF-8"),
        ("a: 1".encode("utf-16"), "c.yaml line 1: the document is not UTF-8"),
        (b"a: [1\n", "c.yaml line 2: not YAML: did not find expected ',' or ']'"),
        (b"a: b: c", "c.yaml line 1: not YAML: mapping values are not allowed in this context"),
        (b"a:\n\t- 1", "c.yaml line 2: not YAML: found character that cannot start any token"),
        (b"a: @b", "c.yaml line 1: not YAML: found character that cannot start any token"),
        (b"a: \x00", "c.yaml: not YAML: a character that YAML does not allow"),
        (b'a: "\\UFFFFFFFF"', "c.yaml line 1: not YAML: found invalid Unicode character escape code"),
        (b'a: 1\nb: "\\ud800"', "c.yaml line 2: not YAML: found invalid Unicode character escape code"),
        ("a: 1\nb: x\x85c: y".encode(), "c.yaml line 2: readers of YAML take U+0085 for different things"),
        ("a: 1\nb: x\u2028c: y".encode(), "c.yaml line 2: readers of YAML take U+2028 for different things"),
        ("a: 'x\u2029'".encode(), "c.yaml line 1: readers of YAML take U+2029 for different things"),
        ("a: x\ufeff".encode(), "c.yaml line 1: readers of YAML take U+FEFF for different things"),
        (b"[" * 33 + b"]" * 33, "c.yaml line 1: the document nests deeper than 32"),
        (b"- " * 33, "c.yaml line 1: the document nests deeper than 32"),
        (b"[" * 900_000, "c.yaml line 1: the document nests deeper than 32"),
        (b"[" + b"a," * 60_001 + b"]", "c.yaml line 1: the document has more than 60000 values"),
        (b"#" * (MAX_BYTES + 1), "c.yaml: the document has 1000001 bytes, at most 1000000 are read"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_everything_else_is_malformed_with_its_line(data: bytes, message: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse(data, name="c.yaml")

    assert str(caught.value) == message


def test_what_is_refused_only_at_its_end_is_read_by_libyaml() -> None:
    """Within every bound but the last one: 575 KB, which a reader in Python takes five seconds for."""
    data = b"".join(b"k%06d: v\n" % number for number in range(52_270)) + b"x: *a\n"

    with pytest.raises(MalformedError, match="an alias is not read here"):
        parse(data, name="c.yaml")

    assert len(data) > 570_000
    assert yaml.__with_libyaml__


def test_every_value_knows_its_line() -> None:
    parsed = parse(b"a: 1\nb:\n  - x\n  - c:\n      d: 5\n", name="c.yaml")

    assert parsed.lines == {
        (): 1,
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 1): 4,
        ("b", 1, "c"): 4,
        ("b", 1, "c", "d"): 5,
    }
    assert parsed.line(("b", 1, "c", "gone", 7)) == 4


@given(st.binary(max_size=60) | st.text("ab:-[]{}&*!|>'\"%@#\n \\Uu0129,?~<", max_size=60).map(str.encode))
def test_whatever_comes_is_read_or_malformed(data: bytes) -> None:
    with suppress(MalformedError):
        leaves = _leaves(parse(data, name="c.yaml").value)

        assert all(isinstance(leaf, str | int | Decimal | None) for leaf in leaves)
