"""The policy file beside dialect (c): from which risk on a batch is alerted of, kept back or blocked, and what fails CI.

risk: {block_threshold: 0.4}
ci: {fail_on: [block]}
decisions: {ALLOW: "< 0.25", ALLOW_WITH_ALERT: "0.25-0.4", BLOCK_AND_ROLLBACK: ">= 0.4"}
"""

from __future__ import annotations

import itertools
import re
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects.draft import Draft
from contracts.dialects.place import Place
from contracts.dialects.sentence import meant, shown

KEYS: Final = frozenset(("risk", "ci", "decisions", "name", "version", "owner", "datasets", "description"))
SIGNS: Final = frozenset(("risk", "ci", "decisions"))
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
UNSTATED: Final = "unstated"
FAILING: Final = {
    **{word: word for word in ("block", "quarantine", "alert")},
    "block_and_rollback": "block",
    "allow_with_alert": "alert",
    "warn": "alert",
}
THRESHOLDS: Final = {
    "block_threshold": "block_at",
    "quarantine_threshold": "quarantine_at",
    "alert_threshold": "alert_at",
    "warn_threshold": "alert_at",
}
DECISIONS: Final = {
    "allow": "",
    "allow_with_alert": "alert_at",
    "quarantine": "quarantine_at",
    "block": "block_at",
    "block_and_rollback": "block_at",
}
_SPAN: Final = re.compile(
    r"(?:(?P<sign><|>=|≥)\s*)?(?P<low>0?\.?[0-9]+(?:\.[0-9]+)?)(?:\s*(?:-|–|\.\.|to)\s*(?P<high>[0-9.]+))?"
)


def is_one(value: Any) -> bool:
    """Whether a document is a policy file of this dialect: it has no name of its own under `policy:`."""
    return isinstance(value, dict) and bool(SIGNS & set(value)) and "policy" not in value


def read(parsed: yamlsafe.Parsed, *, name: str) -> yamlsafe.Parsed:
    """Return a policy file in our own form; unless it says so, it is the file's name, in version 1.0.0, of an unstated owner.

    Raises:
        MalformedError: Something in it cannot be read, or its parts contradict one another; with its line.
    """
    root = Place.root(parsed, name=name)
    draft = Draft(root)
    stem = PurePath(name).name.removesuffix(".yaml").removesuffix(".yml")
    for key, ours, otherwise in (
        ("name", "policy", stem),
        ("version", "version", "1.0.0"),
        ("owner", "owner", UNSTATED),
    ):
        found = root.get(key)
        text = otherwise if found is None else found.text()
        draft.put((ours,), text if ours != "policy" or found or _NAME.fullmatch(text) else "policy", found or root)
    draft.put(("risk",), {}, root.get("risk") or root)
    for member in risk.members() if (risk := root.get("risk")) is not None else ():
        if member.key not in THRESHOLDS:
            raise member.error("is not a key that is known here", hint=meant(member.key, THRESHOLDS))
        _put(draft, THRESHOLDS[member.key], Decimal(member.number()), member)
    if (decisions := root.get("decisions")) is not None:
        _put_decisions(draft, decisions)
    if (ci := root.get("ci")) is not None:
        listed = ci.need("fail_on")
        draft.put(("ci", "fail_on"), [item.word(FAILING) for item in listed.items()], listed)
    if (datasets := root.get("datasets")) is not None:
        draft.copy(("datasets",), datasets)
    for stranger in root.strangers(KEYS):
        raise stranger.error("is not a key that is known here", hint=meant(stranger.key, KEYS))
    return draft.parsed()


def _put(draft: Draft, key: str, value: Decimal, place: Place) -> None:
    known = draft.value["risk"].get(key)
    if known is not None and known != value:
        raise place.error(f"{value} contradicts {known}, which stands for the same further up")
    draft.put(("risk", key), value, place)


def _put_decisions(draft: Draft, decisions: Place) -> None:
    """Each decision's span: a half-open one, or a sign and a number. Where one begins, the one below it ends."""
    spans: list[tuple[Decimal, Decimal | None, str, Place]] = []
    for member in decisions.members():
        word = member.key.lower()
        if word not in DECISIONS:
            raise member.error("is not a decision", hint=f"there are {', '.join(word.upper() for word in DECISIONS)}")
        found = _SPAN.fullmatch(member.text().strip())
        if not found or (found["sign"] and found["high"]):
            raise member.error(
                f"{shown(member.value)} is not a span of risk", hint="as '< 0.25', '0.25-0.4' or '>= 0.4'"
            )
        first = Decimal(found["low"])
        if found["sign"] == "<":
            spans.append((Decimal(0), first, DECISIONS[word], member))
        else:
            high = None if found["high"] is None else _decimal(found["high"], member)
            spans.append((first, high, DECISIONS[word], member))
    spans.sort(key=lambda span: span[0])
    for (_, end, _, _), (begin, _, _, member) in itertools.pairwise(spans):
        if end is not None and end != begin:
            raise member.error(f"begins at {begin}, and the decision below it ends at {end}")
    for begin, _, key, member in spans:
        if key:
            _put(draft, key, begin, member)


def _decimal(text: str, place: Place) -> Decimal:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise place.error(f"{shown(text)} is not a number")
    return Decimal(text)
