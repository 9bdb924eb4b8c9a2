"""The JSON Schemas of our own form and of a policy, made of the models that read them; and their parts, for the dialects."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from contracts.model import Contract
from contracts.policyfile import PolicyFile
from contracts.schemas.shape import Shape, has

_ATTRIBUTE: Final = re.compile(r"^    (\w[\w, ]*): (.+?)(?=\n    \w[\w, ]*: |\Z)", re.MULTILINE | re.DOTALL)
_EMPTY: Final[tuple[object, ...]] = (None, [], {}, ())
# Models of which every member is optional, and one is needed.
_ONE_OF: Final = {
    "Bounds": ("min", "max", "above", "below"),
    "Privacy": ("subject_key", "pii"),
    "Responsible": ("on_call", "runbook"),
}


def contract() -> Shape:
    """Our own form of a contract."""
    return _of(Contract)


def policy() -> Shape:
    """Our own form of a policy."""
    return _of(PolicyFile)


def parts(*names: str) -> dict[str, Shape]:
    """Definitions of our own form by name, and all that they refer to."""
    known: dict[str, Shape] = contract()["$defs"]
    found: dict[str, Shape] = {}
    wanted = list(names)
    while wanted:
        if (name := wanted.pop()) not in found:
            found[name] = known[name]
            wanted.extend(_referred(known[name]))
    return {name: found[name] for name in sorted(found)}


class _Plain(GenerateJsonSchema):
    """Numbers by their value where the library would spell a decimal as text."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, BaseModel):
            return {}
        if isinstance(dft, Decimal):
            return int(dft) if dft == int(dft) else float(dft)
        return super().encode_default(dft)


def _of(model: type[BaseModel]) -> Shape:
    schema = model.model_json_schema(by_alias=True, schema_generator=_Plain)
    tidied: Shape = _tidied(schema)
    defs = tidied["$defs"]
    for each in (tidied, *defs.values()):
        _describe(each)
    if "Privacy" in defs:
        _widen(tidied, defs)
    return tidied


def _widen(schema: Shape, defs: dict[str, Shape]) -> None:
    """What the models take in short before they check it: a key as its columns, a dataset by its name, one for all rules."""
    columns = defs["Key"]["properties"]["columns"]
    schema["properties"]["keys"]["items"] = {"anyOf": [{"$ref": "#/$defs/Key"}, columns]}
    targets = defs["Privacy"]["properties"]["deletion_propagation"]
    targets["items"] = {"anyOf": [{"$ref": "#/$defs/Dataset"}, defs["Dataset"]["properties"]["name"]]}
    fields = defs["FieldSpec"]["properties"]
    for key in ("severity", "weight", "tolerance"):
        each = fields[key]["additionalProperties"]
        fields[key] = {"anyOf": [each, {"type": "object", "additionalProperties": each}]} | {
            "description": "One for every rule of the field, or by kind of rule; * stands for those that are not named."
        }
    for name, keys in _ONE_OF.items():
        defs[name]["anyOf"] = [has(key) for key in keys]


def _tidied(value: Any, *, is_named: bool = False) -> Any:
    """Without the titles that only repeat a key, and without defaults that say nothing."""
    if isinstance(value, list):
        return [_tidied(item) for item in value]
    if not isinstance(value, dict):
        return value
    if is_named:
        return {key: _tidied(item) for key, item in value.items()}
    return {
        key: item if key == "default" else _tidied(item, is_named=key in ("properties", "$defs"))
        for key, item in value.items()
        if key not in ("title", "discriminator") and not (key == "default" and item in _EMPTY)
    }


def _describe(schema: Shape) -> None:
    """Give each member what the docstring of its model says of it, and the model its first sentence."""
    says = str(schema.get("description", ""))
    head, _, attributes = says.partition("\n\nAttributes:\n")
    if says:
        schema["description"] = " ".join(head.split())
    for names, text in _ATTRIBUTE.findall(attributes):
        for name in names.split(", "):
            if name in schema.get("properties", {}):
                schema["properties"][name]["description"] = " ".join(text.split())


def _referred(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for item in value for name in _referred(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"].removeprefix("#/$defs/")] if isinstance(value.get("$ref"), str) else []
    return [*own, *(name for key, item in value.items() if key != "$ref" for name in _referred(item))]
