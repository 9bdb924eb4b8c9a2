"""What docs/formats/contract.md shows is what the code reads, and what the examples say holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contracts.document import parse, read
from contracts.facts import ACTION_TAKEN, CONTRACT_PUBLISHED, OVERRIDDEN, POLICY_PUBLISHED, VALIDATION_DECIDED
from contracts.formats import FORMATS
from contracts.policyfile import parse_policy
from contracts.registry.facts import SCHEMA_PUBLISHED, SCHEMA_REJECTED
from contracts.registry.publish import review
from contracts.registry.schema import read as read_schema
from contracts.registry.store import Published
from contracts.rules import DEFAULT_SEVERITY, rules_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/formats/contract.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples/contracts").glob("*.yaml"))


def test_the_page_shows_a_contract_that_is_accepted() -> None:
    shown, policy = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    contract = parse(shown.encode(), name="contract.md").contract

    assert parse_policy(policy.encode(), name="contract.md").policy.four_eyes
    assert set(DEFAULT_SEVERITY) <= {rule.kind for rule in rules_of(contract)}


def test_the_page_names_every_event() -> None:
    types = (CONTRACT_PUBLISHED, POLICY_PUBLISHED, VALIDATION_DECIDED, OVERRIDDEN, ACTION_TAKEN)
    for type in (*types, SCHEMA_PUBLISHED, SCHEMA_REJECTED):
        assert f"| `{type}` |" in PAGE


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_an_example_is_a_contract(path: Path) -> None:
    assert read(path).contract.name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "needed", "refusal"),
    [
        ("1.0.0", "1.1.0", "minor", None),
        ("1.1.0", "2.0.0", "major", None),
    ],
)
def test_the_example_schemas_have_earned_their_versions(old: str, new: str, needed: str, refusal: str | None) -> None:
    texts = {
        number: (ROOT / f"examples/contracts/schemas/household-{number}.json").read_bytes() for number in (old, new)
    }
    known = Published("household", old, read_schema(texts[old]).sha256, texts[old].decode(), 2)

    reviewed = review([known], new, texts[new])

    assert reviewed.needed is not None
    assert (reviewed.needed.word, reviewed.refusal) == (needed, refusal)


def test_the_page_has_every_form_as_it_is_matched() -> None:
    [shown] = re.findall(r"```\n(uuid .*?)```", PAGE, re.DOTALL)

    assert dict(line.split(maxsplit=1) for line in shown.splitlines()) == FORMATS
