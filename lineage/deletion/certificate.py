"""The deletion certificate: what was asked, planned, done and seen, target by target, graded, without a personal value.

It is assembled from the request's stream alone, by a pure function, and issued whatever the outcome: a certificate that
says `partial` on time is worth more than silence. The event's body is the certificate's bytes. An addendum names what it
supersedes and replaces nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final, Literal
from uuid import UUID, uuid4

from ledger.clock import Clock, print_at
from lineage.deletion.deadline import certificate_due, statutory_due
from lineage.deletion.facts import (
    Action,
    At,
    ClosureSummary,
    Component,
    Control,
    Count,
    Dataset,
    Fact,
    Finding,
    Hex,
    Level,
    Model,
    Place,
    Planned,
    Position,
    RequestId,
    Residual,
    Target,
    Token,
)
from lineage.deletion.history import CERTIFIED, History, Log, append_step, read_history
from proofs.errors import MalformedError, RefusedError

NOT_FOUND_ANYWHERE: Final = "subject-not-found-anywhere"
OWN_RESIDUAL: Final = Residual(where="ledger", reason="sealed-subject-not-erased-yet")
Outcome = Literal["complete", "complete_with_residuals", "partial", "refused"]
TargetOutcome = Literal[
    "erased",
    "not_found",
    "retained",
    "not_applicable",
    "unresolved",
    "pending",
    "failed",
    "unverified",
    "present",
    "inconclusive",
]
_AS_IT_SHOULD: Final = frozenset(("erased", "not_found", "not_applicable"))
_UNTOUCHED: Final[dict[Action, TargetOutcome]] = {
    "retain": "retained",
    "not_applicable": "not_applicable",
    "unresolved": "unresolved",
}


class Deadlines(Model):
    """By when: the certificate, and the answer by law where one is named."""

    certificate: At
    statutory: At | None = None


class PlanSummary(Model):
    """The standing plan: its seq, and everything in it but the targets."""

    seq: Count
    lineage: Position
    seeds: tuple[Dataset, ...]
    closure: ClosureSummary
    only_in_contract: tuple[Dataset, ...]
    only_in_lineage: tuple[Dataset, ...]
    findings: tuple[Finding, ...]


class CertifiedTarget(Model):
    """One target of the standing plan and what became of it; `deleted` and `seqs` are of its steps under every plan."""

    id: Token
    dataset: Dataset
    action: Action
    outcome: TargetOutcome
    level: Level | None = None
    place: Place | None = None
    reason: Token | None = None
    code: Token | None = None
    executor: Component | None = None
    verifier: Component | None = None
    method: Token | None = None
    matched_before: Count | None = None
    deleted: Count | None = None
    matched_after: Count | None = None
    control: Control | None = None
    query: Hex | None = None
    residuals: tuple[Residual, ...] = ()
    seqs: tuple[Count, ...] = ()


class Certificate(Fact):
    """`deletion-certificate.json`."""

    type: ClassVar[str] = CERTIFIED
    role: ClassVar[str] = "certifier"
    ending: ClassVar[bytes] = b"\n"  # the body is a file of the bundle

    certificate: RequestId
    supersedes: RequestId | None = None
    requested: Count
    regulation: Literal["gdpr", "ccpa", "other"]
    channel: Token
    received: At
    issued: At
    deadlines: Deadlines
    on_time: bool
    outcome: Outcome
    level: Level | None = None
    basis: Token | None = None
    plan: PlanSummary | None = None
    targets: tuple[CertifiedTarget, ...] = ()
    remarks: tuple[Token, ...] = ()
    residuals: tuple[Residual, ...] = ()
    erased: Count | None = None


def assemble(history: History, *, id: str, issued: str) -> Certificate:
    """Return the certificate of what the history says, neither more nor less.

    Args:
        id: A fresh UUID.
        issued: The ledger's clock, as an entry prints it.

    Raises:
        MissingError: There is no such request, or it has no plan.
    """
    plan = history.plan
    targets = tuple(_certified(history, target) for target in plan.fact.targets)
    found = any(target.outcome == "erased" for target in targets)
    own = () if history.erased is not None else (OWN_RESIDUAL,)
    certificate = _opened(history, id=id, issued=issued)
    summary = PlanSummary(
        seq=plan.seq,
        lineage=plan.fact.lineage,
        seeds=plan.fact.seeds,
        closure=plan.fact.closure,
        only_in_contract=plan.fact.only_in_contract,
        only_in_lineage=plan.fact.only_in_lineage,
        findings=plan.fact.findings,
    )
    return _checked(
        certificate,
        {
            "outcome": _outcome(plan.fact, targets, own),
            "level": min((target.level for target in targets if target.level), default=None),
            "plan": summary,
            "targets": targets,
            "remarks": () if found else (NOT_FOUND_ANYWHERE,),
            "residuals": own,
            "erased": history.erased,
        },
    )


def refuse(history: History, *, id: str, issued: str, basis: str) -> Certificate:
    """Return the certificate of a refusal; `basis` is the ground ("art17.3.e"), a token.

    Raises:
        MissingError: There is no such request.
        RefusedError: `basis` is not a token, or something was deleted for the request already.
    """
    opened = _opened(history, id=id, issued=issued)
    if done := {step.fact.dataset for step in history.executed if step.fact.outcome == "done"}:
        raise RefusedError(
            f"request {history.request} was carried out at {len(done)} {'target' if len(done) == 1 else 'targets'} already",
            hint="certify what there is: `tally delete certificate`",
        )
    try:
        return _checked(opened, {"outcome": "refused", "basis": basis})
    except MalformedError as error:
        raise RefusedError(f"basis of {len(basis)} characters is not a token", hint="for example art17.3.e") from error


def issue(log: Log, request: str, *, clock: Clock, draw: Callable[[], UUID] = uuid4) -> Certificate:
    """Assemble the certificate of what the log says now, append it, and return it; or the last, where that says the same.

    Raises:
        MissingError: There is no such request, or it has no plan.
    """
    return _appended(log, request, lambda history: assemble(history, id=str(draw()), issued=print_at(clock())))


def issue_refusal(log: Log, request: str, basis: str, *, clock: Clock, draw: Callable[[], UUID] = uuid4) -> Certificate:
    """Append the certificate of a refusal and return it; or the last, where that says the same.

    Raises:
        MissingError: There is no such request.
        RefusedError: `basis` is not a token, or something was deleted for the request already.
        ClosedError: The log is closed.
    """
    return _appended(
        log, request, lambda history: refuse(history, id=str(draw()), issued=print_at(clock()), basis=basis)
    )


def read_certificates(history: History) -> list[tuple[int, Certificate]]:
    """Return (seq, certificate) of every certificate of the request, in log order; what is none is passed over."""
    found = []
    for seq, body in history.certificates:
        try:
            certificate = Certificate.read(body)
        except MalformedError:
            continue
        if certificate.request == history.request:
            found.append((seq, certificate))
    return found


def standing(history: History) -> Certificate | None:
    """Return the last certificate while it says what the log says; None where a new one would say something else.

    Raises:
        MissingError: The request has a certificate and no plan.
    """
    issued = read_certificates(history)
    if not issued:
        return None
    last = issued[-1][1]
    now = assemble(history, id=last.certificate, issued=last.issued)
    return last if _matter(now) == _matter(last) else None


def _checked(certificate: Certificate, update: dict[str, object]) -> Certificate:
    """The certificate with its findings, read back as strangers will read it."""
    return Certificate.read(certificate.model_copy(update=update).body())


def _appended(log: Log, request: str, make: Callable[[History], Certificate]) -> Certificate:
    while True:  # once more where somebody else certified in the meantime
        history = read_history(log, request)
        certificate, issued = make(history), read_certificates(history)
        if issued and _matter(issued[-1][1]) == _matter(certificate):
            return issued[-1][1]
        number = len(history.certificates) + 1
        event = certificate.event(f"certified/{number}")
        if append_step(log, event, request, partial(_has_certificates, number=number)) is not None:
            return certificate


def _has_certificates(history: History, *, number: int) -> bool:
    return len(history.certificates) >= number


def _matter(certificate: Certificate) -> Certificate:
    # Without what tells two certificates of the same apart: which is which, when each was issued, and behind what.
    return certificate.model_copy(update={"certificate": "", "issued": "", "supersedes": None, "on_time": True})


def _opened(history: History, *, id: str, issued: str) -> Certificate:
    opening = history.opening
    earlier = [certificate for _, certificate in read_certificates(history)]
    due = certificate_due(opening.fact.received)
    return Certificate(
        request=history.request,
        certificate=id,
        supersedes=earlier[-1].certificate if earlier else None,
        requested=opening.seq,
        regulation=opening.fact.regulation,
        channel=opening.fact.channel,
        received=opening.fact.received,
        issued=issued,
        deadlines=Deadlines(certificate=due, statutory=statutory_due(opening.fact.regulation, opening.fact.received)),
        # Of the first certificate: an addendum comes when a residual expires, and is not late for that.
        on_time=(earlier[0].issued if earlier else issued) <= due,
        outcome="partial",
    )


def _outcome(plan: Planned, targets: tuple[CertifiedTarget, ...], own: tuple[Residual, ...]) -> Outcome:
    outcomes = {target.outcome for target in targets}
    if "erased" not in outcomes or outcomes - _AS_IT_SHOULD or plan.left_out:
        return "partial"
    return "complete_with_residuals" if own or any(target.residuals for target in targets) else "complete"


def _certified(history: History, target: Target) -> CertifiedTarget:
    certified = CertifiedTarget(
        id=target.id,
        dataset=target.dataset,
        action=target.action,
        outcome=_UNTOUCHED.get(target.action, "pending"),
        level="L0" if target.action in ("delete", "unresolved") else None,
        place=target.place,
        reason=target.reason,
        matched_before=target.before.matched if target.before else None,
    )
    every, looks = history.steps_at(target.dataset)
    if every:
        seqs = tuple(sorted([step.seq for step in every] + [step.seq for step in looks]))
        certified = certified.model_copy(update={"deleted": sum(step.fact.rows for step in every), "seqs": seqs})
    executions, verifications = history.executions(target), history.verifications(target)
    if not executions:
        return certified
    done = executions[-1].fact
    certified = certified.model_copy(
        update={
            "outcome": "unverified" if done.outcome == "done" else "failed",
            "level": "L1" if done.outcome == "done" else "L0",
            "executor": done.executor,
            "method": done.method,
            "code": done.code,
            "residuals": done.residuals if done.outcome == "done" else target.residuals,
        }
    )
    seen = [step.fact for step in verifications if step.fact.executed == executions[-1].seq]
    if not seen:
        return certified
    last = seen[-1]
    counted = 0 if last.query is None else history.counted(target, last.query)
    update: dict[str, object] = {
        "verifier": last.verifier,
        "matched_before": counted if last.query else certified.matched_before,
        "matched_after": last.matched if last.query else None,
        "control": last.control,
        "query": last.query,
        "code": certified.code or last.code,
    }
    if done.outcome == "done":
        update["outcome"] = last.result
    if done.outcome == "done" and last.result == "absent":
        update |= {"outcome": "erased" if counted or certified.deleted else "not_found", "level": last.level}
    return certified.model_copy(update=update)
