"""How many entries each stream has, by the census that ends the tree.

Source: docs/formats/census.md; docs/formats/bundle.md, census.json.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from proofs import jsonstrict
from proofs.bundle import CENSUS, CensusProofs, Listed
from proofs.census import CENSUS_TAKEN, proven_count
from proofs.disclosure import Body, check_body, open_body
from proofs.errors import IncompleteError, TamperedError
from proofs.limits import BODY_BYTES
from proofs.record import place, record


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
    body = open_body(bodies, entry.seq)
    check_body(last, body)
    with place(body.where):
        taken = record(jsonstrict.parse_canonical(body.data, limit_bytes=BODY_BYTES), "root streams")
        taken.integer("streams")
        root = taken.digest("root")
    if entry.ext != {"tallycensus": root.hex()}:
        raise TamperedError(f"ext of the census is not that its root is {root.hex()}", where=last.where)
    if (proofs.seq, proofs.root) != (entry.seq, root):
        raise TamperedError(
            f"census is {proofs.seq} of root {proofs.root.hex()}, the entry says {entry.seq} of root {root.hex()}",
            where=CENSUS,
        )


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
