"""What our own form says and ODCS cannot: kept in a custom property, each part beside what a reader would have read instead.

    customProperties:
      - property: tallystick
        vendor: tallystick
        value: {policy: {value: {block_at: 0.3}, instead_of: "none"}}

A part holds while the rest of the document still says what it said when the part was written. When somebody has edited
that, which of both is meant would be a guess, and the document is refused.
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects.draft import Draft
from contracts.dialects.place import Place

PROPERTY: Final = "tallystick"


def digest(value: Any) -> str:
    """Return a hash of what was read of one key; "none" when nothing was."""
    if value is None:
        return "none"
    return hashlib.sha256(json.dumps(_spelt(value), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def difference(wanted: dict[str, Any], derived: dict[str, Any]) -> dict[str, Any]:
    """Return the parts that a document needs in order to be read as `wanted` where it would be read as `derived`."""
    keys = dict.fromkeys([*wanted, *derived])
    return {
        key: {"value": wanted.get(key), "instead_of": digest(derived.get(key))}
        for key in keys
        if digest(wanted.get(key)) != digest(derived.get(key))
    }


def restored(draft: Draft, root: Place, chosen: Place) -> yamlsafe.Parsed:
    """Return what was read of a document, with the parts of its own property in their places.

    Raises:
        MalformedError: A part stands for something that the document no longer says.
    """
    own = _own(root)
    if own is None:
        return draft.parsed()
    _forget(draft)
    for part in own.members():
        value, instead = part.mapping().get("value"), part.need("instead_of").text()
        if digest(draft.value.get(part.key)) != instead:
            what = f"{chosen.key or 'the object'} was edited since its {part.key} was written here"
            raise part.error(what, hint=f"remove {part.key} here, so that the rest of the document holds")
        draft.value.pop(part.key, None)
        if value is not None:
            draft.copy((part.key,), Place(part.parsed, part.name, (*part.path, "value"), value))
    return draft.parsed()


def _own(root: Place) -> Place | None:
    listed = root.get("customProperties")
    for item in listed.items() if listed is not None else ():
        said = item.mapping()
        if said.get("property") == PROPERTY and said.get("vendor") == PROPERTY and isinstance(said.get("value"), dict):
            return item.get("value")
    return None


def _forget(draft: Draft) -> None:
    """Take our own property out of what is kept of the document."""
    annotations = draft.value.get("annotations", {})
    others = [each for each in annotations.get("customProperties", ()) if each.get("vendor") != PROPERTY]
    annotations["customProperties"] = others
    if not others:
        del annotations["customProperties"]
    if not annotations:
        del draft.value["annotations"]


def _spelt(value: Any) -> Any:
    """A value in which equal numbers are spelt alike."""
    if isinstance(value, dict):
        return {key: _spelt(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_spelt(item) for item in value]
    if isinstance(value, Decimal):
        return ["decimal", f"{value.normalize():f}" if value else "0"]
    return value
