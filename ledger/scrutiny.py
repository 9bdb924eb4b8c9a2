"""One entry taken apart: what is wrong with it, in words, and how the check goes on behind it.

After a difference the check takes the entry's own word for what it counts and links, so that one change is reported where
it is and not at every entry behind it.

Source: docs/formats/entry.md, bodies.md, streams.md, census.md, events.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ledger.finding import Findings
from ledger.identity import Identities
from ledger.parts import Parts
from ledger.recount import Recount
from ledger.store import BodyRow, PartRow
from proofs.bundle import Listed
from proofs.census import CENSUS_TAKEN
from proofs.chain import CLOSED
from proofs.digest import commitment
from proofs.disclosure import Body
from proofs.entry import FIRST_PREV, LEDGER_PREFIX, Entry, parse_entry
from proofs.errors import MalformedError, TamperedError
from proofs.filing import Family, check_header
from proofs.keys import CREATED, KEY_ADDED, KEY_RETIRED
from proofs.limits import MAX_STREAMS
from proofs.streams import CONTINUED, entry_groups, filed, filed_document

_KEY_TYPES: Final = (CREATED, KEY_ADDED, KEY_RETIRED)


@dataclass(slots=True)
class State:
    """Where the log stands before an entry.

    Attributes:
        prev: Leaf hash of the entry before, in hex; empty when that entry is missing.
        at: Its time.
        is_continued: It has as many streams as an entry can have, so that the next may continue it.
        closed: Seq of the entry that closed the log; None while it is open.
    """

    prev: str = FIRST_PREV.hex()
    at: str = ""
    is_continued: bool = False
    closed: int | None = None


@dataclass(slots=True)
class _Parent:
    """An entry that may be continued.

    Attributes:
        groups: What each further entry adds, first to come first; None when the body is gone, which says it.
        last: The greatest name so far that is neither `type:` nor `source:`.
    """

    entry: Entry
    groups: list[list[str]] | None
    last: str
    number: int = 0


@dataclass(slots=True)
class Scrutiny:
    """Looks at entries one by one, in order.

    Attributes:
        key_bodies: Bodies of entry 0 and of the key entries, by type, in log order.
    """

    findings: Findings
    recount: Recount
    state: State
    origin: str
    parts: Parts
    identities: Identities | None = None
    key_bodies: dict[str, list[Body]] = field(default_factory=lambda: {type: [] for type in _KEY_TYPES})
    _parent: _Parent | None = None

    def miss(self, seq: int, body: BodyRow | None, parts: Sequence[PartRow]) -> None:
        """Report that entry `seq` is not there."""
        self.findings.add("missing", f"entry {seq}", "the entry is missing")
        if body is not None:
            self.findings.add("stray", f"body {seq}", "there is a body, and no entry")
        for part in parts:
            self.findings.add("stray", f"part {part.pointer!r} of entry {seq}", "there is a part, and no entry")
        self.state.prev = ""
        self._set_parent(None)

    def look(self, seq: int, header: bytes, body: BodyRow | None, parts: Sequence[PartRow]) -> Entry | None:
        """Report what is wrong with one entry, and return it; None when it is none."""
        where = f"entry {seq}"
        try:
            entry = parse_entry(header)
        except MalformedError as error:
            self.findings.add("malformed", where, error.what)
            self._set_parent(None)
            return None
        self._check_place(entry, seq, where)
        is_sound = self._check_body(entry, body, where)
        received = self.parts.look(entry, body if is_sound else None, parts, where)
        if self.identities is not None:
            self.identities.expect(seq, entry, received)
        self._check_filing(entry, body if is_sound else None, where)
        if body is not None and is_sound:
            if entry.type == CENSUS_TAKEN:
                self._check_census(entry, body, where)
            elif entry.type in _KEY_TYPES:
                self.key_bodies[entry.type].append(Body(seq, "disclosed", body.salt, body.data, where))
        self._count(entry, where)
        return entry

    def close(self) -> None:
        """Report what the last entry leaves open."""
        self._set_parent(None)

    def _check_place(self, entry: Entry, seq: int, where: str) -> None:
        add, state = self.findings.add, self.state
        if entry.seq != seq:
            add("seq", where, f"it says that it is entry {entry.seq}")
        if state.prev and entry.prev.hex() != state.prev:
            add("chain", where, f"its prev is {entry.prev.hex()}, the entry before has the hash {state.prev}")
        if entry.at < state.at:
            add("time", where, f"it is of {entry.at}, the entry before of {state.at}")
        if (entry.type == CREATED) != (seq == 0):
            add("created", where, f"it is of type {entry.type!r}, and entry 0 alone is of type {CREATED!r}")
        if entry.type.startswith(LEDGER_PREFIX) and entry.source != self.origin:
            add(
                "source", where, f"it is of type {entry.type!r}, and not from {self.origin!r} but from {entry.source!r}"
            )
        state.at = max(state.at, entry.at)
        if state.closed is not None and (entry.type, seq) != (CENSUS_TAKEN, state.closed + 1):
            add("closed", where, f"the log goes on, and entry {state.closed} closed it")
        elif entry.type == CLOSED:
            state.closed = seq

    def _check_body(self, entry: Entry, body: BodyRow | None, where: str) -> bool:
        """True when the body is there and is the one that the entry commits to."""
        if body is None:
            is_ours = entry.type.startswith(LEDGER_PREFIX)
            why = f"bodies of {entry.type!r} are never destroyed" if is_ours else "no entry says that it was destroyed"
            self.findings.add("body", where, f"its body is missing, and {why}")
            self.findings.counts["missing_bodies"] += 1
            return False
        try:
            found = commitment("body", body.salt, body.data)
        except MalformedError as error:
            self.findings.add("body", where, error.what)
            return False
        if found != entry.body:
            what = f"its body has the commitment {found.hex()}, the entry says {entry.body.hex()}"
            self.findings.add("body", where, what)
        return found == entry.body

    def _check_filing(self, entry: Entry, body: BodyRow | None, where: str) -> None:
        if entry.type == CONTINUED:
            self._check_continuation(entry, body, where)
            return
        self._set_parent(None)
        groups = None
        if body is None:
            try:
                check_header(Family(Listed(entry, b"", where), ()))
            except TamperedError as error:
                self.findings.add("filing", where, error.what)
        else:
            names = filed(entry.type, entry.source, entry.datacontenttype, body.data)
            first, *groups = entry_groups(names, entry.type, entry.source)
            self._compare_names(entry, first, where)
        if len(entry.streams) == MAX_STREAMS:
            own = filed_document(entry.type, entry.source, None)
            self._set_parent(_Parent(entry, groups, max(entry.streams.keys() - own, default="")))
        elif groups:
            self.findings.add("filing", where, "its body names more streams than an entry holds, and it is not full")

    def _compare_names(self, entry: Entry, names: Sequence[str], where: str) -> None:
        if stray := sorted(entry.streams.keys() - set(names)):
            self.findings.add("filing", where, f"it is filed in {stray[0]!r}, where it does not belong")
        if lacking := sorted(set(names) - entry.streams.keys()):
            self.findings.add("filing", where, f"it is not filed in {lacking[0]!r}, where it belongs")

    def _check_continuation(self, entry: Entry, body: BodyRow | None, where: str) -> None:
        parent = self._parent
        if parent is None:
            self.findings.add("filing", where, "it continues an entry that is not full, or none at all")
            return
        parent.number += 1
        seq = parent.entry.seq
        own = filed_document(entry.type, entry.source, None)
        others = sorted(entry.streams.keys() - own)
        said = (entry.id, entry.ext, entry.at, entry.subject, entry.time, entry.datacontenttype, entry.dataschema)
        expected = (f"{seq}-{parent.number}", {"tallyof": str(seq)}, parent.entry.at, None, None, None, None)
        if (said, entry.sequence, entry.traceparent, entry.parts) != (expected, None, None, ()):
            self.findings.add("filing", where, f"it is not continuation {parent.number} of entry {seq}")
        if body is not None and body.data:
            self.findings.add("filing", where, "it only continues another entry, and has a body")
        if not others or others[0] <= parent.last:
            self.findings.add("filing", where, f"it does not continue the sorted streams of entry {seq}")
        if parent.groups is not None:
            group = parent.groups.pop(0) if parent.groups else []
            self._compare_names(entry, [*own, *group], where)
        if len(entry.streams) == MAX_STREAMS:
            parent.last = max(others, default=parent.last)
        else:
            self._set_parent(None)

    def _set_parent(self, parent: _Parent | None) -> None:
        """Go on with `parent` as the entry that may be continued; the one before must be at its end."""
        before, self._parent = self._parent, parent
        self.state.is_continued = parent is not None
        if before is not None and before.groups:
            seq = before.entry.seq
            self.findings.add("filing", f"entry {seq}", "its body names more streams than it and those behind it hold")

    def _check_census(self, entry: Entry, body: BodyRow, where: str) -> None:
        self.findings.counts["censuses"] += 1
        root, expected = self.recount.census()
        if body.data != expected:
            what = (
                f"the census says {body.data[:200].decode(errors='replace')}, the entries before it {expected.decode()}"
            )
            self.findings.add("census", where, what)
        if entry.ext != {"tallycensus": root.hex()}:
            self.findings.add("census", where, f"tallycensus is not {root.hex()}, the root of the entries before it")

    def _count(self, entry: Entry, where: str) -> None:
        counts = self.recount.counts
        for name, position in entry.streams.items():
            expected = counts.get(name, 0)
            if position != expected:
                what = f"it is number {position} of {name!r}, and {expected} entries are before it there"
                self.findings.add("position", where, what)
            counts[name] = position + 1
        self.recount.touched.append(tuple(entry.streams))
