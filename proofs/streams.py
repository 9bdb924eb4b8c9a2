"""Which streams an event is filed in: a pure function of its header and its body as stored.

Names are as received, never from aliases. The tables below are docs/formats/streams.md; nothing else decides.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from proofs import jsonstrict, limits
from proofs.digest import sha256
from proofs.entry import FORBIDDEN
from proofs.errors import MalformedError

CONTINUED: Final = "tallystick.ledger.continued.v1"
OTHERS_PER_ENTRY: Final = limits.MAX_STREAMS - 2

OPENLINEAGE_TYPES: Final = frozenset(f"tallystick.lineage.{kind}-observed.v1" for kind in ("run", "job", "dataset"))
_DOMAIN_AREAS: Final = frozenset(
    ["lineage", "contract", "validation", "quarantine", "schema", "slo", "source", "residency", "deletion", "subject"]
)
_TALLYSTICK_TYPE: Final = re.compile(r"tallystick\.([a-z]+)\.[a-z-]+\.v1\Z")


class Rule(NamedTuple):
    """One pattern: `path` steps through a body (`*` is every element or member's value) to what names a stream."""

    kind: str
    path: tuple[str, ...]
    only: str = ""  # of a facet that names datasets and jobs: passes over the others, by their `type`


def _rule(kind: str, path: str, *, only: str = "") -> Rule:
    return Rule(kind, tuple(path.split("/")[1:]), only)


_DATASETS: Final = ("/inputs/*", "/outputs/*", "/dataset")
_ENTITIES: Final = (
    *(f"{place}/facets/lineage/{rest}" for place in _DATASETS for rest in ("inputs/*", "fields/*/inputs/*")),
    *(f"/job/facets/lineage/entries/*{rest}" for rest in ("", "/inputs/*", "/fields/*/inputs/*")),
)
OPENLINEAGE_RULES: Final[tuple[Rule, ...]] = (
    *(_rule("dataset", place) for place in _DATASETS),
    *(
        _rule("dataset", f"{place}/facets/columnLineage/{rest}")
        for place in _DATASETS
        for rest in ("fields/*/inputFields/*", "dataset/*")
    ),
    *(_rule(kind, path, only=kind) for path in _ENTITIES for kind in ("dataset", "job")),
    _rule("job", "/job"),
    _rule("run", "/run/runId"),
)
DOMAIN_RULES: Final[tuple[Rule, ...]] = (
    _rule("dataset", "/dataset"),
    _rule("dataset", "/datasets/*"),
    _rule("dataset", "/targets/*/dataset"),
    _rule("job", "/job"),
    _rule("run", "/run"),
    _rule("contract", "/contract/name"),
    _rule("schema", "/schema/subject"),
    _rule("request", "/request"),
)


@lru_cache(maxsize=1024)
def rules_of(type: str) -> tuple[Rule, ...]:
    """Return the rules that file a body of this type; none for types that are filed by type and source alone."""
    if type in OPENLINEAGE_TYPES:
        return OPENLINEAGE_RULES
    match = _TALLYSTICK_TYPE.match(type)
    return DOMAIN_RULES if match and match[1] in _DOMAIN_AREAS else ()


def allowed_kinds(type: str) -> frozenset[str]:
    """Return the kinds of stream, beside `type` and `source`, that an entry of this type can be in."""
    return frozenset(rule.kind for rule in rules_of(type))


def claims_json(datacontenttype: str | None) -> bool:
    """True when the body claims to be JSON: no datacontenttype, or one that says so."""
    if datacontenttype is None:
        return True
    media = datacontenttype.partition(";")[0].strip(" \t").lower()
    return media in ("application/json", "text/json") or media.endswith("+json")


@lru_cache(maxsize=4096)
def stream_name(kind: str, rest: str) -> str:
    """Return the name under which the stream `kind:rest` is filed; a name that cannot stand in an entry is hashed."""
    full = f"{kind}:{rest}"
    if (
        '"' in full
        or "\\" in full
        or (len(full) * 4 > limits.STREAM_NAME_BYTES and len(full.encode()) > limits.STREAM_NAME_BYTES)
        or rest.startswith(("sha256:", "hmac-sha256:"))
        or FORBIDDEN.search(full)
    ):
        return f"{kind}:sha256:{sha256(full.encode()).hex()}"
    return full


def qualified(namespace: str, name: str) -> str:
    """Return `namespace|name` with `%` and `|` of the namespace escaped, so that it can be taken apart again."""
    return f"{namespace.replace('%', '%25').replace('|', '%7C')}|{name}"


def filed(type: str, source: str, datacontenttype: str | None, body: bytes) -> list[str]:
    """Return all streams that an event is filed in, sorted: `type:`, `source:`, and what its body names.

    Args:
        body: The body as stored: parts are `null` in it.
    """
    rules = rules_of(type)
    value = _document(body) if rules and body and claims_json(datacontenttype) else None
    return filed_document(type, source, value)


def filed_document(type: str, source: str, value: Any) -> list[str]:
    """Return all streams of an event whose body was parsed already; None for a body without structure."""
    own = _own(type, source)
    pattern = None if value is None else _pattern_of(type)
    if pattern is None:
        return list(own)
    names = set(own)
    pattern.walk(value, names)
    return sorted(names)


@lru_cache(maxsize=4096)
def _own(type: str, source: str) -> tuple[str, str]:
    """The two streams that every event is in, sorted: "source:" comes before "type:"."""
    return stream_name("source", source), stream_name("type", type)


def _document(body: bytes) -> Any:
    try:
        return jsonstrict.loads_foreign(body)
    except MalformedError:
        return None


class _Pattern:
    """All rules of a table as one tree of steps, so that a body is walked once and only where it has something."""

    __slots__ = ("each", "members", "rules")

    def __init__(self, rules: Iterable[tuple[Rule, tuple[str, ...]]]) -> None:
        """Build the tree from rules, each with what is left of its path."""
        below: defaultdict[str, list[tuple[Rule, tuple[str, ...]]]] = defaultdict(list)
        self.rules: list[Rule] = []
        for rule, path in rules:
            if path:
                below[path[0]].append((rule, path[1:]))
            else:
                self.rules.append(rule)
        each = below.pop("*", None)
        self.each = None if each is None else _Pattern(each)
        self.members = [(step, _Pattern(rest)) for step, rest in below.items()]

    def walk(self, value: Any, names: set[str]) -> None:
        """Add the streams that `value` names; recursion is as deep as the longest path."""
        for rule in self.rules:
            if name := _name(rule, value):
                names.add(name)
        if isinstance(value, dict):
            for step, below in self.members:
                if (inner := value.get(step)) is not None:  # null names nothing
                    below.walk(inner, names)
            if self.each is not None:
                for inner in value.values():
                    self.each.walk(inner, names)
        elif self.each is not None and isinstance(value, list):
            for inner in value:
                self.each.walk(inner, names)


_PATTERNS: Final = {rules: _Pattern((rule, rule.path) for rule in rules) for rules in (OPENLINEAGE_RULES, DOMAIN_RULES)}


@lru_cache(maxsize=1024)
def _pattern_of(type: str) -> _Pattern | None:
    return _PATTERNS.get(rules_of(type))


def _name(rule: Rule, found: Any) -> str | None:
    if rule.kind in ("dataset", "job"):
        if not isinstance(found, dict) or (rule.only and (found.get("type") == "JOB") != (rule.only == "job")):
            return None
        namespace, name = found.get("namespace"), found.get("name")
        if isinstance(namespace, str) and isinstance(name, str) and namespace and name:
            return _qualified_name(rule.kind, namespace, name)
        return None
    return stream_name(rule.kind, found) if isinstance(found, str) and found else None


@lru_cache(maxsize=4096)
def _qualified_name(kind: str, namespace: str, name: str) -> str:
    return stream_name(kind, qualified(namespace, name))


def entry_groups(names: Sequence[str], type: str, source: str) -> list[list[str]]:
    """Return the streams of the event's own entry, then those that each continuation adds, every group sorted.

    The first group holds `type:` and `source:` and at most 126 others; the further ones hold others alone, to which
    the continuation adds its own `type:` and `source:`.
    """
    own = {stream_name("type", type), stream_name("source", source)}
    others = sorted(set(names) - own)
    first, *rest = [others[at : at + OTHERS_PER_ENTRY] for at in range(0, len(others), OTHERS_PER_ENTRY)] or [[]]
    return [sorted([*own, *first]), *rest]
