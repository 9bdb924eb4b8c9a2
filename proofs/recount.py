"""Counting every stream again, where every entry is listed: then each census in the log convicts or clears itself.

From one census to the next only the buckets whose streams grew are hashed again, so that the work grows with the entries
and not with their number times the censuses'.

Source: docs/formats/census.md, "Where everything is listed".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from proofs.bundle import Listed
from proofs.census import BucketTree, Taken, bucket_bytes, bucket_index, stream_hash
from proofs.digest import leaf_hash
from proofs.errors import TamperedError


class Recount:
    """The streams of the entries so far, and the tree of buckets at the last census."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._changed: set[str] = set()
        self._buckets: dict[int, dict[bytes, int]] = {}
        self._tree = BucketTree()

    def add(self, streams: Mapping[str, int]) -> None:
        """Count one entry into each of its streams."""
        self._counts.update(streams.keys())
        self._changed.update(streams)

    def census(self) -> Taken:
        """Return what a census says that speaks of all entries so far."""
        changed = set()
        for name in self._changed:
            name_hash = stream_hash(name)
            index = bucket_index(name_hash)
            self._buckets.setdefault(index, {})[name_hash] = self._counts[name]
            changed.add(index)
        self._changed.clear()
        leaves = {index: leaf_hash(bucket_bytes(self._buckets[index].items())) for index in changed}
        return Taken(self._tree.update(leaves), len(self._counts))


def check_recount(entries: Sequence[Listed], censuses: Mapping[int, Taken]) -> None:
    """Accept a whole log of which every census says what the entries before it give.

    Args:
        entries: All of the log, ascending in seq.
        censuses: What each census among them says, by seq.

    Raises:
        TamperedError: One says something else: it is of another moment, or false.
    """
    recount = Recount()
    for each in entries:
        said = censuses.get(each.entry.seq)
        if said is not None and said != (found := recount.census()):
            raise TamperedError(
                f"census says {said.streams} streams of root {said.root.hex()}, the {each.entry.seq} entries before it "
                f"give {found.streams} of root {found.root.hex()}",
                where=each.where,
            )
        recount.add(each.entry.streams)
