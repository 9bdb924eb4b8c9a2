"""Whether entries stand in the streams in which docs/formats/streams.md files them, and in no other.

Three looks, each at what is there to be seen: a header alone gives its type and source, and the kinds of the rest; a
run of continued entries gives its order; a disclosed body gives every name (I13). A difference is tampering: the
operator filed an event where it does not belong, or kept it out of where it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from proofs.bundle import Listed
from proofs.disclosure import Body
from proofs.entry import LEDGER_PREFIX, Entry
from proofs.errors import IncompleteError, TamperedError
from proofs.limits import MAX_STREAMS
from proofs.streams import CONTINUED, allowed_kinds, claims_json, entry_groups, filed, stream_name

KINDS: Final = frozenset(("type", "source", "dataset", "job", "run", "contract", "schema", "request"))
_HASHED: Final = re.compile(r"sha256:[0-9a-f]{64}\Z")
_NAMESPACE: Final = re.compile(r"(?:[^%|]|%25|%7C)+\Z")


@dataclass(frozen=True, slots=True)
class Family:
    """An entry and the continued entries that follow it at once."""

    parent: Listed
    continued: tuple[Listed, ...]


def kind_of(name: str) -> str | None:
    """Return the kind of a stream by its name as filed; None when nothing is ever filed under that name."""
    kind, _, rest = name.partition(":")
    if kind not in KINDS or not rest:
        return None
    if _HASHED.match(rest):
        return kind
    if stream_name(kind, rest) != name:
        return None
    if kind in ("dataset", "job"):
        namespace, _, inner = rest.partition("|")
        return kind if inner and _NAMESPACE.match(namespace) else None
    return kind


def families(entries: Sequence[Listed]) -> Iterator[Family]:
    """Yield every listed entry with the continued entries that follow it.

    Args:
        entries: Ascending in seq.

    Raises:
        IncompleteError: An entry is full and the one after it is not listed, or a continued entry's parent is not.
        TamperedError: A continued entry is not what its parent makes it.
    """
    at = 0
    while at < len(entries):
        parent = entries[at]
        if parent.entry.type == CONTINUED:
            raise IncompleteError(
                f"entry {parent.entry.seq} continues another one that is not listed just before it", where=parent.where
            )
        stop = at + 1
        while stop < len(entries) and entries[stop].entry.type == CONTINUED and _is_next(entries[stop - 1 : stop + 1]):
            stop += 1
        family = Family(parent, tuple(entries[at + 1 : stop]))
        last = entries[stop - 1]
        is_full = len(last.entry.streams) == MAX_STREAMS
        if is_full and (stop == len(entries) or not _is_next(entries[stop - 1 : stop + 1])):
            raise IncompleteError(
                f"entry {last.entry.seq} has {MAX_STREAMS} streams, and the entry after it is not listed",
                where=last.where,
            )
        _check_continued(family)
        yield family
        at = stop


def _is_next(pair: Sequence[Listed]) -> bool:
    return pair[0].entry.seq + 1 == pair[1].entry.seq


def _check_continued(family: Family) -> None:
    parent = family.parent.entry
    others = _others(parent)
    before = family.parent
    for n, each in enumerate(family.continued, 1):
        entry = each.entry
        expected = (f"{parent.seq}-{n}", {"tallyof": str(parent.seq)}, parent.at)
        bare = (entry.subject, entry.time, entry.datacontenttype, entry.dataschema, entry.sequence, entry.traceparent)
        if (entry.id, entry.ext, entry.at) != expected or any(bare) or entry.parts:
            raise TamperedError(
                f"entry {entry.seq} is not continuation {n} of entry {parent.seq}, which stands before it",
                where=each.where,
            )
        if len(before.entry.streams) != MAX_STREAMS:
            raise TamperedError(
                f"entry {before.entry.seq} is continued and has {len(before.entry.streams)} streams, "
                f"expected {MAX_STREAMS}",
                where=before.where,
            )
        if not (more := _others(entry)):
            raise TamperedError(f"entry {entry.seq} continues entry {parent.seq} with no stream", where=each.where)
        others += more
        before = each
    if any(first >= second for first, second in pairwise(others)):
        raise TamperedError(f"entry {parent.seq} and those that continue it are not sorted as one", where=before.where)


def _others(entry: Entry) -> list[str]:
    return sorted(entry.streams.keys() - _own(entry))


def _own(entry: Entry) -> set[str]:
    return {stream_name("type", entry.type), stream_name("source", entry.source)}


def check_header(family: Family) -> None:
    """Accept an entry, and what continues it, in the streams that the header alone allows.

    Raises:
        TamperedError: It is missing in its type or source, or stands in a stream of a kind that its type never has.
    """
    parent = family.parent.entry
    kinds = allowed_kinds(parent.type) if claims_json(parent.datacontenttype) else frozenset[str]()
    for each in (family.parent, *family.continued):
        entry = each.entry
        if missing := _own(entry) - entry.streams.keys():
            raise TamperedError(f"entry {entry.seq} is not filed in {min(missing)!r}", where=each.where)
        for name in _others(entry):
            if kind_of(name) not in kinds:
                raise TamperedError(
                    f"entry {entry.seq} of type {parent.type!r} is filed in {name!r}, where its type never is",
                    where=each.where,
                )


def check_body(family: Family, body: bytes) -> None:
    """Accept an entry, and what continues it, in exactly the streams that its header and its whole body give (I13).

    Raises:
        TamperedError: It stands in a stream too many or too few.
    """
    entry = family.parent.entry
    names = filed(entry.type, entry.source, entry.datacontenttype, body)
    first, *rest = entry_groups(names, entry.type, entry.source)
    found = [sorted(entry.streams), *(_others(each.entry) for each in family.continued)]
    if found == [first, *rest]:
        return
    listed = {name for group in found for name in group}
    if stray := listed.difference(names):
        difference = f"is filed in {min(stray)!r}, which its body does not name"
    else:  # the same names are cut in the same places: `families` has seen to order and fullness
        difference = f"is not filed in {min(set(names) - listed)!r}, which its body names"
    raise TamperedError(f"entry {entry.seq} {difference}", where=family.parent.where)


def check_bodies(family: Family, bodies: Mapping[int, Body]) -> None:
    """Accept an entry whose whole body is disclosed in exactly the streams that it gives; continued ones have none.

    Raises:
        TamperedError: The filing is another one, or an entry that only continues another has a body.
    """
    for each in family.continued:
        if bodies[each.entry.seq].data:
            raise TamperedError(
                f"entry {each.entry.seq} only continues entry {family.parent.entry.seq} and has a body",
                where=bodies[each.entry.seq].where,
            )
    body = bodies[family.parent.entry.seq]
    if body.state == "disclosed":
        check_body(family, body.data)


def check_ledger_source(listed: Sequence[Listed], origin: str) -> None:
    """Accept entries of which only the ledger itself wrote those of the ledger (I9).

    Raises:
        TamperedError: Somebody else did.
    """
    for each in listed:
        if each.entry.type.startswith(LEDGER_PREFIX) and each.entry.source != origin:
            raise TamperedError(
                f"entry {each.entry.seq} of type {each.entry.type!r} has the source {each.entry.source!r}, "
                f"and only {origin!r} writes such entries",
                where=each.where,
            )
