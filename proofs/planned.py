"""What was planned for a deletion request, by every plan of it: what was planned once is either certified or left.

Source: docs/formats/deletion-certificate.md, "Checking one".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from proofs.claim import Claim, Plan, read_plan
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
    """Targets of other plans that a certificate does not speak of, and the seqs of those whose bodies are not here."""

    targets: frozenset[Node]
    withheld: frozenset[int]


class _Planned(NamedTuple):
    seq: int
    targets: frozenset[Node] | None  # None where the body is not here


class Plans:
    """The plans among the listed entries of a bundle."""

    def __init__(self, families: Sequence[Family], bodies: Mapping[int, Body]) -> None:
        self._families = families
        self._bodies = bodies
        self._read: dict[int, tuple[str, Plan] | None] = {}
        self._steps_left = WALK_STEPS

    def read(self, entry: Entry, data: bytes) -> tuple[str, Plan] | None:
        """Return the request of a plan, and the plan; None where it is none, or nobody's who plans."""
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
        targets, withheld = set[Node](), set[int]()
        for planned in self._of_stream.get(stream, ()):
            if planned.seq >= claim.at:
                break
            self._steps_left -= 1 + len(planned.targets or ())
            if self._steps_left < 0:
                self._steps_left = -1
                return None
            if planned.targets is None:
                withheld.add(planned.seq)
            elif planned.seq != claim.seq:
                targets |= planned.targets - claim.plan.targets
        return Besides(frozenset(targets), frozenset(withheld))

    @cached_property
    def _of_stream(self) -> Mapping[str, Sequence[_Planned]]:
        """Stream → the plans filed in it, ascending; of one whose body is here, the stream of its request alone."""
        found = defaultdict[str, list[_Planned]](list)
        for family in self._families:
            entry, body = family.parent.entry, self._bodies[family.parent.entry.seq]
            if entry.type != PLANNED or entry.source != PLANNER:
                continue
            if body.state != "disclosed":
                for name in {name for each in (family.parent, *family.continued) for name in each.entry.streams}:
                    found[name].append(_Planned(entry.seq, None))
            elif structure(entry, body.data) is not None and (read := self.read(entry, body.data)) is not None:
                found[stream_name("request", read[0])].append(_Planned(entry.seq, read[1].targets))
        return found
