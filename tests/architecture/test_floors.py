"""Imports go down, never up, never sideways; an import inside a function counts."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest


class Floor(NamedTuple):
    below: frozenset[str]
    libraries: frozenset[str]


def floor(below: str = "", libraries: str = "") -> Floor:
    return Floor(frozenset(below.split()), frozenset(libraries.split()))


FLOORS = {
    "proofs": floor(),
    "ledger": floor("proofs", "cryptography openlineage orjson psycopg pydantic sqlite_utils"),
    "lineage": floor(
        "proofs ledger", "duckdb jsonschema_rs networkx openlineage orjson prov pydantic sqlglot sqlite_utils urllib3"
    ),
    "contracts": floor(
        "proofs ledger",
        "airflow chromadb confluent_kafka dagster dbt dbt_common deltalake duckdb fsspec lancedb orjson psycopg"
        " pyarrow pydantic pyiceberg sqlite_utils urllib3 yaml",
    ),
    "evidence": floor("proofs ledger lineage contracts", "cryptography duckdb networkx orjson pydantic rich"),
    "server": floor(
        "proofs ledger lineage contracts evidence",
        "jwt openlineage orjson prometheus_client pydantic starlette uvicorn zstandard",
    ),
    "cli": floor("proofs ledger lineage contracts evidence", "click duckdb networkx orjson pydantic rich"),
}

# The judge may use a faster Ed25519, or ML-DSA, where there is one, and must start without: not at import, only here.
FASTER = {"proofs/cosignature.py", "proofs/ed25519.py"}

# Run by another engine's own interpreter, and imported by nobody: each may have that engine, and nothing of ours.
ELSEWHERE = {
    "contracts/engines/run_gx.py": frozenset(("great_expectations", "pandas")),
    "contracts/engines/run_soda.py": frozenset(("duckdb", "soda")),
}

# What a producer imports: it must not bring a server or a database engine with it.
CLIENT = (
    "ledger.client",
    "ledger.clock",
    "ledger.durable",
    "ledger.event",
    "ledger.openlineage",
    "ledger.run",
    "ledger.sqlitefile",
)
# The one that also writes straight into an embedded ledger imports that when it is asked to, and not before.
EMBEDDED = "ledger/client/openlineage.py"
CLIENT_LIBRARIES = frozenset(("openlineage", "orjson", "pydantic"))


class Import(NamedTuple):
    name: str  # dotted, as far as the statement says
    line: int
    lazy: bool  # inside a function, or for type checkers alone


def imports(tree: ast.AST, package: str, *, lazy: bool = False) -> Iterator[Import]:
    """Yield what `tree` imports, also by `import_module("…")`; `package` resolves relative imports."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names=names):
                yield from (Import(alias.name, node.lineno, lazy) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                start = ".".join(package.split(".")[: len(package.split(".")) - level + 1]) if level else ""
                prefix = ".".join(part for part in (start, module) if part)
                yield from (Import(f"{prefix}.{alias.name}", node.lineno, lazy) for alias in names)
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(name))]):
                if called in ("import_module", "__import__"):
                    yield Import(name, node.lineno, lazy)
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse
        yield from imports(node, package, lazy=lazy or inside or typing)


def strays(path: str, tree: ast.AST) -> list[str]:
    """Return one sentence for each import that `path` may not have."""
    package = path.rpartition("/")[0].replace("/", ".")
    return [
        f"{path}:{found.line} may not import {found.name}"
        for found in imports(tree, package)
        if not allowed(path, found)
    ]


def allowed(path: str, found: Import) -> bool:
    top = found.name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return True
    if path.startswith("ledger/client/") and top != "proofs":
        if path == EMBEDDED and found.lazy and top == "ledger":
            return True
        return top in CLIENT_LIBRARIES or any(f"{found.name}.".startswith(f"{name}.") for name in CLIENT)
    if path in FASTER and top == "cryptography":
        return found.lazy
    if path in ELSEWHERE:
        return found.lazy and top in ELSEWHERE[path]
    own = path.partition("/")[0]
    return top == own or top in FLOORS[own].below or top in FLOORS[own].libraries


def test_imports_go_down(packaged: Mapping[str, ast.Module]) -> None:
    found = [stray for path, tree in packaged.items() for stray in strays(path, tree)]

    assert found == [], "\n".join(found)


def test_every_package_stands_on_a_floor(packaged: Mapping[str, ast.Module]) -> None:
    assert {path.partition("/")[0] for path in packaged} <= set(FLOORS)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("proofs/merkle.py", "import ledger.event"),
        ("proofs/merkle.py", "def late():\n    from ledger import event"),
        ("proofs/merkle.py", "import cryptography.hazmat"),
        ("proofs/merkle.py", "def late():\n    import cryptography"),
        ("proofs/ed25519.py", "from cryptography import exceptions"),
        ("proofs/ed25519.py", "try:\n    import cryptography\nexcept ImportError:\n    pass"),
        ("proofs/bundle.py", "import importlib\nimportlib.import_module('orjson')"),
        ("ledger/append.py", "from evidence import seal"),
        ("ledger/append.py", "import duckdb"),
        ("ledger/append.py", "import tests.conftest"),
        ("ledger/client/outbox.py", "from ledger import append"),
        ("ledger/client/outbox.py", "from ledger.events import Event"),
        ("ledger/client/outbox.py", "import duckdb"),
        ("ledger/client/outbox.py", "def late():\n    import ledger"),
        ("ledger/client/openlineage.py", "import ledger"),
        ("ledger/client/outbox.py", "from ..append import Log"),
        ("lineage/graph.py", "from contracts import model"),
        ("contracts/registry/lint.py", "import lineage"),
        ("contracts/engines/run_gx.py", "def late():\n    import contracts.model"),
        ("contracts/engines/run_soda.py", "import duckdb"),
        ("evidence/seal.py", "import cli.output"),
        ("cli/main.py", "from server import app"),
    ],
)
def test_an_import_up_or_sideways_is_seen(path: str, source: str) -> None:
    assert len(strays(path, ast.parse(source))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("proofs/merkle.py", "from hashlib import sha256\nfrom proofs import limits\nfrom . import errors"),
        ("proofs/ed25519.py", "def verify():\n    from cryptography import exceptions"),
        ("proofs/ed25519.py", "if TYPE_CHECKING:\n    from cryptography import exceptions"),
        ("ledger/client/outbox.py", "from ledger.event import Event\nfrom proofs import errors\nfrom . import retry"),
        ("lineage/deletion/plan.py", "from ..graph import Graph\nfrom ledger import projection"),
        ("cli/main.py", "import click\nfrom evidence import seal"),
    ],
)
def test_an_import_downwards_is_let_pass(path: str, source: str) -> None:
    assert strays(path, ast.parse(source)) == []
