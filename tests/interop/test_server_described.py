"""The OpenAPI description, held against the server by schemathesis: every endpoint, whatever it invents, and no 5xx."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.endpoints import description

SCHEMA = schemathesis.openapi.from_dict(description())
OPERATIONS: dict[str, Any] = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations()}  # type: ignore[union-attr]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_every_endpoint_is_tried() -> None:
    assert len(OPERATIONS) == sum(len(methods) for methods in description()["paths"].values())


@pytest.mark.parametrize(
    ("label", "mode"),
    [
        (label, mode)
        for label, operation in OPERATIONS.items()
        for mode in schemathesis.GenerationMode
        # Of a request that takes nothing there is no wrong one.
        if mode is schemathesis.GenerationMode.POSITIVE or operation.body or list(operation.iter_parameters())
    ],
    ids=lambda value: getattr(value, "value", value),
)
def test_no_invented_request_breaks_the_service_or_its_description(served: Any, label: str, mode: Any) -> None:
    @settings(
        max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def answers(case: Any) -> None:
        case.call_and_validate(base_url=served.url, checks=CHECKS)

    answers()
