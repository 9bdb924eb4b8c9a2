"""A place that outgrows these bounds is missing a seam: 350 lines, 60 a function, 6 parameters, 15 public methods."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

FILE_LINES = 350
FUNCTION_LINES = 60
PARAMETERS = 6
PUBLIC_METHODS = 15

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parameters(function: Function) -> int:
    """Count what a caller can pass, but self and cls."""
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    receiver = bool(names) and names[0] in ("self", "cls")
    return len(names) - receiver + len(given.kwonlyargs) + bool(given.vararg) + bool(given.kwarg)


def is_public_method(function: Function) -> bool:
    """True for what a caller calls: a property is a value."""
    marks = {ast.unparse(mark).rpartition(".")[2] for mark in function.decorator_list}
    return not function.name.startswith("_") and marks.isdisjoint(("property", "cached_property", "setter", "overload"))


def is_command(function: Function) -> bool:
    """True for a command of the command line, whose parameters are its options."""
    names = (ast.unparse(decorator.func) for decorator in function.decorator_list if isinstance(decorator, ast.Call))
    return any(name.rpartition(".")[2] == "command" for name in names)


def excesses(path: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            place = f"{path}:{node.lineno} {node.name}"
            if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES:
                yield f"{place} has {lines} lines"
            if (count := parameters(node)) > PARAMETERS and not is_command(node):
                yield f"{place} has {count} parameters"
        elif isinstance(node, ast.ClassDef):
            methods = [item for item in node.body if isinstance(item, Function) and is_public_method(item)]
            if len(methods) > PUBLIC_METHODS:
                yield f"{path}:{node.lineno} {node.name} has {len(methods)} public methods"


def test_no_file_has_more_than_350_lines(root: Path, sources: Mapping[str, ast.Module]) -> None:
    lines = {path: len((root / path).read_text(encoding="utf-8").splitlines()) for path in sources}

    assert {path: count for path, count in lines.items() if count > FILE_LINES} == {}


def test_no_function_signature_or_class_outgrows_its_bound(sources: Mapping[str, ast.Module]) -> None:
    found = [excess for path, tree in sources.items() for excess in excesses(path, tree)]

    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    ("source", "excess"),
    [
        ("def long():\n" + "    pass\n" * 60, "x.py:1 long has 61 lines"),
        ("def wide(a, b, c, *, d, e, f, g): pass", "x.py:1 wide has 7 parameters"),
        ("def open(a, b, c, d, e, *f, **g): pass", "x.py:1 open has 7 parameters"),
        (
            "class Big:\n" + "".join(f"    def m{n}(self): pass\n" for n in range(16)),
            "x.py:1 Big has 16 public methods",
        ),
    ],
)
def test_an_excess_is_seen(source: str, excess: str) -> None:
    assert list(excesses("x.py", ast.parse(source))) == [excess]


@pytest.mark.parametrize(
    "source",
    [
        "def long():\n" + "    pass\n" * 59,
        "class C:\n    def wide(self, a, b, c, *, d, e, f): pass",
        "class Big:\n" + "".join(f"    def m{n}(self): pass\n    def _m{n}(self): pass\n" for n in range(15)),
        "class Big:\n" + "".join(f"    @property\n    def m{n}(self): pass\n" for n in range(16)),
    ],
)
def test_what_keeps_to_the_bound_is_let_pass(source: str) -> None:
    assert list(excesses("x.py", ast.parse(source))) == []
