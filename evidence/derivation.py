"""How far a deletion reaches: every stream that a stranger needs to find again what derives from its targets.

An edge out of a dataset is stated by an event that names the dataset, and is drawn from everything that the event's run
says. So the streams of all reached datasets and jobs, and those of all runs that named one of them, hold every edge
that could lead further; whoever has them complete can walk the same way and must arrive at the same datasets.

Source: docs/formats/lineage.md, "Closure".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ledger.log import Ledger
from ledger.record import Record, read_seqs
from lineage import query
from lineage.graph import LineageProjection
from proofs import jsonstrict
from proofs.errors import MalformedError, MissingError
from proofs.statement import Node, node_of


def streams_of_deletion(log: Ledger, request: str) -> set[str]:
    """Return the names of the streams, `request` among them.

    Args:
        request: The stream of the request, as filed.

    Raises:
        MissingError: The log has no entry in it.
    """
    records = list(log.stream(request))
    if not records:
        raise MissingError(
            f"no entry is filed under {request!r}", hint="ask for that stream to have its absence proven"
        )
    seeds = {node for record in records for node in _targets(record)}
    reached = query.closure(log.project(LineageProjection()), seeds, node_limit=None).distance
    names = {node.id for node in reached}
    return {request, *names, *_runs(log, names)}


def _targets(record: Record) -> Iterator[Node]:
    """The datasets that an event of the request is about, wherever the deletion's bodies name them."""
    try:
        body: Any = jsonstrict.loads_foreign(record.body) if record.body else None
    except MalformedError:
        return  # anybody may append to a request's stream; what says nothing names nothing
    if not isinstance(body, dict):
        return
    targets = [target.get("dataset") for target in _array(body, "targets") if isinstance(target, dict)]
    for value in (body.get("dataset"), *_array(body, "datasets"), *_array(body, "seeds"), *targets):
        if (node := node_of(value, "dataset")) is not None:
            yield node


def _array(body: dict[str, Any], member: str) -> list[Any]:
    value = body.get(member)
    return value if isinstance(value, list) else []


def _runs(log: Ledger, names: Iterable[str]) -> set[str]:
    """The streams of the runs of which an entry stands in one of `names`."""
    seqs = {seq for name in names for _, seq, _ in log.positions(name)}
    found = read_seqs(log.store, sorted(seqs), bodies=False)
    return {name for record in found for name in record.streams if name.startswith("run:")}
