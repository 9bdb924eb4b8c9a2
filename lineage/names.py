"""Names as people type them: `<namespace>|<name>`, with `dataset:` or `job:` before it where it matters.

Namespaces hold colons, slashes and ports, so nothing is split at them (`arn:aws:glue:…`, `postgres://host:5432`). In
the namespace `%` is written `%25` and `|` is written `%7C`; in the name nothing is escaped. Names are compared as
received: no case is folded, no quote is removed, no alias is followed.
"""

from __future__ import annotations

import re
from typing import Final

from proofs.errors import RefusedError
from proofs.statement import Node, is_name

KINDS: Final = ("dataset", "job")
_ESCAPED: Final = re.compile(r"%(25|7C)|%")


def dataset(namespace: str, name: str) -> Node:
    """Return the dataset of this name.

    Raises:
        RefusedError: One of the two is empty or not UTF-8.
    """
    return _node("dataset", namespace, name)


def job(namespace: str, name: str) -> Node:
    """Return the job of this name.

    Raises:
        RefusedError: One of the two is empty or not UTF-8.
    """
    return _node("job", namespace, name)


def parse(text: str, *, kind: str = "dataset") -> Node:
    """Return the node that `text` names; `kind` is what it is when the text does not say.

    Raises:
        RefusedError: There is no `|`, a part is empty, or the namespace holds a `%` that is not `%25` or `%7C`.
    """
    prefix, colon, rest = text.partition(":")
    if colon and prefix in KINDS:
        kind, text = prefix, rest
    escaped, bar, name = text.partition("|")
    if not bar:
        raise RefusedError(f"{text[:200]!r} is not <namespace>|<name>", hint="write file|/data/orders.parquet")
    if any(not found[1] for found in _ESCAPED.finditer(escaped)):
        raise RefusedError(f"namespace {escaped[:200]!r} holds a % that is neither %25 nor %7C")
    return _node(kind, escaped.replace("%7C", "|").replace("%25", "%"), name)


def parse_dataset(text: str) -> Node:
    """Return the dataset that `text` names.

    Raises:
        RefusedError: It is not written so, or names a job.
    """
    node = parse(text)
    if node.kind != "dataset":
        raise RefusedError(f"{text[:120]!r} names a {node.kind}, not a dataset")
    return node


def _node(kind: str, namespace: str, name: str) -> Node:
    if not is_name(namespace) or not is_name(name):
        raise RefusedError(f"a {kind} needs a namespace and a name, both non-empty text")
    return Node(kind, namespace, name)
