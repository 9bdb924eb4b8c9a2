"""A module is named for its noun and opens with its one idea; whatever is public says what the caller gets."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import pytest

EMPTY_WORDS = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc", "stuff"}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions(body: list[ast.stmt]) -> Iterator[Definition]:
    """Yield the public ones among `body`; a property's setter and an overload say nothing of their own."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            names = {
                name for mark in node.decorator_list for name in (getattr(mark, "attr", ""), getattr(mark, "id", ""))
            }
            if names.isdisjoint(("setter", "deleter", "overload", "override")):
                yield node


def promised(trees: Mapping[str, ast.Module]) -> set[str]:
    """Return the names of the methods that some Protocol documents: its drivers need not say it again."""
    protocols = (
        node
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)
    )
    return {method.name for protocol in protocols for method in definitions(protocol.body) if ast.get_docstring(method)}


def silent(path: str, tree: ast.Module, promised: set[str]) -> Iterator[str]:
    if tree.body and not ast.get_docstring(tree):
        yield f"{path} opens without its idea"
    for node in definitions(tree.body):
        if not ast.get_docstring(node):
            yield f"{path}:{node.lineno} {node.name} says nothing"
        if isinstance(node, ast.ClassDef):
            for method in definitions(node.body):
                if not ast.get_docstring(method) and method.name not in promised:
                    yield f"{path}:{method.lineno} {node.name}.{method.name} says nothing"


def test_no_module_has_a_name_that_says_nothing(files: tuple[str, ...]) -> None:
    parts = {path: {PurePosixPath(path).stem, *PurePosixPath(path).parts} for path in files if path.endswith(".py")}

    assert [path for path, names in parts.items() if names & EMPTY_WORDS] == []


def test_whatever_is_public_says_what_the_caller_gets(packaged: Mapping[str, ast.Module]) -> None:
    known = promised(packaged)

    found = [silence for path, tree in packaged.items() for silence in silent(path, tree, known)]
    assert found == [], "\n".join(found)


def test_every_script_opens_with_its_idea(sources: Mapping[str, ast.Module]) -> None:
    assert [path for path, tree in sources.items() if tree.body and not ast.get_docstring(tree)] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 1", "x.py opens without its idea"),
        ('"""Idea."""\ndef f(): pass', "x.py:2 f says nothing"),
        ('"""Idea."""\nclass C: pass', "x.py:2 C says nothing"),
        ('"""Idea."""\nclass C:\n    """C."""\n    def m(self): pass', "x.py:4 C.m says nothing"),
    ],
)
def test_silence_is_seen(source: str, found: str) -> None:
    assert list(silent("x.py", ast.parse(source), {"read"})) == [found]


def test_a_driver_need_not_repeat_its_protocol() -> None:
    protocol = '"""Seam."""\nclass Store(Protocol):\n    """A store."""\n    def read(self): """Entries."""'
    driver = '"""Driver."""\nclass Memory:\n    """In memory."""\n    def read(self): pass\n    def _secret(self): pass'

    assert promised({"x.py": ast.parse(protocol)}) == {"read"}
    assert list(silent("y.py", ast.parse(driver), {"read"})) == []
