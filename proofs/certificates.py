"""What a deletion certificate is worth: its closure computed again from the lineage that the bundle holds.

    certificate → its plan and its request → closure of the seeds in the lineage below the plan's checkpoint → grade

A grade, never a refusal. Anybody may file into a request's stream, and who filed under which source no bundle shows; the
record is genuine whatever was recorded. So a certificate that the lineage contradicts is told loudly, beside a verdict
that speaks of the record alone.

Source: docs/formats/deletion-certificate.md, "Checking one".
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from proofs.bundle import CERTIFICATES
from proofs.claim import Claim, Refusal, read_claim, read_plan
from proofs.closure import Event, Lineage
from proofs.derived import CERTIFIED, structure
from proofs.disclosure import Body
from proofs.edges import closure_hash
from proofs.entry import Entry
from proofs.errors import MalformedError
from proofs.filing import Family
from proofs.statement import Node, is_asked_at, node_of, reads
from proofs.streams import OPENLINEAGE_TYPES, stream_name

REQUESTED: Final = "tallystick.deletion.requested.v1"
PLANNED: Final = "tallystick.deletion.planned.v1"
PLANNER: Final = "urn:tallystick:deletion:planner"
CERTIFIER: Final = "urn:tallystick:deletion:certifier"

RECOMPUTED: Final = "closure recomputed, relative to the lineage in the first {} entries"
NOT_PROVEN: Final = "closure not proven"
CONTRADICTED: Final = "closure contradicted"
FORGOTTEN: Final = "a target was forgotten"
REFUSED: Final = "refused, without a plan"
NO_CERTIFICATE: Final = "no certificate"
_STEPS: Final = {"plan": PLANNED, "request": REQUESTED}
DISPROVEN: Final = frozenset((CONTRADICTED, FORGOTTEN))


@dataclass(frozen=True, slots=True)
class Graded:
    """One entry that says it is a deletion certificate, and what it is worth.

    Attributes:
        seq: Of the entry.
        grade: One of this module's.
        request: The request's id; empty when the certificate could not be read.
        plan: Seq of its plan; None when it has none.
        lineage: How many entries of the log the plan's lineage was read from.
        targets: How many it has.
        derived: How many datasets derive from the seeds, they included, as far as that is proven.
        forgotten: Ids of datasets that derive and are no targets, sorted.
        differs: What in the log contradicts it, sorted: "closure", "order", "outcome", "plan", "request".
        streams: Streams that the bundle lacks to compute the closure, sorted.
        bodies: Entries whose bodies it lacks for that, ascending.
    """

    seq: int
    grade: str
    request: str = ""
    plan: int | None = None
    lineage: int | None = None
    targets: int | None = None
    derived: int | None = None
    forgotten: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    bodies: tuple[int, ...] = ()

    @property
    def is_proven(self) -> bool:
        """True when nothing is left to prove: the closure was computed and is right, or there was none."""
        return self.grade not in (NOT_PROVEN, CONTRADICTED, FORGOTTEN, NO_CERTIFICATE)

    @property
    def lacks(self) -> bool:
        """True when the bundle does not hold what the closure would be computed from."""
        return bool(self.streams or self.bodies)

    def json(self) -> dict[str, object]:
        """Return the member of the verdict's `certificates`; what is not known is absent."""
        known = {"plan": self.plan, "lineage": self.lineage, "targets": self.targets, "derived": self.derived}
        return {
            "bodies": list(self.bodies),
            "differs": list(self.differs),
            "forgotten": list(self.forgotten),
            "grade": self.grade,
            "seq": self.seq,
            "streams": list(self.streams),
            **({"request": self.request} if self.request else {}),
            **{name: value for name, value in known.items() if value is not None},
        }


def unproven(graded: Iterable[Graded], shown: Container[int]) -> tuple[str, ...]:
    """Return the paths of the certificates in the bundle, `shown` by seq, of which something is left to prove."""
    return tuple(f"{CERTIFICATES}{each.seq}.json" for each in graded if not each.is_proven and each.seq in shown)


def _hides_its_start(request: Entry) -> bool:
    return any(is_asked_at(pointer) for pointer, _ in request.parts)


def grade(
    families: Sequence[Family], bodies: Mapping[int, Body], is_whole: Callable[[str], bool]
) -> tuple[Graded, ...]:
    """Return the grade of every listed certificate, in log order; nothing is raised, whatever was filed.

    Args:
        families: All listed entries with those that continue them, ascending; positions and filing are checked.
        bodies: Of all of them, held against their commitments.
        is_whole: Stream name → every entry of the stream, from its first, is listed.
    """
    judge = _Judge(families, bodies, is_whole)
    listed = (each.parent.entry for each in families if each.parent.entry.type == CERTIFIED)
    read = [judge.read(entry) for entry in listed]
    # By ascending lineage, for then every event is taken in once, however many plans there are.
    by_size = sorted((each for each in read if isinstance(each, Claim)), key=lambda each: each.size)
    held = {claim.at: judge.held(claim) for claim in by_size}
    return tuple(held[each.at] if isinstance(each, Claim) else each for each in read)


@dataclass(slots=True)
class _Lacks:
    """What is lacking to prove a certificate, and what speaks against it, as it is found."""

    streams: set[str] = field(default_factory=set)
    bodies: set[int] = field(default_factory=set)
    differs: set[str] = field(default_factory=set)

    def grade(self, size: int, *, is_forgotten: bool) -> str:
        if is_forgotten:
            return FORGOTTEN
        if self.differs:
            return CONTRADICTED
        return NOT_PROVEN if self.streams or self.bodies else RECOMPUTED.format(size)


class _Judge:
    """What a bundle holds, asked about one certificate after the other."""

    def __init__(self, families: Sequence[Family], bodies: Mapping[int, Body], is_whole: Callable[[str], bool]) -> None:
        self._families = families
        self._bodies = bodies
        self._is_whole = is_whole

    @cached_property
    def _entries(self) -> dict[int, Entry]:
        listed = (each for family in self._families for each in (family.parent, *family.continued))
        return {each.entry.seq: each.entry for each in listed}

    @cached_property
    def _lineage(self) -> Lineage:
        return Lineage(map(self._event, self._observed()), self._is_whole)

    def _observed(self) -> Iterable[Family]:
        return (family for family in self._families if family.parent.entry.type in OPENLINEAGE_TYPES)

    def _event(self, family: Family) -> Event:
        entry, body = family.parent.entry, self._bodies[family.parent.entry.seq]
        streams = frozenset(name for each in (family.parent, *family.continued) for name in each.entry.streams)
        # A part that is disclosed beside it is not put back: whoever reads the stored body must see all of it.
        is_sealed = any(reads(pointer) for pointer, _ in entry.parts)
        is_open = body.state == "disclosed" and not is_sealed
        return Event(entry.seq, streams, is_open, structure(entry, body.data) if is_open else None, is_sealed)

    def read(self, entry: Entry) -> Claim | Graded:
        """Return what the certificate in this entry claims; its grade, where there is nothing to hold it against."""
        if entry.source != CERTIFIER:
            return Graded(entry.seq, NO_CERTIFICATE)
        body = self._bodies[entry.seq]
        if body.state != "disclosed":
            return Graded(entry.seq, NOT_PROVEN, bodies=(entry.seq,))
        # Filing is checked: a document that names a request stands in that request's stream.
        if structure(entry, body.data) is None:
            return Graded(entry.seq, NO_CERTIFICATE)
        try:
            read = read_claim(entry.seq, body.data)
        except MalformedError:
            return Graded(entry.seq, NO_CERTIFICATE)
        if isinstance(read, Refusal):
            return Graded(entry.seq, REFUSED, read.request, targets=read.targets)
        return read

    def held(self, claim: Claim) -> Graded:
        """Hold a certificate against its request, its plan and the lineage."""
        seq, plan, lacks = claim.at, claim.plan, _Lacks()
        self._check_plan(claim, lacks)
        if not claim.is_outcome_possible:
            lacks.differs.add("outcome")
        begun = {*plan.seeds, *self._asked(claim, lacks)}
        if not claim.requested < claim.seq < seq or plan.size > claim.seq:
            lacks.differs.add("order")
        walk = self._lineage.walk(begun, claim.size)
        lacks.streams |= walk.streams
        lacks.bodies |= walk.bodies
        if walk.is_whole and (len(walk.datasets), closure_hash(walk.datasets)) != (plan.datasets, plan.hash.hex()):
            lacks.differs.add("closure")
        forgotten = walk.datasets - plan.targets
        return Graded(
            seq,
            lacks.grade(plan.size, is_forgotten=bool(forgotten)),
            request=claim.request,
            plan=claim.seq,
            lineage=plan.size,
            targets=claim.targets,
            derived=len(walk.datasets),
            forgotten=tuple(sorted(node.id for node in forgotten)),
            differs=tuple(sorted(lacks.differs)),
            streams=tuple(sorted(lacks.streams)),
            bodies=tuple(sorted(lacks.bodies)),
        )

    def _check_plan(self, claim: Claim, lacks: _Lacks) -> None:
        """Note where the entry that the certificate names is no plan of this request, or says something else."""
        data = self._step(claim.request, claim.seq, "plan", lacks)
        if data is None:
            return
        try:
            is_same = self._entries[claim.seq].source == PLANNER and read_plan(data) == (claim.request, claim.plan)
        except MalformedError:
            is_same = False
        if not is_same:
            lacks.differs.add("plan")

    def _asked(self, claim: Claim, lacks: _Lacks) -> Iterable[Node]:
        """The datasets at which the request itself begins; a plan that begins elsewhere has forgotten them."""
        data = self._step(claim.request, claim.requested, "request", lacks)
        if data is None:
            return ()
        body = structure(self._entries[claim.requested], data)
        if not isinstance(body, dict) or body.get("request") != claim.request:
            lacks.differs.add("request")
            return ()
        named = body.get("datasets")
        found = (node_of(value, "dataset") for value in named) if isinstance(named, list) else ()
        return [node for node in found if node is not None]

    def _step(self, request: str, seq: int, what: str, lacks: _Lacks) -> bytes | None:
        """The body of a step that a certificate names; None, and noted, where there is none of this kind."""
        entry = self._entries.get(seq)
        if entry is None and not self._is_whole(stream := stream_name("request", request)):
            lacks.streams.add(stream)
        elif entry is None or entry.type != _STEPS[what]:
            lacks.differs.add(what)
        elif self._bodies[seq].state != "disclosed" or (what == "request" and _hides_its_start(entry)):
            lacks.bodies.add(seq)
        elif structure(entry, self._bodies[seq].data) is None:
            lacks.differs.add(what)
        else:
            return self._bodies[seq].data
        return None
