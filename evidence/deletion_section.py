"""The part of a report that tells of deletions: each certificate, target by target, as the log has it.

A certificate is read as leniently as any body: whoever appended it, what it does not say is shown as not said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from evidence import wording
from evidence.answer import Item
from evidence.markup import Html, Value, badge, code, element, html, join, pairs, section, table
from proofs.derived import CERTIFIED

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
_WORDS: Final = "Payload and key destroyed, as far as each target says; not a statement that anybody is anonymous."


def render(items: Iterable[Item]) -> Html:
    """Return a section with every disclosed deletion certificate; nothing without one."""
    found = [(item, wording.parse(item.body.data)) for item in items if item.entry.type == CERTIFIED]
    told = [_certificate(item, body) for item, body in found if isinstance(body, dict)]
    return section("deletion", "Deletion certificate", *told)


def _certificate(item: Item, body: dict[str, Any]) -> Html:
    outcome = _said(body, "outcome")
    title = join([html(f"Entry {item.entry.seq}: "), badge(outcome, _TONES.get(outcome, "plain"))])
    closure = f"{_said(body, 'plan.closure.count')} datasets, {_said(body, 'plan.closure.hash')}"
    facts = pairs(
        [
            ("Request", code(_said(body, "request"))),
            ("Certificate", code(_said(body, "certificate"))),
            ("Supersedes", _said(body, "supersedes")),
            ("Regulation", _said(body, "regulation")),
            ("Received", _said(body, "received")),
            ("Issued", _said(body, "issued")),
            ("Due", _said(body, "deadlines.certificate")),
            ("Level", _level(_said(body, "level"))),
            ("Ground of refusal", _said(body, "basis")),
            ("Derived datasets at the plan", closure if wording.look(body, "plan.closure") else ""),
            ("Only in contracts", _datasets(wording.look(body, "plan.only_in_contract"))),
            ("Only in lineage", _datasets(wording.look(body, "plan.only_in_lineage"))),
            ("Remarks", ", ".join(map(str, _array(body, "remarks")))),
            ("Residuals", _residuals(_array(body, "residuals"))),
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
    outcome = _said(target, "outcome")
    return (
        _said(target, "id"),
        f"{_said(target, 'dataset.namespace')}|{_said(target, 'dataset.name')}",
        _said(target, "action"),
        badge(outcome, _TONES.get(outcome, "plain")),
        _level(_said(target, "level")),
        _said(target, "matched_before"),
        _said(target, "deleted"),
        _said(target, "matched_after"),
        _residuals(_array(target, "residuals")),
    )


def _said(body: dict[str, Any], path: str) -> str:
    value = wording.look(body, path)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _level(level: str) -> str:
    return f"{level} {_LEVELS[level]}" if level in _LEVELS else level


def _array(body: dict[str, Any], member: str) -> list[Any]:
    value = body.get(member)
    return value if isinstance(value, list) else []


def _datasets(value: Any) -> str:
    named = [f"{_said(one, 'namespace')}|{_said(one, 'name')}" for one in value or () if isinstance(one, dict)]
    return ", ".join(named)


def _residuals(residuals: Iterable[Any]) -> str:
    told = [one for one in residuals if isinstance(one, dict)]
    return ", ".join(f"{_said(one, 'where')}: {_said(one, 'reason')} {_said(one, 'expires')}".strip() for one in told)
