"""What a deletion certificate and its plan claim: as much of their bodies as is held against the log, and no more.

Source: docs/formats/deletion-certificate.md, "Checking one".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from proofs import jsonstrict
from proofs.errors import MalformedError
from proofs.limits import BODY_BYTES
from proofs.record import Record, document, record
from proofs.statement import Node, node_of

_DONE: Final = {"erased", "not_found", "not_applicable"}  # of a target, where the whole is complete
_LEFT_OUT: Final = "targets-left-out"
_CERTIFICATE: Final = (
    "certificate channel deadlines issued on_time outcome received regulation remarks request requested residuals targets v",
    "basis erased level plan supersedes",
)
_SUMMARY: Final = "closure findings lineage only_in_contract only_in_lineage seeds seq"
_CERTIFIED_TARGET: Final = (
    "action dataset id outcome residuals seqs",
    "code control deleted executor level matched_after matched_before method place query reason verifier",
)
_PLAN: Final = "at closure findings lineage only_in_contract only_in_lineage request seeds targets v"
_TARGET: Final = ("action dataset id residuals", "before place reason")


class Plan(NamedTuple):
    """What plan and certificate both say of the plan, in the same words."""

    size: int
    root: bytes
    seeds: tuple[Node, ...]
    datasets: int
    hash: bytes
    targets: frozenset[Node]


class Claim(NamedTuple):
    """What a certificate says, as far as it is looked at; `at` is its own entry, and `seq` its plan's.

    `is_complete`: nothing is said to be left, but for residuals. `is_outcome_possible`: as far as the certificate itself tells.
    """

    at: int
    request: str
    requested: int
    targets: int
    seq: int
    plan: Plan
    is_complete: bool
    is_outcome_possible: bool

    @property
    def size(self) -> int:
        """How many entries the lineage is walked in: below itself, for of what comes later not all need be at hand."""
        return min(self.plan.size, self.at)


class Planned(NamedTuple):
    """What a plan's body says; `leaves_out`: that one plan does not hold all that there is to delete."""

    request: str
    plan: Plan
    leaves_out: bool


class Refusal(NamedTuple):
    """What the certificate of a refused request says."""

    request: str
    targets: int


def read_claim(at: int, data: bytes) -> Claim | Refusal:
    """Return what a certificate's body claims.

    Raises:
        MalformedError: It is none.
    """
    body = record(document(data), *_CERTIFICATE)
    body.constant("v", 1)
    request, requested = body.text("request"), body.integer("requested")
    outcome = body.choice("outcome", ("complete", "complete_with_residuals", "partial", "refused"))
    listed = body.records("targets", *_CERTIFIED_TARGET)
    targets = [_dataset(target) for target in listed]
    if (outcome == "refused") == ("plan" in body):
        raise MalformedError(f"certificate with the outcome {outcome!r} has {'a' if 'plan' in body else 'no'} plan")
    if "plan" not in body:
        return Refusal(request, len(targets))
    summary = body.record("plan", _SUMMARY)
    plan = _plan(summary, targets)
    outcomes = {target.members["outcome"] if isinstance(target.members["outcome"], str) else "" for target in listed}
    is_complete = outcome != "partial"
    is_possible = not is_complete or ("erased" in outcomes and outcomes <= _DONE and not _leaves_out(summary))
    return Claim(at, request, requested, len(targets), summary.integer("seq"), plan, is_complete, is_possible)


def read_plan(data: bytes) -> Planned:
    """Return what a plan's body says.

    Raises:
        MalformedError: It is none.
    """
    body = record(jsonstrict.parse_canonical(data, limit_bytes=BODY_BYTES), _PLAN)
    body.constant("v", 1)
    plan = _plan(body, [_dataset(target) for target in body.records("targets", *_TARGET)])
    return Planned(body.text("request"), plan, _leaves_out(body))


def _leaves_out(body: Record) -> bool:
    """Whether findings say so; of what is no list of findings nothing is read."""
    findings = body.members["findings"]
    listed = findings if isinstance(findings, list) else []
    return any(isinstance(finding, dict) and finding.get("code") == _LEFT_OUT for finding in listed)


def _plan(body: Record, targets: Iterable[Node]) -> Plan:
    lineage, closure = body.record("lineage", "root size"), body.record("closure", "count hash")
    seeds = tuple(_node(value) for value in body.array("seeds"))
    if not seeds:
        raise MalformedError(f"{body.path('seeds')} is empty, and a plan begins somewhere")
    count, hash = closure.integer("count"), closure.digest("hash")
    return Plan(lineage.integer("size"), lineage.digest("root"), seeds, count, hash, frozenset(targets))


def _dataset(target: Record) -> Node:
    return _node(target.members["dataset"])


def _node(value: object) -> Node:
    node = node_of(value, "dataset")
    if node is None or not isinstance(value, dict) or len(value) != 2:
        raise MalformedError("a dataset is not a namespace and a name")
    return node
