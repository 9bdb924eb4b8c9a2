"""Every JSON file of a bundle in every other spelling of the same value, sealed again: one spelling is accepted (I15)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from proofs.view import verify_bundle

DOCUMENTS = ("scope", "consistency", "keys", "census", "proofs", "lineage", "statement")
LINES = ("entries", "bodies", "parts")

Respell = Callable[[bytes], bytes]


def reordered(data: bytes) -> bytes:
    """The same object with its members the other way round."""
    members = json.loads(data)
    return json.dumps(dict(reversed(members.items())), ensure_ascii=False, separators=(",", ":")).encode()


def with_member(text: bytes) -> Respell:
    return lambda data: b"{" + text + b"," + data.removeprefix(b"{")


def doubled(data: bytes) -> bytes:
    """The same object with its first member twice."""
    name = next(iter(json.loads(data)))
    member = json.dumps({name: json.loads(data)[name]}, ensure_ascii=False, separators=(",", ":")).encode()
    return b"{" + member.removeprefix(b"{").removesuffix(b"}") + b"," + data.removeprefix(b"{")


SPELLINGS: dict[str, Respell] = {
    "a space behind a colon": lambda data: data.replace(b":", b": ", 1),
    "a space behind a comma": lambda data: data.replace(b',"', b', "', 1),
    "a space at the end": lambda data: data + b" ",
    "a carriage return": lambda data: data + b"\r",
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "a fraction": lambda data: re.sub(rb"([:,\[])([0-9]+)([,}\]])", rb"\1\2.0\3", data, count=1),
    "an exponent": lambda data: re.sub(rb"([:,\[])([0-9]+)([,}\]])", rb"\1\2e0\3", data, count=1),
    "a leading zero": lambda data: re.sub(rb"([:,\[])([0-9]+)([,}\]])", rb"\g<1>0\2\3", data, count=1),
    "an escaped letter": lambda data: re.sub(rb'"([a-z])', lambda m: b'"\\u%04x' % m[1][0], data, count=1),
    "members in another order": reordered,
    "a member twice": doubled,
    "a member that nobody knows": with_member(b'"!":1'),
    "a member that is null": with_member(b'"!":null'),
    "an array around it": lambda data: b"[" + data + b"]",
    "nothing": lambda data: b"",
    "no text": lambda data: data.replace(b'"', b"\xff", 1),
    "a nesting that is too deep": lambda data: b"[" * 200 + b"]" * 200,
}


def sealed(issuer: ModuleType, path: str, change: Respell) -> tuple[bytes, bytes]:
    """A bundle of the world `churn` in which one file was changed before it was sealed, and the trust file for it."""
    ledger, question = issuer.churn()
    if path == "data/statement.json":
        lies = issuer.Lies(statement=change)
    else:
        lies = issuer.Lies(files=lambda files: files.update({path: change(files[path])}))
    return issuer.issue(ledger, question, lies), ledger.trust()


def respelled(issuer: ModuleType, path: str, respell: Respell, *, line: int | None = None) -> tuple[bytes, bytes]:
    """A bundle with one document in another spelling, and the trust file for it."""

    def change(data: bytes) -> bytes:
        lines = data.split(b"\n")
        at = 0 if line is None else line - 1
        before = lines[at]
        lines[at] = respell(before)
        assert lines[at] != before, "this spelling is none"
        return b"\n".join(lines)

    return sealed(issuer, path, change)


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_I15_a_document_has_one_spelling(name: str, spelling: str, issuer: ModuleType) -> None:
    path = f"data/{name}.json"
    data, trust = respelled(issuer, path, SPELLINGS[spelling])

    verdict = verify_bundle(data, trust=trust)

    assert verdict.failure is not None
    # lineage.json is not read but made again: a member more is another graph.
    words = (
        {"malformed", "tampered"} if (name, spelling) == ("lineage", "a member that nobody knows") else {"malformed"}
    )
    if name == "lineage" and spelling == "an array around it":
        words = {"tampered"}
    assert verdict.word in words, verdict.failure
    assert verdict.failure.where == path


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_I15_a_line_has_one_spelling(name: str, spelling: str, issuer: ModuleType) -> None:
    path = f"data/{name}.jsonl"
    data, trust = respelled(issuer, path, SPELLINGS[spelling], line=2)

    verdict = verify_bundle(data, trust=trust)

    assert verdict.failure is not None
    assert (verdict.word, verdict.failure.where) == ("malformed", f"{path} line 2")


@pytest.mark.parametrize(
    "path", [*(f"data/{name}.json" for name in DOCUMENTS), *(f"data/{name}.jsonl" for name in LINES)]
)
@pytest.mark.parametrize("end", [b"", b"\n\n", b"\r\n", b" \n", b"\n\0"])
def test_I15_a_file_ends_in_one_newline(path: str, end: bytes, issuer: ModuleType) -> None:
    def change(data: bytes) -> bytes:
        return data.removesuffix(b"\n") + end

    data, trust = sealed(issuer, path, change)

    verdict = verify_bundle(data, trust=trust)

    assert verdict.failure is not None
    assert verdict.word == "malformed"
    assert verdict.failure.where.startswith(path)


def put(value: object, *path: str | int) -> Callable[[dict[str, Any]], None]:
    """An edit of a document: `value` in the place `path`."""

    def edit(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("scope", put("9", "control", "entries")),
        ("scope", put(True, "control", "bodies", "withheld")),
        ("scope", put(-1, "control", "parts", "disclosed")),
        ("scope", put("x", "control", "streams", 0, "count")),
        ("scope", put([], "control", "streams", 0, "listed")),
        ("scope", put("", "control", "streams", 0, "name")),
        ("scope", put("1", "control", "types", "tallystick.ledger.created.v1")),
        ("scope", put({}, "control")),
        ("scope", put(2, "v")),
        ("keys", put(2, "v")),
        ("keys", put("x", "evidence")),
        ("consistency", put(2, "v")),
        ("census", put(2, "v")),
        ("census", put("x", "seq")),
        ("proofs", put(2, "v")),
        ("proofs", put("abc", "subtrees", 0)),
        ("proofs", put([0, -1, "ab" * 32], "subtrees", 0)),
        ("proofs", put([0, True, "ab" * 32], "subtrees", 0)),
        ("proofs", put([0, 3, "xy" * 32], "subtrees", 0)),
        ("statement", put("https://in-toto.io/Statement/v2", "_type")),
        ("statement", put("13", "predicate", "size")),
        ("statement", put("12", "predicate", "census")),
        ("statement", put(1, "predicate", "origin")),
        ("statement", put("x", "predicate", "root")),
        ("statement", put(1, "subject", 0, "name")),
        ("statement", put("x", "subject", 0, "digest", "sha256")),
        ("statement", put({"sha512": "x"}, "subject", 0, "digest")),
    ],
)
def test_a_document_of_another_shape_is_malformed(
    name: str, edit: Callable[[dict[str, Any]], None], issuer: ModuleType
) -> None:
    def reshaped(data: bytes) -> bytes:
        document = json.loads(data)
        edit(document)
        return bytes(issuer.dump(document)) + b"\n"

    path = f"data/{name}.json"
    data, trust = sealed(issuer, path, reshaped)

    verdict = verify_bundle(data, trust=trust)

    assert verdict.failure is not None
    assert (verdict.word, verdict.failure.where) == ("malformed", path), verdict.failure
