"""The page of the deletion certificate names every member and every word that the code can print."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from lineage.deletion import certificate, facts, request, run
from lineage.deletion.certificate import Certificate, CertifiedTarget
from proofs import edges

PAGES = Path(__file__).parents[2] / "docs" / "formats"
MODELS: list[type[Any]] = [
    request.DeletionRequest,
    request.Subject,
    request.Identity,
    facts.Dataset,
    facts.Residual,
    facts.Place,
    facts.Component,
    facts.Before,
    facts.Target,
    facts.Position,
    facts.ClosureSummary,
    facts.Finding,
    facts.Planned,
    facts.Executed,
    facts.Verified,
    certificate.Deadlines,
    certificate.PlanSummary,
    CertifiedTarget,
    Certificate,
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_member_stands_on_the_page(model: type[Any]) -> None:
    page = (PAGES / "deletion-certificate.md").read_text()

    assert [name for name in model.model_fields if f'"{name}":' not in page] == []


def test_every_word_stands_on_the_page() -> None:
    page = (PAGES / "deletion-certificate.md").read_text()
    words = {
        *get_args(certificate.Outcome),
        *get_args(certificate.TargetOutcome),
        *get_args(facts.Action),
        *get_args(facts.Control),
        *get_args(request.Regulation),
        run.NO_ADAPTER,
        run.NO_IDENTITY,
        certificate.NOT_FOUND_ANYWHERE,
        facts.SOURCE,
        *(kind.type for kind in (facts.Planned, facts.Executed, facts.Verified, Certificate)),
    }

    assert sorted(word for word in words if word not in page) == []


def test_the_page_of_lineage_names_every_state_and_the_bound() -> None:
    page = (PAGES / "lineage.md").read_text()

    assert [state for state in edges.STATES if f"`{state}`" not in page] == []
    assert f"more than {edges.PAIRS_PER_NAME} times" in page
