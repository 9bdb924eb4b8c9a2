"""What is wrong with a contract, as whoever wrote it wants to read it: the key, its line, and what was probably meant.

Pydantic finds the faults and speaks of Python; here they become places in the document. A key that nobody knows goes
before a key that is missing: the one is usually the other, misspelt.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from contracts import yamlsafe
from contracts.model import Contract
from contracts.terms import MisplacedError
from proofs.errors import MalformedError
from proofs.report import visible

_SHOWN: Final = 64  # characters of a name in a message
_LISTED: Final = 24  # names in a hint
_SENTENCES: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not a key that a contract knows",
    "model_type": "is not a mapping",
    "dict_type": "is not a mapping",
    "tuple_type": "is not a list",
    "too_short": "is empty",
    "string_type": "is not text; quote it",
    "bool_type": "is neither true nor false",
    "int_type": "is not an integer",
    "union_tag_invalid": "is of no kind that is known",
    "union_tag_not_found": "says no kind",
}
_QUOTED: Final = re.compile(r"'([^']*)'")


def complaint(
    error: ValidationError, parsed: yamlsafe.Parsed, *, name: str, model: type[BaseModel] = Contract
) -> MalformedError:
    """Return what to raise for the first fault in a document, with the line of its key.

    Args:
        name: The document's name, usually its path.
        model: What the document was to be.
    """
    faults = error.errors(include_url=False, include_input=False)
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    place = _place(fault["loc"], parsed.value)
    reason = fault.get("ctx", {}).get("error")
    wrong: object = place[-1] if place else None
    known: Iterable[str] = ()
    if isinstance(reason, MisplacedError):
        place, wrong, known = (*place, *reason.path), reason.wrong, reason.known
    elif fault["type"] == "extra_forbidden":
        known = _keys_at(place[:-1], model)
    elif fault["type"] == "literal_error":
        wrong, known = _at(parsed.value, place), _QUOTED.findall(fault["msg"])
    return MalformedError(
        f"{_path(place)}: {_sentence(fault['type'], fault['msg'])}",
        where=parsed.where(place, name=name),
        hint=_meant(wrong, known),
    )


def _meant(wrong: object, known: Iterable[str]) -> str:
    names = sorted(map(str, set(known)))
    if not names:
        return ""
    if isinstance(wrong, str) and (close := difflib.get_close_matches(wrong[:_SHOWN].lower(), names, n=1)):
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(names[:_LISTED])}{' …' if len(names) > _LISTED else ''}"


def _place(loc: Sequence[Any], value: Any) -> yamlsafe.Path:
    """The part of `loc` that leads somewhere in the document, and one key beyond; pydantic adds steps of its own."""
    path: list[str | int] = []
    for step in loc:
        if isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        elif isinstance(value, dict) and isinstance(step, str):
            if step not in value and step == value.get("kind"):
                continue  # pydantic's name of the member of a union
            value = value.get(step)
        else:
            break
        path.append(step)
    return tuple(path)


def _at(value: Any, place: yamlsafe.Path) -> object:
    for step in place:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _keys_at(place: yamlsafe.Path, root: type[BaseModel]) -> list[str]:
    """The keys of the mapping at `place` in a document."""
    model: type[BaseModel] | None = root
    for step in place:
        if isinstance(step, str) and model is not None:
            fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            model = _model_in(fields.get(step))
    return [] if model is None else [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _path(place: yamlsafe.Path) -> str:
    """The place in words; a name that would not read as one stands quoted."""
    return ".".join(_step(step) for step in place) or "the contract"


def _step(step: str | int) -> str:
    text = str(step)
    return text if re.fullmatch(r"[A-Za-z0-9_*-]{1,64}", text) else repr(text[:_SHOWN])


def _sentence(kind: str, message: str) -> str:
    """Pydantic's message in this project's words: no full stop, no capital."""
    message = message.removeprefix("Value error, ").rstrip(".")
    if kind == "literal_error":
        return f"is not {message.removeprefix('Input should be ')}"
    return visible(_SENTENCES.get(kind, message[:1].lower() + message[1:]))
