"""Whether each entry is known again by exactly one row, and by what was received (I4), without holding rows or entries in memory.

    came with an id       identity(id, source, seq, hash)
    came without one      identity(id, source, seq, NULL)     retry(hash, seq)
    continues another     identity(id, source, seq, NULL)
    of a person erased    identity(id, source, seq, NULL)

With the vault's key, and its parts put back, the hash of an entry is made again. Rows and entries are walked in their own order
and summed as keyed hashes; only where the sums differ are rows looked up one by one, to name those that are wrong. Which of the
four an entry is, its rows tell: two bits for each entry are kept of them, and what they say must be possible.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from ledger.finding import Findings
from ledger.recognition import content_hash, printed_members
from ledger.store import Store
from proofs.entry import Entry
from proofs.streams import CONTINUED

SUM_MASK: Final = (1 << 64) - 1
_PAGE: Final = 2_000
_OTHER: Final = "is of something else, or keyed by another vault"
_TRACEPARENT: Final = b'"traceparent":"'


@dataclass(frozen=True, slots=True)
class Received:
    """What is known of an entry's event as it was received.

    Attributes:
        data: With all parts in their places; None where they cannot be told.
        is_erased: A part of it is gone, and by an erasure, as far as anybody here knows.
    """

    data: bytes | None
    is_erased: bool = False


class Bits:
    """One bit for each entry."""

    def __init__(self, size: int) -> None:
        self.bytes = bytearray((size + 7) // 8)  # of entry n the bit n % 8 of byte n // 8
        self._size = size

    def add(self, seq: int) -> bool:
        """Set the bit of `seq`; False when there is no such entry, or it was set."""
        bit = 1 << (seq & 7)
        if not 0 <= seq < self._size or self.bytes[seq >> 3] & bit:
            return False
        self.bytes[seq >> 3] |= bit
        return True

    def __contains__(self, seq: int) -> bool:
        return bool(self.bytes[seq >> 3] >> (seq & 7) & 1)


class Identities:
    """The rows of one ledger, read when this is made, and what its entries say that they must be."""

    def __init__(self, store: Store, size: int, findings: Findings, *, key: bytes | None) -> None:
        """Read the rows.

        Args:
            key: Of the hashes; without it nobody can say what they must be.
        """
        self._store = store
        self._size = size
        self._findings = findings
        self._key = key
        # Python's own hash of text is SipHash under a key that it draws at its start; this keys it where that was switched
        # off. Sums of such hashes are equal when the rows are the same in any order, and else with a chance of 1 in 2^64.
        self._salt = secrets.token_hex(8)
        self._blank = Bits(size)  # of the entries whose identity has no hash
        self._retried = Bits(size)  # of those that a retry hash leads to
        self._count = 0
        self._found = self._found_retries = 0
        self._expected = self._expected_retries = 0
        self._untold: set[int] = set()  # entries whose retry hash nobody here can make again
        self._read_identities()
        self._read_retries()

    def _read_identities(self) -> None:
        total = count = 0
        salt, is_keyed, blank = self._salt, self._key is not None, self._blank
        for id, source, seq, content in self._store.identities.walk():
            said = ""
            if content is None:
                blank.add(seq)
            elif is_keyed:
                said = content.hex()
            total += hash(f"{salt}{seq}\0{id}\0{source}\0{said}")
            count += 1
            if not count % _PAGE:
                total &= SUM_MASK
        self._found, self._count = total & SUM_MASK, count

    def _read_retries(self) -> None:
        total, salt, add = 0, self._salt, self._retried.add
        for content, seq in self._store.identities.walk_retries():
            if not add(seq):
                is_there = 0 <= seq < self._size
                what = (
                    "there are two retry hashes"
                    if is_there
                    else f"there is a retry hash, and the log holds {self._size} entries"
                )
                self._findings.add("identity", f"retry of entry {seq}", what)
            total = (total + hash(f"{salt}{seq}\0{content.hex()}")) & SUM_MASK
        self._found_retries = total

    def _row_hash(self, seq: int, id: str, source: str, content: bytes | None) -> int:
        said = content.hex() if content is not None and self._key is not None else ""
        return hash(f"{self._salt}{seq}\0{id}\0{source}\0{said}")

    def expect_plain(self, seq: int, id: str, source: str, printed: bytes, data: bytes) -> None:
        """Count what an entry without parts must be known by; `printed` are its members from `id` on, in ASCII."""
        if _TRACEPARENT in printed:
            printed = _without_traceparent(printed)
        said, key, byte, bit = "", self._key, seq >> 3, seq & 7
        is_blank, is_retried = self._blank.bytes[byte] >> bit & 1, self._retried.bytes[byte] >> bit & 1
        if is_blank or is_retried:
            nameless = printed[len(id) + len('"id":"",') :]
            if key is not None and is_blank and is_retried:
                self._expected_retries += hash(f"{self._salt}{seq}\0{content_hash(key, nameless, data).hex()}")
            else:
                self._expect_blank(seq, Received(data), nameless)
        if key is not None and not is_blank:
            said = content_hash(key, printed, data).hex()
        self._expected += hash(f"{self._salt}{seq}\0{id}\0{source}\0{said}")

    def expect(self, seq: int, entry: Entry, received: Received) -> None:
        """Count what any other entry, the one at `seq`, must be known by."""
        content = None
        if entry.type == CONTINUED:
            pass  # nobody sends it again
        elif seq in self._blank or seq in self._retried or received.is_erased:
            self._expect_blank(seq, received, printed_members(entry, with_id=False))
            content = None if seq in self._blank else self._stored(seq, entry)
        elif self._key is None or received.data is None:
            content = self._stored(seq, entry)
        else:
            content = content_hash(self._key, printed_members(entry, with_id=True), received.data)
        self._expected += self._row_hash(seq, entry.id, entry.source, content)

    def settle(self) -> None:
        """Keep the sums small, now and then."""
        self._expected &= SUM_MASK
        self._expected_retries &= SUM_MASK

    def _expect_blank(self, seq: int, received: Received, printed: bytes) -> None:
        """Hold together what the two tables say of an entry of which not the one hash that most have is there."""
        is_blank, is_retried = seq in self._blank, seq in self._retried
        if received.is_erased:
            if self._key is not None and (is_retried or not is_blank):
                self._add(seq, "one of its parts was erased, and the hash by which its event is known again was not")
        elif not is_retried:
            self._add(
                seq,
                "the hash by which its event is known again is missing: it was taken out, or the entry written without the vault",
            )
        elif not is_blank:
            self._add(seq, "it has a hash as an event with an id, and one as an event without")
        if not is_retried:
            return
        if self._key is None or received.data is None or not is_blank:
            self._untold.add(seq)
        else:
            content = content_hash(self._key, printed, received.data)
            self._expected_retries += hash(f"{self._salt}{seq}\0{content.hex()}")

    def _stored(self, seq: int, entry: Entry) -> bytes | None:
        """The hash that is stored, where nobody here can say what it must be."""
        if self._key is None:
            return None  # of no hash is more said than that it is there
        row = self._store.identities.find(entry.id, entry.source)
        return row[1] if row is not None and row[0] == seq else None

    def compare(self, received: Callable[[int, int], Iterator[tuple[int, Entry, Received]]]) -> None:
        """Report entries without their rows, rows without their entry, and hashes of something else.

        Args:
            received: Gives the entries from one seq to another that can be read, and their events: asked only when needed.
        """
        self.settle()
        is_same = (self._found, self._count) == (self._expected, self._size)
        if is_same and (self._key is None or self._retries_told() == self._expected_retries):
            return
        for start in range(0, self._size, _PAGE):
            stop = min(start + _PAGE, self._size)
            for seq, identity in _identities(self._store, start, stop):
                self._name_entry(seq, identity)
            for seq, entry, event in received(start, stop):
                self._name_hash(seq, entry, event)
        self._name_rows()

    def _retries_told(self) -> int:
        """The sum over the retry hashes that somebody here can make again."""
        if not self._untold:
            return self._found_retries
        rows = self._store.identities.walk_retries()
        return (
            sum(hash(f"{self._salt}{seq}\0{content.hex()}") for content, seq in rows if seq not in self._untold)
            & SUM_MASK
        )

    def _name_entry(self, seq: int, identity: tuple[str, str]) -> None:
        row = self._store.identities.find(*identity)
        if row is None:
            self._add(seq, "it has no identity row, so that it could be recorded twice")
        elif row[0] != seq:
            self._add(seq, f"its id and source are known as entry {row[0]}")

    def _name_hash(self, seq: int, entry: Entry, received: Received) -> None:
        row = self._store.identities.find(entry.id, entry.source)
        if row is None or row[0] != seq or received.is_erased:
            return
        if entry.type == CONTINUED:
            if row[1] is not None:
                self._add(seq, "it continues another entry, and has a hash by which an event would be known again")
        elif self._key is None or received.data is None:
            return
        elif row[1] is not None:
            if row[1] != content_hash(self._key, printed_members(entry, with_id=True), received.data):
                self._add(seq, f"the hash by which its event is known again {_OTHER}")
        elif seq in self._retried and seq not in self._untold:
            content = content_hash(self._key, printed_members(entry, with_id=False), received.data)
            if self._store.identities.find_retry(content) != seq:
                self._add(seq, f"the hash by which its event, which came without an id, is known again {_OTHER}")

    def _name_rows(self) -> None:
        for id, source, seq, _ in self._store.identities.walk():
            known = dict(_identities(self._store, seq, seq + 1)) if 0 <= seq < self._size else {}
            if known.get(seq) != (id, source):
                what = f"it is said to be entry {seq}, which is another or none"
                self._findings.add("identity", f"identity {id} of {source}", what)

    def _add(self, seq: int, what: str) -> None:
        self._findings.add("identity", f"entry {seq}", what)


def _identities(store: Store, start: int, stop: int) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield (seq, (id, source)) of the entries that can be read, by what they say themselves."""
    for header in store.headers(start, stop):
        try:
            members = orjson.loads(header)
            seq, id, source = members["seq"], members["id"], members["source"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
        if isinstance(seq, int) and isinstance(id, str) and isinstance(source, str):
            yield seq, (id, source)


def _without_traceparent(printed: bytes) -> bytes:
    """Members in which no value has a quote, without that one."""
    start = printed.index(_TRACEPARENT)
    return printed[:start] + printed[printed.index(b'",', start) + 2 :]
