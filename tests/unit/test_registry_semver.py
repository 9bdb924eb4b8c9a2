"""Semantic versions: what is one, which comes first, and which step is large enough."""

from __future__ import annotations

import pytest

from contracts.registry.semver import Bump, Version, enough
from proofs.errors import MalformedError

# The order of Semantic Versioning 2.0.0, section 11, and its neighbours.
ASCENDING = [
    "0.0.0", "0.0.1", "0.9.0", "0.10.0",
    "1.0.0-0", "1.0.0-1", "1.0.0-10", "1.0.0-a", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
    "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "2.0.0", "10.0.0",
]  # fmt: skip


def test_the_order_is_that_of_section_11() -> None:
    assert [str(version) for version in sorted(map(Version.parse, reversed(ASCENDING)))] == ASCENDING


@pytest.mark.parametrize(
    "text",
    [
        *ASCENDING,
        "1.0.0+build",
        "1.0.0-rc.1+20261120.sha-5114f85",
        "1.0.0--.-",
        "99999999999.0.0",
        "1.0.0-" + "a" * 122,
    ],
)
def test_a_version_prints_as_it_was_written(text: str) -> None:
    assert str(Version.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.0 ", " 1.0.0", "01.0.0", "1.00.0", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "1.0.0+",
     "1.0.0+a..b", "1.0.0-ä", "-1.0.0", "1.0.0\n", "1.0.0-a_b", "１.0.0", "1.0.0" + "-a" * 100],
)  # fmt: skip
def test_anything_else_is_no_version(text: str) -> None:
    with pytest.raises(MalformedError, match="is not a semantic version"):
        Version.parse(text)


def test_versions_are_equal_when_neither_comes_first() -> None:
    versions = [Version.parse(text) for text in ASCENDING]

    assert [(one, other) for one in versions for other in versions if (one == other) != (one is other)] == []
    assert Version.parse("1.0.0") != "1.0.0"


def test_build_metadata_takes_no_part_in_the_order() -> None:
    assert Version.parse("1.0.0+a") == Version.parse("1.0.0+b")
    assert len({Version.parse("1.0.0+a"), Version.parse("1.0.0")}) == 1


@pytest.mark.parametrize(
    ("older", "newer", "largest"),
    [
        ("1.4.2", "1.4.3", Bump.PATCH),
        ("1.4.2", "1.5.0", Bump.MINOR),
        ("1.4.2", "2.0.0", Bump.MAJOR),
        ("1.4.2", "2.0.0-rc.1", Bump.MAJOR),
        ("1.4.2", "3.7.1", Bump.MAJOR),
        ("0.4.2", "0.4.3", Bump.MINOR),  # nothing is promised below 1.0.0: a patch announces all that does not break
        ("0.4.2", "0.5.0", Bump.MAJOR),
        ("0.4.2", "1.0.0", Bump.MAJOR),
    ],
)
def test_a_step_is_enough_for_changes_up_to_its_size(older: str, newer: str, largest: Bump) -> None:
    fitting = [needed for needed in Bump if enough(Version.parse(older), Version.parse(newer), needed)]

    assert fitting == [needed for needed in Bump if needed <= largest]
