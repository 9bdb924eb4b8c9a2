"""How many entries each stream has, by the census that ends the tree, and what the censuses in a bundle owe each other.

A census counts itself into the next one, so that no root can come again; and it counts at least what the bundle shows.

Source: docs/formats/census.md; docs/formats/bundle.md, census.json.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from proofs import jsonstrict
from proofs.bundle import CENSUS, CensusProofs, Listed
from proofs.census import CENSUS_TAKEN, Taken, bucket_index, parse_bucket, proven_count, stream_hash
from proofs.chain import CLOSED
from proofs.disclosure import Body, check_body, open_body
from proofs.errors import IncompleteError, TamperedError
from proofs.keys import KEY_STREAMS
from proofs.limits import BODY_BYTES, MAX_STREAMS
from proofs.record import place, record
from proofs.streams import filed_document

# Everybody's question: whom to believe, and whether the log has ended, must be complete as well.
WHOLE_STREAMS: Final = (f"type:{CLOSED}", *KEY_STREAMS)


def counted_streams(origin: str) -> frozenset[str]:
    """Return the streams that every bundle proves the count of, whatever was asked: the whole ones and the census's own."""
    return frozenset((*WHOLE_STREAMS, *filed_document(CENSUS_TAKEN, origin, None)))


def read_taken(census: Listed, bodies: Mapping[int, Body]) -> Taken:
    """Return what a census says, when its body and its extension agree.

    Raises:
        MalformedError: The body is not what its page says.
        IncompleteError: The body is not there.
        TamperedError: The body is not the entry's, or the extension names another root.
    """
    body = open_body(bodies, census.entry.seq)
    check_body(census, body)
    with place(body.where):
        said = record(jsonstrict.parse_canonical(body.data, limit_bytes=BODY_BYTES), "root streams")
        taken = Taken(said.digest("root"), said.integer("streams"))
    if census.entry.ext != {"tallycensus": taken.root.hex()}:
        raise TamperedError(f"ext of the census is not that its root is {taken.root.hex()}", where=census.where)
    return taken


def check_census(last: Listed, bodies: Mapping[int, Body], proofs: CensusProofs, *, size: int) -> None:
    """Accept a tree whose last entry is a census, and proofs that rest on it.

    Args:
        last: The last listed entry.
        bodies: Of the listed entries, by seq.
        proofs: What census.json says.
        size: Of the signed tree.

    Raises:
        MalformedError: The census's body is not what its page says.
        IncompleteError: The census's body is not there.
        TamperedError: The last entry is no census; or body, extension and census.json do not agree.
    """
    entry = last.entry
    if entry.seq != size - 1 or entry.type != CENSUS_TAKEN:
        raise TamperedError(
            f"last listed entry is {entry.seq} of type {entry.type!r}, expected the census {size - 1}", where=last.where
        )
    root = read_taken(last, bodies).root
    if (proofs.seq, proofs.root) != (entry.seq, root):
        raise TamperedError(
            f"census is {proofs.seq} of root {proofs.root.hex()}, the entry says {entry.seq} of root {root.hex()}",
            where=CENSUS,
        )


def check_censuses(entries: Sequence[Listed], bodies: Mapping[int, Body]) -> Mapping[int, Taken]:
    """Return what every listed census says, by seq, when none contradicts another or the entries before it.

    Args:
        entries: The listed entries, ascending in seq.

    Raises:
        MalformedError: A census's body is not what its page says.
        IncompleteError: A census's body is not there.
        TamperedError: Body and extension differ, a root comes again, or the number of streams cannot be.
    """
    censuses: dict[int, Taken] = {}
    roots: dict[bytes, int] = {}
    shown: set[str] = set()
    before, streams = 0, 0
    for each in entries:
        seq = each.entry.seq
        if each.entry.type == CENSUS_TAKEN:
            taken = censuses[seq] = read_taken(each, bodies)
            if (first := roots.setdefault(taken.root, seq)) != seq:
                raise TamperedError(
                    f"census {seq} has the root of census {first}, which it has to count itself", where=each.where
                )
            most = streams + MAX_STREAMS * (seq - before)
            if not max(streams, len(shown)) <= taken.streams <= most:
                raise TamperedError(
                    f"census {seq} counts {taken.streams} streams, "
                    f"there are from {max(streams, len(shown))} to {most} before it",
                    where=each.where,
                )
            before, streams = seq, taken.streams
        shown.update(each.entry.streams)
    return censuses


def prove(proofs: CensusProofs, names: Collection[str]) -> dict[str, int]:
    """Return the proven count of each of these streams.

    Raises:
        MalformedError: A bucket is not what its page says.
        IncompleteError: There is no proof for a stream.
        TamperedError: A bucket is not in the census, a count is not the bucket's, or a stream was not asked for.
    """
    counts: dict[str, int] = {}
    with place(CENSUS):
        for stream in proofs.streams:
            if stream.name not in names:
                raise TamperedError(f"stream {stream.name!r} was not asked for")
            count = proven_count(stream.name, stream.bucket, stream.path, proofs.root)
            if count != stream.count:
                raise TamperedError(f"count of {stream.name!r} is {stream.count}, its bucket says {count}")
            counts[stream.name] = count
        for name in sorted(names):
            if name not in counts:
                raise IncompleteError(f"proof for the stream {name!r} is not there")
    return counts


def check_shown(taken: Taken, entries: Sequence[Listed], proofs: CensusProofs) -> None:
    """Accept a census of at least as many streams as entries and buckets show.

    Args:
        taken: What the census that ends the tree says.
        entries: The listed entries, that census last.
        proofs: Proven by now.

    Raises:
        TamperedError: It counts fewer.
    """
    shown = {stream_hash(name) for name in {name for each in entries[:-1] for name in each.entry.streams}}
    for stream in proofs.streams:
        shown |= parse_bucket(stream.bucket, index=bucket_index(stream_hash(stream.name))).keys()
    if taken.streams < len(shown):
        raise TamperedError(
            f"census counts {taken.streams} streams, entries and buckets show {len(shown)}", where=entries[-1].where
        )
