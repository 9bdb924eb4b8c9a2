"""The part of a report that tells of deletions: each certificate, target by target, as the log has it.

A certificate is read as leniently as any body: whoever appended it, what it does not say is shown as not said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from evidence import wording
from evidence.answer import Item
from evidence.markup import Html, Value, badge, code, element, html, join, pairs, section, table
from evidence.wording import told
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
_WORDS: Final = "Each target says how far its deletion reaches, L0 to L4. Nothing here says that anybody is anonymous."


def render(items: Iterable[Item]) -> Html:
    """Return a section with every disclosed deletion certificate; nothing without one."""
    found = [(item, wording.parse(item.body.data)) for item in items if item.entry.type == CERTIFIED]
    told_of = [_certificate(item, body) for item, body in found if isinstance(body, dict)]
    return section("deletion", "Deletion certificate", *told_of)


def _certificate(item: Item, body: dict[str, Any]) -> Html:
    outcome = told(body, "outcome")
    title = join([html(f"Entry {item.entry.seq}: "), badge(outcome, _TONES.get(outcome, "plain"))])
    closure = f"{told(body, 'plan.closure.count')} datasets, {told(body, 'plan.closure.hash')}"
    facts = pairs(
        [
            ("Request", _code(told(body, "request"))),
            ("Certificate", _code(told(body, "certificate"))),
            ("Supersedes", told(body, "supersedes")),
            ("Regulation", told(body, "regulation")),
            ("Received", told(body, "received")),
            ("Issued", told(body, "issued")),
            ("Due", told(body, "deadlines.certificate")),
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
        told(target, "matched_before"),
        told(target, "deleted"),
        told(target, "matched_after"),
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
