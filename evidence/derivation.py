"""How far a deletion reaches: every stream that a stranger needs to find again what derives from its targets.

An edge out of a dataset is stated by an event that names the dataset, and is drawn from everything that the event's run
says. So the streams of all reached datasets and jobs, and those of all runs that named one of them, hold every edge
that could lead further; whoever has them complete can walk the same way and must arrive at the same datasets.

They are those of the lineage as it stands now, and therefore hold the lineage that each plan was made from, too: what was
recorded since can have added to it, and takes nothing back here.

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
from proofs.errors import MalformedError
from proofs.limits import MAX_STREAMS
from proofs.statement import Node, node_of
from proofs.streams import CONTINUED


def streams_of_deletion(log: Ledger, request: str) -> set[str]:
    """Return the names of the streams, `request` among them; it alone where the log has no entry in it.

    Args:
        request: The stream of the request, as filed.
    """
    records = list(log.stream(request))
    if not records:
        return {request}
    seeds = {node for record in records for node in _targets(_document(record))}
    with log.viewing(LineageProjection()) as db:
        reached = query.closure(db, seeds, node_limit=None, taken_back=True).distance
    recorded = _Recorded(log)
    names = {request, *(node.id for node in reached)}
    return names | recorded.runs(names)


def _document(record: Record) -> dict[str, Any]:
    try:
        body: Any = jsonstrict.loads_foreign(record.body) if record.body else None
    except MalformedError:
        body = None  # anybody may append to a request's stream; what says nothing names nothing
    return body if isinstance(body, dict) else {}


def _targets(body: dict[str, Any]) -> Iterator[Node]:
    """The datasets that an event of the request is about, wherever the deletion's bodies name them."""
    targets = [target.get("dataset") for target in _array(body, "targets") if isinstance(target, dict)]
    for value in (body.get("dataset"), *_array(body, "datasets"), *_array(body, "seeds"), *targets):
        if (node := node_of(value, "dataset")) is not None:
            yield node


def _array(body: dict[str, Any], member: str) -> list[Any]:
    value = body.get(member)
    return value if isinstance(value, list) else []


class _Recorded:
    """Entries of streams, each event with those that continue it, read once."""

    def __init__(self, log: Ledger) -> None:
        self._log = log
        self._parents: dict[int, int] = {}  # of every entry that was read; an event's own entry is its own
        self._streams: dict[int, frozenset[str]] = {}  # of every event

    def runs(self, names: Iterable[str]) -> set[str]:
        """Return the streams of the runs of which an event stands in one of `names`."""
        return {run for seq in self._events_in(names) for run in self._streams[seq] if run.startswith("run:")}

    def _events_in(self, names: Iterable[str]) -> set[int]:
        seqs = {seq for name in names for _, seq, _ in self._log.positions(name)}
        for seq in sorted(seqs - self._parents.keys()):
            self._read(seq)
        return {self._parents[seq] for seq in seqs}

    def _read(self, seq: int) -> None:
        """Read the event that the entry `seq` is, or continues."""
        record = self._record(seq)
        while record.type == CONTINUED:
            record = self._record(record.seq - 1)
        parent, last = record, record
        self._parents[parent.seq] = parent.seq
        streams = set(parent.streams)
        while len(last.streams) == MAX_STREAMS and last.seq + 1 < self._log.size:
            last = self._record(last.seq + 1)
            if last.type != CONTINUED:
                break
            self._parents[last.seq] = parent.seq
            streams |= last.streams.keys()
        self._streams[parent.seq] = frozenset(streams)

    def _record(self, seq: int) -> Record:
        return next(read_seqs(self._log.store, [seq]))
