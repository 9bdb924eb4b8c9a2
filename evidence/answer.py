"""Everything that the log says to a question at one census, read once: from here on nothing is asked of the log again.

Entries never change, and every number is bounded by the census, so that the same question gives the same answer also
when the log has grown. What can change is only what was destroyed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from evidence.heads import Handover, handovers, prove_heads
from evidence.question import Question
from evidence.redact import DESTROYED, WITHHELD, Content, Opened, check_chosen, is_open
from evidence.select import Listed, Log, Place, Selection, Shape, select
from evidence.terms import Terms
from ledger.census import CountProof, prove_counts
from ledger.checkpoint import read_checkpoint
from ledger.keys import Key, current
from ledger.log import Ledger
from ledger.record import read_record
from ledger.store import BodyRow, Store
from proofs import limits, merkle
from proofs.bundle import Head
from proofs.census import CENSUS_TAKEN
from proofs.checkpoint import Checkpoint
from proofs.counting import WHOLE_STREAMS, counted_streams
from proofs.digest import commitment
from proofs.entry import Entry, parse_entry
from proofs.errors import MalformedError, RefusedError, TamperedError
from proofs.keys import KEY_ADDED, KEY_RETIRED
from proofs.streams import CONTINUED

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Item:
    """One listed entry.

    Attributes:
        header: Its bytes.
        is_inside: It answers the question; otherwise it is context: a neighbour, a key, the census.
        parts: (pointer, part) of each.
    """

    header: bytes
    entry: Entry
    is_inside: bool
    body: Content
    parts: tuple[tuple[str, Content], ...]


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The complete key streams and the keys in use at the checkpoint.

    Attributes:
        added, retired: Seqs of the entries that say so.
    """

    added: tuple[int, ...]
    retired: tuple[int, ...]
    log: Key
    evidence: Key


@dataclass(frozen=True, slots=True)
class Answer:
    """What a bundle says.

    Attributes:
        note: The signed checkpoint, whose tree ends with the census.
        items: The listed entries, ascending; the last is the census.
        streams: Count and listed entries of each stream of the question.
        counts: Proofs by the census, sorted by name.
        subtrees: (level, index, hash) of what is not listed.
    """

    question: Question
    terms: Terms
    checkpoint: Checkpoint
    note: bytes
    items: tuple[Item, ...]
    streams: tuple[Listed, ...]
    counts: tuple[CountProof, ...]
    subtrees: tuple[tuple[int, int, bytes], ...]
    keys: KeyFacts
    handovers: tuple[Handover, ...]
    heads: tuple[Head, ...]

    @property
    def census(self) -> Entry:
        """The census's entry."""
        return self.items[-1].entry


class Headers:
    """Entries by seq, each read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[int, bytes] = {}

    def fetch(self, seqs: Iterable[int]) -> None:
        """Read entries ahead, neighbours together."""
        for start, stop in _runs(sorted({seq for seq in seqs if seq not in self._read})):
            found = self._store.headers(start, stop)
            if len(found) != stop - start:
                raise TamperedError(f"entry {start + len(found)} is not in the store")
            self._read.update(enumerate(found, start))

    def __getitem__(self, seq: int) -> bytes:
        if seq not in self._read:
            self.fetch([seq])
        return self._read[seq]

    def shape(self, seq: int) -> Shape:
        """Return what the entry says of its continuation."""
        record = read_record(self[seq], None)
        return Shape(record.type == CONTINUED, len(record.streams))


def gather(log: Ledger, question: Question, terms: Terms, *, note: bytes, opened: Opened) -> Answer:
    """Return the answer at the census with which the checkpoint `note` ends.

    Args:
        opened: The parts that the terms name, as `redact.open_parts` opened them.

    Raises:
        RefusedError: The checkpoint does not end with a census, or a part outside the answer was chosen.
        TamperedError: The checkpoint is not of this log, or stored bytes are not what was signed.
    """
    checkpoint = read_checkpoint(note, origin=log.origin).checkpoint
    headers = Headers(log.store)
    _check_census(log, headers, checkpoint)
    census = checkpoint.size - 1
    names = sorted(counted_streams(log.origin).union(window.name for window in question.streams))
    proven = prove_counts(log, names, census_seq=census)
    counts = {proof.name: proof.count for proof in proven}
    found = _select(log, headers, question, counts, census=census)
    check_chosen(terms.disclosure, found.inside)
    keys = log.keys()
    handed = handovers(log, keys, size=checkpoint.size)
    added, retired = (_seqs(log, f"type:{type}", counts) for type in (KEY_ADDED, KEY_RETIRED))
    return Answer(
        question=question,
        terms=terms,
        checkpoint=checkpoint,
        note=note,
        items=tuple(_items(log.store, headers, found, terms, opened)),
        streams=found.streams,
        counts=tuple(proven),
        subtrees=tuple(
            (level, index, log.tree.subtree(level, index)) for level, index in merkle.cover(census + 1, found.seqs)
        ),
        keys=KeyFacts(
            added, retired, *(current(keys, purpose, size=checkpoint.size) for purpose in ("log", "evidence"))
        ),
        handovers=tuple(handed),
        heads=tuple(prove_heads(log, handed, terms.since, checkpoint)),
    )


def rehearse(log: Ledger, question: Question, terms: Terms) -> None:
    """Hold what would be disclosed of the log as it stands against what the log commits to; a later census finds more.

    Raises:
        RefusedError: A part outside the answer was chosen.
        TamperedError: A stored entry or body is not the one that was appended.
    """
    names = {*(window.name for window in question.streams), *WHOLE_STREAMS}
    counts = dict.fromkeys(names, 0) | log.store.streams.counts(names)
    headers = Headers(log.store)
    found = _select(log, headers, question, counts, census=log.size - 1)
    check_chosen(terms.disclosure, found.inside)
    for start in range(0, len(found.seqs), _PAGE):
        page = found.seqs[start : start + _PAGE]
        headers.fetch({seq for here in page for seq in (here, here + 1) if seq < log.size})
        entries = {seq: _parse(headers[seq], seq) for seq in page}
        for seq in page:
            # The last entry has nobody behind it; the checkpoint holds it against what was acknowledged.
            if seq + 1 < log.size and _parse(headers[seq + 1], seq + 1).prev != merkle.leaf_hash(headers[seq]):
                raise TamperedError(f"entry {seq + 1} does not follow the stored entry {seq}", where=f"entry {seq}")
        opened = [seq for seq in page if is_open(terms.disclosure, entries[seq], is_inside=seq in found.inside)]
        for seq, body in log.store.bodies(opened).items():
            if commitment("body", body.salt, body.data) != entries[seq].body:
                raise TamperedError("stored body is not the one that the entry commits to", where=f"entry {seq}")


def _select(log: Ledger, headers: Headers, question: Question, counts: dict[str, int], *, census: int) -> Selection:
    def places(name: str, start: int, stop: int) -> list[Place]:
        found = [Place(*row) for row in log.positions(name, start, stop)]
        if stop - start > 1:
            headers.fetch(place.seq for place in found)
        return found

    return select(question, counts, Log(places, headers.shape), census=census)


def _check_census(log: Ledger, headers: Headers, checkpoint: Checkpoint) -> None:
    if not 0 < checkpoint.size <= log.size:
        raise RefusedError(f"the checkpoint is of {checkpoint.size} entries, the log holds {log.size}")
    if read_record(headers[checkpoint.size - 1], None).type != CENSUS_TAKEN:
        raise RefusedError(f"entry {checkpoint.size - 1}, with which the checkpoint ends, is not a census")
    if log.tree.root(checkpoint.size) != checkpoint.root:
        raise TamperedError(f"the first {checkpoint.size} entries are not those of the checkpoint")


def _seqs(log: Ledger, name: str, counts: dict[str, int]) -> tuple[int, ...]:
    return tuple(seq for _, seq, _ in log.positions(name, 0, counts[name]))


def _items(store: Store, headers: Headers, found: Selection, terms: Terms, opened: Opened) -> list[Item]:
    headers.fetch(found.seqs)
    items = []
    size = 0
    with store.reading():  # one moment: a body and its parts are both there, or were destroyed before
        for start in range(0, len(found.seqs), _PAGE):
            page = found.seqs[start : start + _PAGE]
            bodies = store.bodies(page)
            stored = {(row.seq, row.pointer) for row in store.parts.among(page)}
            for seq in page:
                entry = _parse(headers[seq], seq)
                is_inside = seq in found.inside
                content = _body(bodies.get(seq), is_open=is_open(terms.disclosure, entry, is_inside=is_inside))
                parts = tuple(_parts(entry, stored, opened))
                items.append(Item(headers[seq], entry, is_inside, content, parts))
                size += len(content.data)
            if size > limits.ZIP_BYTES // 2:  # in base64, and with its entries, it would not fit an archive
                raise RefusedError("the bodies of the answer are too large for one bundle", hint="narrow the times")
    return items


def _body(row: BodyRow | None, *, is_open: bool) -> Content:
    if row is None:
        return DESTROYED
    return Content("disclosed", row.salt, row.data) if is_open else WITHHELD


def _parse(header: bytes, seq: int) -> Entry:
    try:
        entry = parse_entry(header)
    except MalformedError as error:
        raise TamperedError(f"stored entry {seq} is damaged: {error.what}") from error
    if entry.seq != seq:
        raise TamperedError(f"entry {entry.seq} is stored as entry {seq}")
    return entry


def _parts(entry: Entry, stored: set[tuple[int, str]], opened: Opened) -> Iterator[tuple[str, Content]]:
    for pointer, _ in entry.parts:
        key = (entry.seq, pointer)
        yield pointer, opened.get(key, WITHHELD) if key in stored else DESTROYED


def _runs(seqs: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Half-open ranges of consecutive numbers in an ascending sequence."""
    start = 0
    for at in range(1, len(seqs) + 1):
        if at == len(seqs) or seqs[at] != seqs[at - 1] + 1:
            yield seqs[start], seqs[at - 1] + 1
            start = at
