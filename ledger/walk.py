"""Every entry again, from its stored bytes: grammar, chain, time, filing, commitments, tiles, roots.

Most entries are plain: their header is what the event, the body and the log so far make it, byte for byte. Those are held
against a print of what they must be, which is cheaper than taking them apart and accepts nothing that the grammar refuses.
Every other entry is taken apart, by `ledger.scrutiny`, which finds the words for what is wrong.

Source: docs/formats/entry.md, bodies.md, streams.md.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from functools import lru_cache, partial
from typing import Final

import orjson

from ledger.document import read_document
from ledger.erasure import is_over
from ledger.finding import Findings
from ledger.identity import Identities, Received
from ledger.parts import Parts
from ledger.recount import Recount
from ledger.scrutiny import Scrutiny, State
from ledger.store import BodyRow, PartRow, Store
from ledger.tree import Frontier
from ledger.vaultreader import VaultReader
from proofs.digest import EMPTY_ROOT, HASH_BYTES, SALT_BYTES, commitment
from proofs.entry import LEDGER_PREFIX, Entry, parse_entry
from proofs.errors import MalformedError, RefusedError
from proofs.limits import MAX_STREAMS
from proofs.streams import claims_json, filed_document, rules_of

Progress = Callable[[int, int], None]
PAGE: Final = 2_000
_sha256: Final = hashlib.sha256
_BODY: Final = b"tallystick/body/v1\0"
_STREAMS: Final = '"streams":{'
_AT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}\.[0-9]{6}Z")
_AT_CHARACTERS: Final = 27
_LEVEL_BITS: Final = 8
_UNKNOWN_LEAF: Final = bytes(HASH_BYTES)  # keeps the place of an entry that is missing
# Printable ASCII but `"` and `\`: one byte each, so that a limit in bytes is one in characters.
_C: Final = r"[ !#-\[\]-~]"
_ATTRIBUTES: Final = re.compile(
    rf'"id":"({_C}{{1,256}})","source":"({_C}{{1,512}})","type":"({_C}{{1,128}})",'
    rf'(?:"subject":"{_C}{{1,256}}",)?(?:"time":"{_C}{{1,35}}",)?(?:"datacontenttype":"({_C}{{1,128}})",)?'
    rf'(?:"dataschema":"{_C}{{1,512}}",)?(?:"sequence":"{_C}{{1,64}}",)?(?:"traceparent":"{_C}{{1,55}}",)?'
)


class Walk:
    """One pass over all entries.

    Attributes:
        roots: Size → root of the tree, for the sizes that were asked for.
        scrutiny: What looked closely at the entries that are not plain.
    """

    def __init__(
        self,
        store: Store,
        findings: Findings,
        recount: Recount,
        *,
        origin: str,
        vault: VaultReader,
        identities: Identities | None = None,
    ) -> None:
        """Prepare the pass; `identities` are told what each entry must be known by."""
        self._store = store
        self._findings = findings
        self._recount = recount
        self._state = State()
        self._frontier = Frontier(0, [])
        self._day = ""
        self.roots = {0: EMPTY_ROOT}
        self._vault = vault
        self._identities = identities
        self._is_over = partial(is_over, store, origin=origin)
        parts = Parts(findings, vault, self._is_over)
        self.scrutiny = Scrutiny(findings, recount, self._state, origin=origin, parts=parts, identities=identities)

    def run(self, size: int, *, sizes: frozenset[int], progress: Progress | None) -> None:
        """Look at the entries before `size`; `sizes` are those whose roots are wanted."""
        wanted = sorted(sizes)
        for start in range(0, size, PAGE):
            stop = min(start + PAGE, size)
            leaves = self._page(start, stop)
            done = start
            for at in wanted[bisect_right(wanted, start) : bisect_right(wanted, stop)]:
                self._extend(leaves[done - start : at - start])
                self.roots[at], done = self._frontier.root(), at
            self._extend(leaves[done - start :])
            self._recount.settle()
            if progress is not None:
                progress(stop, size)
        self.scrutiny.close()

    def _extend(self, leaves: list[bytes]) -> None:
        """Add leaves to the tree, and hold the tiles that became full to those that are stored."""
        for tile in self._frontier.extend(leaves):
            where = f"tile {tile.level}/{tile.idx}"
            self._findings.counts["tiles"] += 1
            if (hashes := self._store.tiles.full(tile.level, tile.idx)) is None:
                self._findings.add("tile", where, "the tile is missing")
                continue
            if hashes != tile.hashes:
                self._findings.add("tile", where, "its hashes are not those of the entries")
            if self._store.tiles.roots(tile.level, tile.idx, tile.idx + 1) != [tile.root]:
                self._findings.add("tile", where, "its root is not the root over its entries")

    def check_tiles(self, size: int) -> None:
        """Report tiles beyond those that `size` entries fill."""
        for level, index in self._store.audit.tiles():
            if level < 0 or index < 0 or (index + 1) << (_LEVEL_BITS * (level + 1)) > size:
                self._findings.add("tile", f"tile {level}/{index}", f"{size} entries do not fill such a tile")

    def _page(self, start: int, stop: int) -> list[bytes]:
        headers, bodies, parts = self._rows(start, stop)
        self._findings.counts["entries"] += sum(header is not None for header in headers)
        self._findings.counts["bodies"] += len(bodies)
        if not self._recount.is_whole:
            self._recount.fetch(_stream_names(headers))
        leaves = []
        for seq, header in enumerate(headers, start):
            body = bodies.get(seq)
            if header is None:
                self.scrutiny.miss(seq, body, parts[seq])
                leaves.append(_UNKNOWN_LEAF)
                continue
            if body is None or seq in parts or not self._is_plain(seq, header, body):
                self.scrutiny.look(seq, header, body, parts.get(seq, []))
            leaf = _sha256(b"\0" + header).digest()
            self._state.prev = leaf.hex()
            leaves.append(leaf)
        if self._identities is not None:
            self._identities.settle()
        return leaves

    def received(self, start: int, stop: int) -> Iterator[tuple[int, Entry, Received]]:
        """Yield the entries start ≤ seq < stop that can be read, and their events as they were received; reports nothing."""
        headers, bodies, parts = self._rows(start, stop)
        quiet = Parts(Findings(), self._vault, self._is_over)
        for seq, header in enumerate(headers, start):
            body = bodies.get(seq)
            with suppress(MalformedError):
                entry = parse_entry(header or b"")
                if body is not None and commitment("body", body.salt, body.data) != entry.body:
                    body = None
                yield seq, entry, quiet.look(entry, body, parts.get(seq, []), "")

    def _rows(
        self, start: int, stop: int
    ) -> tuple[Sequence[bytes | None], dict[int, BodyRow], defaultdict[int, list[PartRow]]]:
        parts: defaultdict[int, list[PartRow]] = defaultdict(list)
        for row in self._store.parts.among(range(start, stop)):
            parts[row.seq].append(row)
        return self._headers(start, stop), self._store.bodies(range(start, stop)), parts

    def _headers(self, start: int, stop: int) -> Sequence[bytes | None]:
        headers = self._store.headers(start, stop)
        if len(headers) == stop - start:
            return headers
        return [next(iter(self._store.headers(seq, seq + 1)), None) for seq in range(start, stop)]

    def _is_plain(self, seq: int, header: bytes, body: BodyRow) -> bool:
        """True, and the entry is counted, when it is byte for byte what event, body and log make it."""
        state = self._state
        try:
            text = header.decode()
        except UnicodeDecodeError:
            return False
        before = f'{{"seq":{seq},"prev":"{state.prev}","at":"'
        if state.is_continued or state.closed is not None or not text.startswith(before):
            return False
        at_start = len(before)
        start = at_start + _AT_CHARACTERS + len('",')
        at = text[at_start : start - 2]
        if at != state.at and not self._is_later(at):
            return False
        stop = text.find(_STREAMS, start)
        attributes = _ATTRIBUTES.fullmatch(text, start, stop)
        if attributes is None or text[start - 2 : start] != '",' or len(body.salt) != SALT_BYTES:
            return False
        id, source, type, datacontenttype = attributes.groups()
        names = _filed(type, source, datacontenttype, body.data)
        if type.startswith(LEDGER_PREFIX) or len(names) >= MAX_STREAMS:
            return False
        counts = self._recount.counts
        count = counts.get
        positions = ",".join([f'"{name}":{count(name, 0)}' for name in names])
        digest = _sha256(_BODY + body.salt + body.data).hexdigest()
        if text[stop:] != f'{_STREAMS}{positions}}},"body":"{digest}"}}':
            return False
        for name in names:
            counts[name] = count(name, 0) + 1
        self._recount.touched.append(names)
        if self._identities is not None:  # all that is matched before `stop` is ASCII
            self._identities.expect_plain(seq, id, source, header[start:stop], body.data)
        state.at = at
        return True

    def _is_later(self, at: str) -> bool:
        """True when `at` is a real time and not before that of the last entry."""
        found = _AT.fullmatch(at)
        if found is None or at < self._state.at:
            return False
        if found[1] != self._day:
            try:
                date.fromisoformat(found[1])
            except ValueError:
                return False
            self._day = found[1]
        return True


def _filed(type: str, source: str, datacontenttype: str | None, data: bytes) -> list[str]:
    """The streams of an event, as `proofs.streams.filed` says, by the quicker of two readers of JSON."""
    if not data or not _is_filed_by_body(type, datacontenttype):
        return filed_document(type, source, None)
    try:
        value = read_document(data)
    except RefusedError:
        value = None  # a body without structure
    return filed_document(type, source, value)


@lru_cache(maxsize=1024)
def _is_filed_by_body(type: str, datacontenttype: str | None) -> bool:
    return bool(rules_of(type)) and claims_json(datacontenttype)


def _stream_names(headers: Sequence[bytes | None]) -> Iterator[str]:
    """Yield the names of the streams that the headers of a page are in, as far as they can be read."""
    for header in headers:
        try:
            streams = orjson.loads(header or b"{}")["streams"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
        if isinstance(streams, dict):
            yield from streams
