"""Only the command line's top may catch whatever comes; elsewhere a broad handler must raise again."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import pytest

TOPS = {"cli/main.py", "server/app.py"}
BROAD = {"Exception", "BaseException"}


def broad(kind: ast.expr | None) -> bool:
    match kind:
        case None:
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in BROAD
        case ast.Tuple(elts=elements):
            return any(broad(element) for element in elements)
    return False


def undoes_and_raises(handler: ast.ExceptHandler) -> bool:
    """True for `except BaseException: …; raise`, the form of a rollback: nothing is swallowed."""
    last = handler.body[-1]
    named = isinstance(handler.type, ast.Name) and handler.type.id == "BaseException"
    return named and isinstance(last, ast.Raise) and last.exc is None


def swallows(path: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.ExceptHandler(type=kind) if broad(kind) and not undoes_and_raises(node):
                yield f"{path}:{node.lineno} catches everything"
            case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=kinds):
                if any(broad(kind) for kind in kinds):
                    yield f"{path}:{node.lineno} suppresses everything"


def test_nothing_but_the_top_catches_everything(sources: Mapping[str, ast.Module]) -> None:
    below = {path: tree for path, tree in sources.items() if path not in TOPS}

    found = [swallowed for path, tree in below.items() for swallowed in swallows(path, tree)]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    "handler",
    [
        "except: pass",
        "except Exception: raise",
        "except (OSError, Exception) as error: raise ValueError from error",
        "except BaseException: pass",
        "except BaseException as error: raise ValueError from error",
    ],
)
def test_a_broad_handler_is_seen(handler: str) -> None:
    assert list(swallows("x.py", ast.parse(f"try: pass\n{handler}"))) == ["x.py:2 catches everything"]


def test_a_broad_suppress_is_seen() -> None:
    source = "import contextlib\nwith contextlib.suppress(Exception): pass"

    assert list(swallows("x.py", ast.parse(source))) == ["x.py:2 suppresses everything"]


@pytest.mark.parametrize("handler", ["except OSError: pass", "except BaseException:\n    undo()\n    raise"])
def test_a_narrow_handler_and_a_rollback_are_let_pass(handler: str) -> None:
    assert list(swallows("x.py", ast.parse(f"try: pass\n{handler}"))) == []
