"""The OpenAPI 3.1 description, made from the table of endpoints: what is not in the table is not served either."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server.errors import PROBLEM
from server.models import Problem
from server.table import Answer, Endpoint, Parameter

_CONVERTER: Final = re.compile(r":[a-z]+\}")
_REF: Final = "#/components/schemas/{model}"
_RETRY: Final = {"retry-after": "seconds until it is worth asking again"}


def describe(endpoints: Sequence[Endpoint], *, version: str) -> dict[str, Any]:
    """Return the description of `endpoints`."""
    models = sorted(_models(endpoints), key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "serialization") for model in models], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(path_of(endpoint), {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tallystick",
            "version": version,
            "summary": "An audit and lineage ledger whose answers prove themselves offline",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def path_of(endpoint: Endpoint) -> str:
    """Return the endpoint's path as OpenAPI writes it."""
    return _CONVERTER.sub("}", endpoint.path)


def _models(endpoints: Sequence[Endpoint]) -> set[type[BaseModel]]:
    answers = [answer for endpoint in endpoints for answer in endpoint.answers.values()]
    return {Problem, *(shape for answer in answers for shape in (answer.shape, answer.or_shape) if shape)}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "responses": {
            **{str(status): _answer(answer) for status, answer in endpoint.answers.items()},
            **{str(status): _problem(status) for status in _problems(endpoint) if status not in endpoint.answers},
        },
        "security": [] if endpoint.roles is None else [{"bearer": []}],
    }
    if endpoint.roles is not None:
        operation["x-roles"] = sorted(endpoint.roles)
    if endpoint.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in endpoint.parameters]
    if endpoint.body is not None:
        content = {
            media: {"schema": dict(schema), "example": example}
            for media, (schema, example) in endpoint.body.media.items()
        }
        operation["requestBody"] = {"description": endpoint.body.says, "required": True, "content": content}
    return operation


def _problems(endpoint: Endpoint) -> list[int]:
    found = {*endpoint.problems, 503}
    if endpoint.roles is not None:
        found |= {401, 403, 429}
    if endpoint.parameters:
        found.add(422)
    if endpoint.body is not None:
        found |= {400, 408, 413, 415, 422}
    return sorted(found)


def _answer(answer: Answer) -> dict[str, Any]:
    content: dict[str, Any] = {}
    shapes = [{"$ref": _REF.format(model=shape.__name__)} for shape in (answer.shape, answer.or_shape) if shape]
    if shapes:
        content["schema"] = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    if answer.example is not None:
        content["example"] = answer.example
    return {
        "description": answer.says,
        "content": {answer.media: content},
        **({"headers": _headers(answer.headers)} if answer.headers else {}),
    }


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM: {"schema": {"$ref": _REF.format(model="Problem")}}},
        **({"headers": _headers(_RETRY)} if status in (429, 503) else {}),
    }


def _headers(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": says, "schema": {"type": "string"}} for name, says in headers.items()}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.says,
        "schema": dict(parameter.schema),
        "example": parameter.example,
    }
