"""What a deletion certificate is worth: its closure computed again from the lineage that the bundle holds.

    certificate → its plan and its request → closure of the seeds in the lineage below the plan's checkpoint → grade

A grade, never a refusal. Anybody may file into a request's stream, and who filed under which source no bundle shows; the
record is genuine whatever was recorded. So a certificate that the lineage contradicts is told loudly, beside a verdict
that speaks of the record alone.

Source: docs/formats/deletion-certificate.md, "Checking one".
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, Final, TypeVar

from proofs.bundle import CERTIFICATES
from proofs.claim import Claim, Refusal, read_claim
from proofs.closure import Event, Lineage, Walk
from proofs.derived import CERTIFIED, structure
from proofs.disclosure import Body
from proofs.edges import closure_hash
from proofs.entry import Entry
from proofs.errors import MalformedError, UnverifiableError
from proofs.filing import Family
from proofs.grade import (
    CONTRADICTED,
    FORGOTTEN,
    NO_CERTIFICATE,
    NOT_PROVEN,
    RECOMPUTED,
    REFUSED,
    TOO_LARGE,
    Graded,
    Unnamed,
)
from proofs.limits import NAMED_IN_A_GRADE, WALK_STEPS
from proofs.planned import PLANNED, Plans
from proofs.statement import Node, is_asked_at, node_of, reads
from proofs.streams import OPENLINEAGE_TYPES, stream_name

REQUESTED: Final = "tallystick.deletion.requested.v1"
CERTIFIER: Final = "urn:tallystick:deletion:certifier"

_STEPS: Final = {"plan": PLANNED, "request": REQUESTED}
_T = TypeVar("_T", int, str)


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
    held = {graded.seq: graded for graded in judge.held(by_size)}
    return tuple(held[each.at] if isinstance(each, Claim) else each for each in read)


@dataclass(slots=True)
class _Lacks:
    """What is lacking to prove a certificate, and what speaks against it, as it is found."""

    streams: set[str] = field(default_factory=set)
    bodies: set[int] = field(default_factory=set)
    differs: set[str] = field(default_factory=set)

    def grade(self, size: int, *, is_forgotten: bool, is_proven: bool) -> str:
        if is_forgotten:
            return FORGOTTEN
        if self.differs:
            return CONTRADICTED
        return RECOMPUTED.format(size) if is_proven else NOT_PROVEN


class _Walked:
    """What one walk gives to every certificate that asks for it: sorted once, for there may be many."""

    def __init__(self, walk: Walk) -> None:
        self.is_whole = walk.is_whole
        self.datasets = walk.datasets
        self.closure = (len(self.datasets), closure_hash(self.datasets))
        self.streams, self.bodies = walk.streams, walk.bodies
        self.sorted_streams, self.sorted_bodies = sorted(walk.streams), sorted(walk.bodies)
        self._ids = sorted((node.id, node) for node in self.datasets)

    def forgotten(self, targets: frozenset[Node], planned: frozenset[Node]) -> tuple[tuple[str, ...], int]:
        """The first ids of the datasets that are none of `targets`, and how many more there are.

        Args:
            planned: Datasets that are none of `targets` either, and were planned.
        """
        besides = planned - self.datasets
        count = len(self.datasets) - len(self.datasets & targets) + len(besides)
        reached = (id for id, node in self._ids if node not in targets)
        first = tuple(islice(heapq.merge(reached, sorted(node.id for node in besides)), NAMED_IN_A_GRADE))
        return first, count - len(first)


def _first(found: list[_T], besides: set[_T]) -> tuple[tuple[_T, ...], int]:
    """The first of a sorted list and of what is `besides` it, and how many more there are."""
    first: tuple[_T, ...] = tuple(heapq.merge(found[:NAMED_IN_A_GRADE], sorted(besides)))[:NAMED_IN_A_GRADE]
    return first, len(found) + len(besides) - len(first)


class _Judge:
    """What a bundle holds, asked about one certificate after the other."""

    def __init__(self, families: Sequence[Family], bodies: Mapping[int, Body], is_whole: Callable[[str], bool]) -> None:
        self._families = families
        self._bodies = bodies
        self._is_whole = is_whole
        self._steps_left = WALK_STEPS
        self._plans = Plans(families, bodies)
        self._requests: dict[int, tuple[object, frozenset[Node]]] = {}

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

    def held(self, claims: Iterable[Claim]) -> Iterator[Graded]:
        """Hold certificates, by ascending size of their lineage, against requests, plans and lineage; in any order.

        Those that ask for one walk are held together, so that only one walk is in memory.
        """
        alike: dict[tuple[frozenset[Node], frozenset[Node], int], list[tuple[Claim, _Lacks, frozenset[Node]]]] = {}
        for claim in claims:
            lacks = _Lacks()
            self._check_plan(claim, lacks)
            if not claim.is_outcome_possible:
                lacks.differs.add("outcome")
            if not claim.requested < claim.seq < claim.at or claim.plan.size > claim.seq:
                lacks.differs.add("order")
            asked, planned = self._asked(claim, lacks), self._planned_besides(claim, lacks)
            if planned is None:
                yield _graded(claim, lacks, None, frozenset())
                continue
            start = frozenset(claim.plan.seeds), asked, self._lineage.count(claim.size)
            alike.setdefault(start, []).append((claim, lacks, planned))
        for (seeds, asked, _), each in alike.items():
            walked = self._walked(seeds | asked, each[0][0].size)
            for claim, lacks, planned in each:
                yield _graded(claim, lacks, walked, planned)

    def _walked(self, start: Iterable[Node], size: int) -> _Walked | None:
        """Walk once more; None when that takes more steps than are left, and for ever after."""
        if self._steps_left < 0:
            return None
        try:
            walk = self._lineage.walk(start, size, max_steps=self._steps_left)
        except UnverifiableError:
            self._steps_left = -1
            return None
        self._steps_left -= walk.steps
        return _Walked(walk)

    def _check_plan(self, claim: Claim, lacks: _Lacks) -> None:
        """Note where the entry that the certificate names is no plan of this request, or says something else."""
        data = self._step(claim.request, claim.seq, "plan", lacks)
        if data is None:
            return
        planned = self._plans.read(self._entries[claim.seq], data)
        if planned is None or (planned.request, planned.plan) != (claim.request, claim.plan):
            lacks.differs.add("plan")
        if planned is not None and planned.leaves_out and claim.is_complete:
            lacks.differs.add("outcome")

    def _planned_besides(self, claim: Claim, lacks: _Lacks) -> frozenset[Node] | None:
        """Return the targets of the request's other plans that the certificate does not speak of; None past the limit."""
        stream = stream_name("request", claim.request)
        if not self._is_whole(stream):
            lacks.streams.add(stream)
        found = self._plans.besides(claim, stream)
        if found is None:
            return None
        lacks.bodies |= found.unread
        return found.targets

    def _asked(self, claim: Claim, lacks: _Lacks) -> frozenset[Node]:
        """The datasets at which the request itself begins; a plan that begins elsewhere has forgotten them."""
        data = self._step(claim.request, claim.requested, "request", lacks)
        if data is None:
            return frozenset()
        if claim.requested not in self._requests:
            self._requests[claim.requested] = _request(structure(self._entries[claim.requested], data))
        request, asked = self._requests[claim.requested]
        if request != claim.request:
            lacks.differs.add("request")
            return frozenset()
        return asked

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


def _request(body: object) -> tuple[object, frozenset[Node]]:
    """The id that a request's body gives itself, and the datasets that it names."""
    if not isinstance(body, dict):
        return None, frozenset()
    named = body.get("datasets")
    found = (node_of(value, "dataset") for value in named) if isinstance(named, list) else ()
    return body.get("request"), frozenset(node for node in found if node is not None)


def _graded(claim: Claim, lacks: _Lacks, walked: _Walked | None, planned: frozenset[Node]) -> Graded:
    plan = claim.plan
    known: dict[str, Any] = {
        "request": claim.request,
        "plan": claim.seq,
        "lineage": plan.size,
        "targets": claim.targets,
    }
    if walked is None:
        streams, more_streams = _first(sorted(lacks.streams), set())
        bodies, more_bodies = _first(sorted(lacks.bodies), set())
        forgotten, more_forgotten = _first(sorted(node.id for node in planned), set())
        return Graded(
            claim.at,
            lacks.grade(plan.size, is_forgotten=bool(forgotten), is_proven=False),
            **known,
            forgotten=forgotten,
            differs=tuple(sorted(lacks.differs)),
            streams=streams,
            bodies=bodies,
            unnamed=Unnamed(more_bodies, more_forgotten, more_streams),
            reason=TOO_LARGE,
        )
    if walked.is_whole and walked.closure != (plan.datasets, plan.hash.hex()):
        lacks.differs.add("closure")
    forgotten, more_forgotten = walked.forgotten(plan.targets, planned)
    streams, more_streams = _first(walked.sorted_streams, lacks.streams - walked.streams)
    bodies, more_bodies = _first(walked.sorted_bodies, lacks.bodies - walked.bodies)
    return Graded(
        claim.at,
        lacks.grade(plan.size, is_forgotten=bool(forgotten), is_proven=not streams and not bodies),
        **known,
        derived=len(walked.datasets),
        forgotten=forgotten,
        differs=tuple(sorted(lacks.differs)),
        streams=streams,
        bodies=bodies,
        unnamed=Unnamed(more_bodies, more_forgotten, more_streams),
    )
