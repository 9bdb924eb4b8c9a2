"""How far a deletion reaches: every stream that a stranger needs to find again what derives from its targets.

An edge out of a dataset is stated by an event that names the dataset, and is drawn from everything that the event's run
says. So the streams of all reached datasets and jobs, and those of all runs that named one of them, hold every edge
that could lead further; whoever has them complete can walk the same way and must arrive at the same datasets.

They are those of the lineage as it stands now, and those of the lineage that each plan was made from: what was recorded
since can have taken an edge back. The latter are found by the verifier's own walk, until nothing is lacking to it.

Source: docs/formats/lineage.md, "Closure".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ledger.log import Ledger
from ledger.record import Record, read_seqs
from lineage import query
from lineage.graph import LineageProjection
from proofs import jsonstrict
from proofs.certificates import PLANNED, PLANNER
from proofs.closure import Event, Lineage
from proofs.derived import read_structure
from proofs.errors import MalformedError
from proofs.jsonstrict import Number
from proofs.limits import MAX_STREAMS
from proofs.statement import Node, node_of
from proofs.streams import CONTINUED, OPENLINEAGE_TYPES

_COUNT: Final = re.compile(r"[0-9]{1,16}\Z")


def streams_of_deletion(log: Ledger, request: str) -> set[str]:
    """Return the names of the streams, `request` among them; it alone where the log has no entry in it.

    Args:
        request: The stream of the request, as filed.
    """
    records = list(log.stream(request))
    if not records:
        return {request}
    said = [(record, _document(record)) for record in records]
    seeds = {node for _, body in said for node in _targets(body)}
    reached = query.closure(log.project(LineageProjection()), seeds, node_limit=None).distance
    recorded = _Recorded(log)
    names = {request, *(node.id for node in reached)}
    names |= recorded.runs(names)
    for size in sorted({size for record, body in said if (size := _size(record, body))}):
        # At the first step nothing is lacking, but where an edge was taken back.
        while lacking := Lineage(recorded.lineage(names), names.__contains__).walk(seeds, size).streams:
            names |= lacking
    return names


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


def _size(record: Record, body: dict[str, Any]) -> int:
    """How many entries a plan was made from; 0 for what is no plan."""
    lineage = body.get("lineage") if (record.type, record.source) == (PLANNED, PLANNER) else None
    size = lineage.get("size") if isinstance(lineage, dict) else None
    # A larger one no entry holds; what is no number of entries is no plan.
    return int(size.text) if isinstance(size, Number) and _COUNT.match(size.text) else 0


def _array(body: dict[str, Any], member: str) -> list[Any]:
    value = body.get(member)
    return value if isinstance(value, list) else []


class _Recorded:
    """Entries of streams, each event with those that continue it, read once."""

    def __init__(self, log: Ledger) -> None:
        self._log = log
        self._parents: dict[int, int] = {}  # of every entry that was read; an event's own entry is its own
        self._events: dict[int, Event] = {}
        self._is_lineage: dict[int, bool] = {}

    def runs(self, names: Iterable[str]) -> set[str]:
        """Return the streams of the runs of which an event stands in one of `names`."""
        found = (self._events[seq] for seq in self._events_in(names))
        return {name for event in found for name in event.streams if name.startswith("run:")}

    def lineage(self, names: Iterable[str]) -> list[Event]:
        """Return the OpenLineage events in the streams `names`."""
        return [self._events[seq] for seq in sorted(self._events_in(names)) if self._is_lineage[seq]]

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
        is_lineage = parent.type in OPENLINEAGE_TYPES
        body = read_structure(parent.datacontenttype, parent.body) if is_lineage and parent.body else None
        self._events[parent.seq] = Event(parent.seq, frozenset(streams), parent.body is not None, body)
        self._is_lineage[parent.seq] = is_lineage

    def _record(self, seq: int) -> Record:
        return next(read_seqs(self._log.store, [seq]))
