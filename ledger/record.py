"""A stored event as readers see it: its header, and its body while that exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ledger.store import Store
from proofs.digest import leaf_hash
from proofs.entry import Entry, parse_entry
from proofs.errors import MalformedError
from proofs.streams import CONTINUED, stream_name

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Record:
    """One entry with its body.

    Attributes:
        header: The entry's bytes.
        body: The body's bytes; None when it was destroyed, or was not read.
    """

    seq: int
    at: str
    id: str
    source: str
    type: str
    streams: Mapping[str, int]
    header: bytes
    body: bytes | None

    @property
    def entry(self) -> Entry:
        """The header, held to the whole grammar."""
        return parse_entry(self.header)

    @property
    def datacontenttype(self) -> str | None:
        """The attribute of that name; None without one."""
        # Most events have none, and a search is a hundred times quicker than the grammar.
        return self.entry.datacontenttype if b'"datacontenttype":' in self.header else None

    @property
    def leaf(self) -> bytes:
        """The entry's leaf hash, 32 bytes."""
        return leaf_hash(self.header)

    def json(self) -> Any:
        """Return the body's JSON value; None without one."""
        if not self.body:
            return None
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise MalformedError(f"the body of entry {self.seq} is not JSON") from error


def read_record(header: bytes, body: bytes | None) -> Record:
    """Return the record of stored bytes, trusting that `append` printed them; `ledger.fsck` is what checks that."""
    try:
        members = orjson.loads(header)
        return Record(
            seq=members["seq"],
            at=members["at"],
            id=members["id"],
            source=members["source"],
            type=members["type"],
            streams=members["streams"],
            header=header,
            body=body,
        )
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise MalformedError("a stored entry is damaged", hint="run `tally verify`") from error


def read_range(store: Store, start: int, stop: int, *, bodies: bool = True) -> Iterator[Record]:
    """Yield the records start ≤ seq < stop, page by page, so that a long walk holds no snapshot."""
    for first in range(start, stop, _PAGE):
        last = min(first + _PAGE, stop)
        headers = store.headers(first, last)
        found = store.bodies(range(first, last)) if bodies else {}
        for seq, header in enumerate(headers, first):
            body = found.get(seq)
            yield read_record(header, None if body is None else body.data)


def read_seqs(store: Store, seqs: Iterable[int], *, bodies: bool = True) -> Iterator[Record]:
    """Yield the records at `seqs`, in their order."""
    for seq in seqs:
        headers = store.headers(seq, seq + 1)
        if not headers:
            raise MalformedError(f"entry {seq} is not in the store")
        body = store.bodies([seq]).get(seq) if bodies else None
        yield read_record(headers[0], None if body is None else body.data)


def read_stream(store: Store, name: str, seqs: Iterable[int]) -> Iterator[Record]:
    """Yield the events of the stream `name`, whose entries stand at `seqs`, in their order.

    An entry that continues an event is in the event's streams for it; what is yielded is then the event.
    """
    own = stream_name("type", CONTINUED)
    for record in read_seqs(store, seqs):
        event = record
        while event.type == CONTINUED and name not in (own, stream_name("source", record.source)):
            event = next(read_seqs(store, [event.seq - 1]))  # it stands before, with nothing else between
        yield event
