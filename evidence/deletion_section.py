"""The part of a report that tells of deletions: each certificate, target by target, as the log has it, and by when.

A certificate is read as leniently as any body: whoever appended it, what it does not say is shown as not said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from evidence import wording
from evidence.answer import Item
from evidence.markup import Html, Value, badge, code, element, html, join, minutes, pairs, section, table
from evidence.wording import told
from lineage.deletion.deadline import certificate_due, statutory_due
from lineage.deletion.request import REQUESTED
from proofs.derived import CERTIFIED
from proofs.entry import check_at
from proofs.errors import MalformedError

TARGET_ROWS: Final = 300
_TONES: Final = {
    "complete": "good",
    "complete_with_residuals": "warn",
    "partial": "bad",
    "refused": "bad",
    "erased": "good",
    "not_found": "good",
    "not_applicable": "plain",
    "retained": "warn",
    "unresolved": "warn",
    "unverified": "warn",
    "pending": "warn",
    "failed": "bad",
    "present": "bad",
}
_LEVELS: Final = {
    "L0": "instructed",
    "L1": "attested by the store",
    "L2": "not retrievable",
    "L3": "not retrievable from history",
    "L4": "unreadable everywhere",
}
_ANSWERS: Final = frozenset(("complete", "complete_with_residuals", "refused"))
_NO_LAW: Final = "the regulation named no time"
_WORDS: Final = "Each target says how far its deletion reaches, L0 to L4. Nothing here says that anybody is anonymous."


def render(items: Iterable[Item], *, at: str, asked: str | None = None) -> Html:
    """Return a section with every disclosed deletion certificate and what is asked without one; nothing without either.

    Args:
        at: Of the census: what had no certificate then, and should have had, is late.
        asked: The request that was asked about, which comes first; None where it was something else.
    """
    read = [(item, wording.parse(item.body.data)) for item in items if item.entry.type in (CERTIFIED, REQUESTED)]
    found = [(item, body) for item, body in read if isinstance(body, dict)]
    certificates = [body for item, body in found if item.entry.type == CERTIFIED]
    answered = {told(body, "request") for body in certificates}
    found.sort(key=lambda pair: told(pair[1], "request") != asked)
    told_of = [
        _certificate(item, body, certificates, at) if item.entry.type == CERTIFIED else _open_request(item, body, at)
        for item, body in found
        if item.entry.type == CERTIFIED or told(body, "request") not in answered
    ]
    return section("deletion", "Deletion", *told_of)


def _open_request(item: Item, body: dict[str, Any], at: str) -> Html:
    """A request that no certificate in the bundle answers."""
    received, regulation = told(body, "received"), told(body, "regulation")
    try:
        due = (certificate_due(received), statutory_due(regulation, received)) if _is_at(received) else ("", None)
    except MalformedError:
        due = ("", None)
    facts = pairs(
        [
            ("Request", _code(told(body, "request"))),
            ("Regulation", regulation),
            ("Received", _moment(received)),
            ("Certificate due", _deadline(due[0], None, at=at)),
            ("Due by law", _deadline(due[1] or "", None, at=at)),
        ]
    )
    title = _title(item, body, "asked in", badge("no certificate", "warn"))
    return join([element("h3", title), facts], "\n")


def _title(item: Item, body: dict[str, Any], where: str, state: Html) -> Html:
    request = told(body, "request")
    return join([html("Request "), code(request), html(f", {where} entry {item.entry.seq}: "), state])


def _is_at(text: str) -> bool:
    try:
        return check_at(text) == text
    except ValueError:
        return False


def _moment(text: str) -> Value:
    return join([minutes(text), html(" UTC")]) if _is_at(text) else text


def _deadline(due: str, kept: str | None, *, at: str = "") -> Value:
    """A deadline, and whether it was kept.

    Args:
        kept: When that was done for which there was time; None when it was not.
        at: Until when that is known.
    """
    if not _is_at(due):
        return due
    if kept is not None and _is_at(kept):
        verdict = badge("kept", "good") if kept <= due else badge("missed", "bad")
    elif kept is None and _is_at(at):
        verdict = badge("open at the census", "warn") if at <= due else badge("missed", "bad")
    else:
        verdict = html("")
    return join([_moment(due), html(" "), verdict])


def _answer(body: dict[str, Any], certificates: Iterable[dict[str, Any]]) -> str | None:
    """When the request was first answered: deleted, or refused with a ground; a partial deletion is no answer."""
    request = told(body, "request")
    times = [
        told(one, "issued")
        for one in certificates
        if told(one, "request") == request and told(one, "outcome") in _ANSWERS and _is_at(told(one, "issued"))
    ]
    return min(times, default=None)


def _certificate(item: Item, body: dict[str, Any], certificates: Sequence[dict[str, Any]], at: str) -> Html:
    outcome, issued = told(body, "outcome"), told(body, "issued")
    title = _title(item, body, "certificate in", badge(outcome, _TONES.get(outcome, "plain")))
    closure = f"{told(body, 'plan.closure.count')} datasets, {told(body, 'plan.closure.hash')}"
    first = min(told(one, "issued") for one in certificates if told(one, "request") == told(body, "request"))
    by_law = told(body, "deadlines.statutory")
    facts = pairs(
        [
            ("Request", _code(told(body, "request"))),
            ("Certificate", _code(told(body, "certificate"))),
            ("Supersedes", _code(told(body, "supersedes"))),
            ("Regulation", told(body, "regulation")),
            ("Received", _moment(told(body, "received"))),
            ("Issued", _moment(issued)),
            ("Certificate due", _deadline(told(body, "deadlines.certificate"), first)),
            ("Due by law", _deadline(by_law, _answer(body, certificates), at=at) if by_law else _NO_LAW),
            ("Level", _level(told(body, "level"))),
            ("Ground of refusal", told(body, "basis")),
            ("Derived datasets at the plan", closure if wording.look(body, "plan.closure") else ""),
            ("Only in contracts", _datasets(body, "plan.only_in_contract")),
            ("Only in lineage", _datasets(body, "plan.only_in_lineage")),
            ("Remarks", ", ".join(remark for remark in _array(body, "remarks") if isinstance(remark, str))),
            ("Residuals", _residuals(body)),
        ]
    )
    targets = _array(body, "targets")
    head = ("Target", "Dataset", "Action", "Outcome", "Level", "Before", "Deleted", "After", "Residuals")
    rows = [_target(target) for target in targets[:TARGET_ROWS] if isinstance(target, dict)]
    rest = html(f"{len(rows)} of {len(targets)} targets; all of them stand in certificates/.")
    cut = element("p", rest, class_="soft") if len(rows) < len(targets) else Html("")
    words = element("p", _WORDS, class_="soft")
    return join([element("h3", title), facts, table(head, rows), cut, words], "\n")


def _target(target: dict[str, Any]) -> tuple[Value, ...]:
    outcome = told(target, "outcome")
    return (
        told(target, "id"),
        f"{told(target, 'dataset.namespace')}|{told(target, 'dataset.name')}",
        told(target, "action"),
        badge(outcome, _TONES.get(outcome, "plain")),
        _level(told(target, "level")),
        wording.count(told(target, "matched_before")),
        wording.count(told(target, "deleted")),
        wording.count(told(target, "matched_after")),
        _residuals(target),
    )


def _code(text: str) -> Value:
    return code(text) if text else ""


def _level(level: str) -> str:
    return f"{level} {_LEVELS[level]}" if level in _LEVELS else level


def _array(body: dict[str, Any], path: str) -> list[Any]:
    found = wording.look(body, path)
    return found if isinstance(found, list) else []


def _datasets(body: dict[str, Any], path: str) -> str:
    return ", ".join(f"{told(one, 'namespace')}|{told(one, 'name')}" for one in _array(body, path))


def _residuals(body: dict[str, Any]) -> str:
    known = _array(body, "residuals")
    return ", ".join(f"{told(one, 'where')}: {told(one, 'reason')} {told(one, 'expires')}".strip() for one in known)
