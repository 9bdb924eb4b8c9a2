"""What was planned for a deletion request, by every plan of it: what was planned once is either certified or left.

What a plan says that cannot be read, nobody knows: withheld, destroyed, sealed, or in words that no plan has, it is lacking.

Source: docs/formats/deletion-certificate.md, "Checking one".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from proofs.claim import Claim, Planned, read_plan
from proofs.derived import structure
from proofs.disclosure import Body
from proofs.entry import Entry
from proofs.errors import MalformedError
from proofs.filing import Family
from proofs.limits import WALK_STEPS
from proofs.statement import Node
from proofs.streams import stream_name

PLANNED: Final = "tallystick.deletion.planned.v1"
PLANNER: Final = "urn:tallystick:deletion:planner"


class Besides(NamedTuple):
    """Targets of other plans that a certificate does not speak of, and the seqs of those that cannot be read."""

    targets: frozenset[Node]
    unread: frozenset[int]


class _Planned(NamedTuple):
    seq: int
    targets: frozenset[Node] | None  # None where nobody here can say: the body is not here, or is no plan


class Plans:
    """The plans among the listed entries of a bundle."""

    def __init__(self, families: Sequence[Family], bodies: Mapping[int, Body]) -> None:
        self._families = families
        self._bodies = bodies
        self._read: dict[int, Planned | None] = {}
        self._steps_left = WALK_STEPS

    def read(self, entry: Entry, data: bytes) -> Planned | None:
        """Return what a plan says; None where it is none, or nobody's who plans."""
        if entry.seq not in self._read:  # any number of certificates may name it
            try:
                self._read[entry.seq] = read_plan(data) if entry.source == PLANNER else None
            except MalformedError:
                self._read[entry.seq] = None
        return self._read[entry.seq]

    def besides(self, claim: Claim, stream: str) -> Besides | None:
        """Return what other plans below a certificate, of the request whose stream this is, know and it does not.

        None when all certificates together look at more than a verifier looks at, for this one and those that follow.
        """
        targets, unread = set[Node](), set[int]()
        for planned in self._of_stream.get(stream, ()):
            if planned.seq >= claim.at:
                break
            self._steps_left -= 1 + len(planned.targets or ())
            if self._steps_left < 0:
                self._steps_left = -1
                return None
            if planned.seq == claim.seq:
                continue  # held to the certificate by itself
            if planned.targets is None:
                unread.add(planned.seq)
            else:
                targets |= planned.targets - claim.plan.targets
        return Besides(frozenset(targets), frozenset(unread))

    @cached_property
    def _of_stream(self) -> Mapping[str, Sequence[_Planned]]:
        """Stream → the plans filed in it, ascending; of one that can be read, the stream of its request alone."""
        found = defaultdict[str, list[_Planned]](list)
        for family in self._families:
            entry, body = family.parent.entry, self._bodies[family.parent.entry.seq]
            if entry.type != PLANNED or entry.source != PLANNER:
                continue
            is_here = body.state == "disclosed" and structure(entry, body.data) is not None
            if is_here and (read := self.read(entry, body.data)) is not None:
                found[stream_name("request", read.request)].append(_Planned(entry.seq, read.plan.targets))
                continue
            for name in {name for each in (family.parent, *family.continued) for name in each.entry.streams}:
                found[name].append(_Planned(entry.seq, None))
        return found
