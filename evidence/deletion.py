"""A person's deletion from request to certificate, with what lineage and contracts each know of where the person went.

request   the person sealed as a part of `deletion.requested`
plan      the lineage closure at a signed checkpoint, compared with what the contracts declare, counted before anything goes
run       each target deleted, then looked at by somebody else; may run again after a crash
certify   the person erased from this ledger too, then the certificate, whatever the outcome
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from contracts.inforce import in_force
from evidence.advice import Remark, foreseen, next_step
from evidence.dispositions import Decided, Known, dispositions, place_of
from ledger import holds
from ledger.clock import print_at
from ledger.closing import check_open
from ledger.disclosure import open_part
from ledger.erasure import erase_person
from ledger.holds import vault_beside
from ledger.log import Ledger
from ledger.replay import replayed
from lineage import query
from lineage.deletion import certificate, plan, run, verify
from lineage.deletion.certificate import Certificate
from lineage.deletion.facts import Executed, Place, Planned, Target, Verified
from lineage.deletion.history import History, read_history
from lineage.deletion.request import DeletionRequest, Subject, new_request, read_subject
from lineage.deletion.targets.duckdb import DuckDBExecutor, DuckDBVerifier
from lineage.graph import LineageProjection
from proofs.errors import IncompleteError, MissingError, TallyError
from proofs.statement import Node

SUBJECT: Final = "/subject"
_NOTHING_DECIDED: Final = Decided()


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Where the datasets of one namespace are: tables "schema.name" of one DuckDB file."""

    namespace: str
    path: Path


@dataclass(frozen=True, slots=True)
class Made:
    """A plan as it was recorded, and what is to be known before it is run.

    Attributes:
        held: Id of the legal hold with which `carry_out` would be refused now; None without one.
        remarks: On the targets that a run will not settle, or that a contract once spoke of otherwise.
        unread_contracts: Seqs of publications that could not be read; what they declare was not followed.
    """

    fact: Planned
    held: str | None
    remarks: tuple[Remark, ...]
    unread_contracts: tuple[int, ...]


def request(
    log: Ledger,
    identities: Iterable[tuple[str, str]],
    *,
    regulation: str,
    datasets: Iterable[Node] = (),
    channel: str = "api",
) -> DeletionRequest:
    """Record a request; whom it is about is sealed, and stands in no entry.

    Args:
        identities: (type, value), for example ("household_id", "2317").
        datasets: Where the deletion begins.

    Raises:
        RefusedError: Something is not acceptable; nothing was written, and the message quotes nothing.
    """
    made = new_request(
        identities, regulation=regulation, received=print_at(log.clock()), channel=channel, datasets=datasets
    )
    log.record([made.event(person=pseudonym(made.request), source=log.origin)])
    if made.subject is not None:
        _identify(log, made.request, made.subject)
    return made


def make(
    log: Ledger,
    request: str,
    warehouses: Sequence[Warehouse],
    *,
    reader: str,
    decided: Decided = _NOTHING_DECIDED,
) -> Made:
    """Plan a deletion: sign a checkpoint, take the closure, compare it with the contracts, count, record.

    Args:
        reader: The pseudonym of whoever does this; opening the sealed person is recorded under it.
        decided: What the operator says of datasets of which contracts do not say it, or not as one. It stands in this plan
            alone: the next one asks again.

    Raises:
        MissingError: There is no such request, its person was erased, or it names no dataset to begin with; or something was
            decided of a dataset that is no target.
        RefusedError: Two things were decided of one dataset, or a ground is not a token.
    """
    history = read_history(log, request)
    seeds = [dataset.node for dataset in history.opening.fact.datasets]
    if not seeds:
        raise MissingError(f"request {request} names no dataset to begin with", hint="name it with --dataset")
    signed = log.checkpoint().checkpoint
    # From the entries that were signed and from no stored view: a row that was taken out of one would be a dataset forgotten.
    bound = in_force(log.store, signed.size)
    with replayed(log.store, LineageProjection(), signed.size) as db:
        closure = query.closure(db, seeds, node_limit=None, taken_back=True).distance
        unread = query.findings(db)
        declared = query.declared(db, closure, bound.propagated)
    # What an earlier plan knew stays known: a contract that speaks of it no longer has not deleted anything.
    earlier = places_of(history)
    declared |= earlier.keys() - closure.keys()
    everywhere = {node for node in (*closure, *declared) if node.kind == "dataset"}
    stores = {warehouse.namespace for warehouse in warehouses}
    subject = _subject(log, request, reader=reader, purpose="plan")
    verifiers = _verifiers(warehouses)
    types = {identity.type for identity in subject.identities}
    known = Known(bound, stores, types, earlier, partial(_has_column, verifiers))
    decided.check(everywhere, known)
    draft = plan.make_plan(
        request,
        plan.Lineage(signed.size, signed.root.hex(), closure, unread),
        seeds=seeds,
        declared=declared,
        dispositions=dispositions(everywhere, known, decided),
        at=print_at(log.clock()),
    )
    fact = run.record_plan(log, run.survey(draft, verifiers, subject)).fact
    refusal = holds.refusal(log, pseudonym(request), request)
    return Made(fact, None if refusal is None else refusal.hold, tuple(foreseen(fact, known)), bound.unread)


def carry_out(
    log: Ledger, request: str, warehouses: Sequence[Warehouse], *, reader: str
) -> tuple[list[Executed], list[Verified]]:
    """Delete at every target of the plan and have each looked at by another component; what is done is not done twice.

    Raises:
        MissingError: There is no plan, or the person was erased.
        HeldError: A legal hold stands on the request or on whom it is about; nothing was touched.
    """
    _ = read_history(log, request).opening
    _check_free(log, request)
    subject = _subject(log, request, reader=reader, purpose="run")
    _check_free(log, request)  # only now is it certain that the vault knows whom it is about
    executors = {warehouse.namespace: DuckDBExecutor(warehouse.path) for warehouse in warehouses}
    executed = run.execute(log, request, executors, subject, clock=log.clock)
    verified = verify.verify(log, request, _verifiers(warehouses), subject, clock=log.clock)
    return executed, verified


def certify(log: Ledger, request: str, *, even_if_partial: bool = False) -> Certificate:
    """Erase the person from this ledger and issue the certificate of what the log says.

    The erasure is final: afterwards nobody knows whom to delete. So it waits until every target of the plan was seen empty.
    Asked again, the last certificate is returned as long as it says what the log says; else an addendum supersedes it.

    Args:
        even_if_partial: Erase and certify although targets are left, because the 72 hours are over.

    Raises:
        MissingError: There is no such request, or it has no plan; nothing was erased.
        IncompleteError: Targets are left; nothing was erased.
        HeldError: A legal hold stands on the request or on whom it is about; nothing was erased.
        ClosedError: The log is closed, so that no certificate can be issued; nothing was erased.
    """
    check_open(log.store)
    history = read_history(log, request)
    _ = history.opening, history.plan
    if history.erased is None:
        if not vault_beside(log).docket.is_identified(vault_beside(log).lookup(pseudonym(request))):
            _subject(log, request, reader="certifier", purpose="hold-check")  # the vault is another than at the plan
        _check_free(log, request)
    waiting = _left(history)
    if waiting and not even_if_partial:
        name = waiting[0].dataset.node.text[:120]
        raise IncompleteError(
            f"{len(waiting)} of {len(history.plan.fact.targets)} targets are not seen empty yet, {name!r} first",
            hint="run `tally delete run` again; or certify what there is with --even-if-partial, which is final",
        )
    if history.erased is None:
        erase_person(log, pseudonym(request), request=request)
    elif (unchanged := certificate.standing(history)) is not None:
        return unchanged
    return certificate.issue(log, request, clock=log.clock)


def left(log: Ledger, request: str) -> list[tuple[str, Remark]]:
    """Return the datasets of the plan that were not seen empty yet although they should be, each with what to do.

    Raises:
        MissingError: There is no such request, or it has no plan.
    """
    history = read_history(log, request)
    return [(target.dataset.node.text, next_step(history, target)) for target in _left(history)]


def _left(history: History) -> list[Target]:
    return [target for target in history.plan.fact.targets if not _is_settled(history, target)]


def _is_settled(history: History, target: Target) -> bool:
    if target.action in ("retain", "not_applicable"):
        return True
    seen = history.verifications(target)
    return target.action == "delete" and bool(seen) and seen[-1].fact.result == "absent"


def places_of(history: History) -> dict[Node, frozenset[Place]]:
    """Return every dataset of every plan, with all places where one of them looked for the person there."""
    found: dict[Node, set[Place]] = {}
    for step in history.plans:
        for target in step.fact.targets:
            found.setdefault(target.dataset.node, set()).update([target.place] if target.place else [])
    return {node: frozenset(places) for node, places in found.items()}


def _has_column(verifiers: Mapping[str, DuckDBVerifier], node: Node, column: str) -> bool:
    place, verifier = place_of(node, column), verifiers.get(node.namespace)
    if place is None or verifier is None:
        return False
    try:
        verifier.probe(place, ())
    except MissingError:
        return False
    except TallyError:
        return True  # what could not be looked at is not known to be without
    return True


def _verifiers(warehouses: Sequence[Warehouse]) -> dict[str, DuckDBVerifier]:
    return {warehouse.namespace: DuckDBVerifier(warehouse.path) for warehouse in warehouses}


def _subject(log: Ledger, request: str, *, reader: str, purpose: str) -> Subject:
    history = read_history(log, request)
    seq = history.opening.seq
    if history.erased is not None and certificate.read_certificates(history):
        raise MissingError(
            f"request {request} is certified, which is final: nobody knows any more whom it is about",
            hint="`tally delete certificate REQUEST --show` shows the certificate; what is left is asked for anew",
        )
    subject = read_subject(open_part(log, seq, SUBJECT, reader=reader, purpose=f"deletion-{purpose}"))
    _identify(log, request, subject)
    return subject


def _identify(log: Ledger, request: str, subject: Subject) -> None:
    """Let the vault know, by keyed hashes, whom a request is about: a hold may name one of the identities."""
    vault = vault_beside(log)
    hashes = [vault.lookup_identity(identity.type, identity.value) for identity in subject.identities]
    vault.docket.identify(vault.lookup(pseudonym(request)), hashes)


def _check_free(log: Ledger, request: str) -> None:
    holds.check_free(log, pseudonym(request), request)


def pseudonym(request: str) -> str:
    """Return the person of a request as the vault knows them, who is never named."""
    # Of the request and not of the person: the vault finds the key again without anybody telling it who it is about.
    return f"request:{request}"
