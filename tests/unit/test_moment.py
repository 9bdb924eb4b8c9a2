"""A moment as people type it becomes the one spelling of an entry, or is refused."""

from __future__ import annotations

import pytest

from proofs.moment import as_at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-20T09:15:00Z", "2026-11-20T09:15:00.000000Z"),
        ("2026-11-20T09:15:00.5Z", "2026-11-20T09:15:00.500000Z"),
        ("2026-11-20T09:15:00.123456Z", "2026-11-20T09:15:00.123456Z"),
        ("2026-11-20t09:15:00z", "2026-11-20T09:15:00.000000Z"),
        ("2026-11-20T09:15:00+00:00", "2026-11-20T09:15:00.000000Z"),
        ("2024-02-29", "2024-02-29T00:00:00.000000Z"),
    ],
)
def test_a_moment_in_utc_is_taken_with_or_without_a_fraction(text: str, at: str) -> None:
    assert as_at(text) == at


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is neither YYYY-MM-DD nor YYYY-MM-DDThh:mm:ssZ"),
        ("2026-11-20T09:15Z", "is neither"),
        ("2026-11-20T09:15:00", "is neither"),
        ("2026-11-20T09:15:00+01:00", "is neither"),
        ("2026-11-20T09:15:00.1234567Z", "is neither"),
        ("2026-11-20T09:15:00.Z", "is neither"),
        ("2026-11-20\n", "is neither"),
        ("٢٠٢٦-11-20", "is neither"),
        ("2026-02-29", "time '2026-02-29' is not a real one in UTC"),
        ("2026-11-20T23:59:60Z", "is not a real one in UTC"),
        ("x" * 100_000, "is neither"),
    ],
)
def test_what_is_no_moment_in_utc_is_refused_in_one_short_sentence(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="time '") as caught:
        as_at(text)

    assert complaint in str(caught.value)
    assert len(str(caught.value)) < 160
