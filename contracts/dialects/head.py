"""What every dialect says of itself in nearly the same words: name, version, owner, description, tags."""

from __future__ import annotations

import re
from typing import Final

from contracts.dialects.draft import DEFAULT_NAMESPACE, DEFAULT_VERSION, Draft
from contracts.dialects.place import Place
from contracts.dialects.sentence import shown

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NUMBERED: Final = re.compile(r".*[^0-9A-Za-z][vV]([1-9][0-9]{0,5})")
_SHORT: Final = re.compile(r"v?(0|[1-9][0-9]{0,8})(\.(?:0|[1-9][0-9]{0,8}))?(\.(?:0|[1-9][0-9]{0,8}))?([-+].*)?")
_COPIED: Final = ("owner", "description", "classification", "tags", "documentation_url")
COPIED: Final = frozenset((*_COPIED, "on_call", "runbook"))
STATUSES: Final = {
    **{word: word for word in ("proposed", "draft", "active", "deprecated", "sunset", "retired")},
    "production": "active",
    "current": "active",
    "development": "draft",
    "test": "draft",
}


def put_name(draft: Draft, place: Place) -> None:
    """Take the name of the contract from a place, which also names its dataset."""
    if not _IDENTIFIER.fullmatch(place.text()):
        raise place.error(
            f"{shown(place.text())} cannot be a name", hint="a name is 1 to 128 letters, digits, . _ and -"
        )
    draft.put(("name",), place.text(), place)


def put_dataset(draft: Draft, place: Place, namespace: Place | str | None) -> None:
    """Put down which dataset is meant; where no namespace is written, the caller's or the default one."""
    draft.put(("dataset", "name"), place.text(), place)
    if isinstance(namespace, Place):
        draft.put(("dataset", "namespace"), namespace.text(), namespace)
    else:
        draft.put(("dataset", "namespace"), namespace or DEFAULT_NAMESPACE, place)


def put_version(draft: Draft, root: Place, name: Place) -> None:
    """Take the version from `version:`, or else from a name that ends in `_v1`; else it is the first."""
    if (place := root.get("version")) is None:
        found = _NUMBERED.fullmatch(str(name.value))
        draft.put(("version",), f"{found[1]}.0.0" if found else DEFAULT_VERSION, name)
        return
    text = place.text()
    found = _SHORT.fullmatch(text)
    if not found:
        raise place.error(f"{shown(text)} is not a version", hint="write it as 1.0.0")
    whole = f"{found[1]}{found[2] or '.0'}{found[3] or '.0'}{found[4] or ''}"
    draft.put(("version",), whole, place)
    if whole != text:
        draft.keep(place)


def put_common(draft: Draft, root: Place) -> None:
    """Take over the keys that mean the same in our own form."""
    for key in _COPIED:
        if (place := root.get(key)) is not None:
            draft.put((key,), place.texts() if key == "tags" else place.text(), place)
    for key in ("on_call", "runbook"):
        if (place := root.get(key)) is not None:
            draft.put(("responsible", key), place.text(), place)
    if (status := root.get("status")) is not None:
        draft.put(("status",), status.word(STATUSES), status)
