"""How long the client waits: random, doubling, capped, and as the server asks within reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ledger.client.patience import backoff, retry_after
from ledger.client.settings import Settings

NOW = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
SETTINGS = Settings(backoff_seconds=0.5, backoff_cap_seconds=60, retry_after_cap_seconds=300)


@pytest.mark.parametrize(
    ("failures", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (50, 60.0), (10**6, 60.0)]
)
def test_the_bound_doubles_up_to_its_cap(failures: int, bound: float) -> None:
    assert backoff(failures, SETTINGS, draw=lambda: 1.0) == bound
    assert backoff(failures, SETTINGS, draw=lambda: 0.25) == bound / 4


def test_the_whole_wait_is_drawn() -> None:
    assert backoff(9, SETTINGS, draw=lambda: 0.0) == 0.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("301", 300.0),
        ("9" * 400, 300.0),
        ("Fri, 20 Nov 2026 09:15:30 GMT", 30.0),
        ("Friday, 20-Nov-26 09:15:30 GMT", 30.0),
        ("Fri Nov 20 09:15:30 2026", 30.0),
        ("Fri, 20 Nov 2026 09:14:00 GMT", 0.0),
        ("Sat, 20 Nov 2066 09:14:00 GMT", 300.0),
        (None, None),
        ("", None),
        ("-7", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("Fri, 99 Nov 2026 09:15:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_capped(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW, SETTINGS) == seconds


@pytest.mark.parametrize(
    "wrong",
    [{"on_full": "drop"}, {"batch_events": 0}, {"batch_events": 1_001}, {"limit_bytes": 0}, {"total_seconds": -1}],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)  # type: ignore[arg-type]
