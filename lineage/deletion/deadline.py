"""By when: the house's own 72 hours for a certificate, whatever it says, and what the law of the request allows.

Pure arithmetic on the moment at which the request was received; being late is derived, never stored.

Source: GDPR Art. 12(3), one month; CCPA regulations s.7021(b), 45 calendar days.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ledger.clock import parse_at, print_at
from proofs.errors import MalformedError

CERTIFICATE: Final = timedelta(hours=72)
CCPA: Final = timedelta(days=45)


def certificate_due(received: str) -> str:
    """Return when the certificate must have been issued, as an entry prints times.

    Raises:
        MalformedError: The calendar ends before that.
    """
    return _due(received, lambda moment: moment + CERTIFICATE)


def statutory_due(regulation: str, received: str) -> str | None:
    """Return when the request must have been answered by law; None where no law is named.

    Raises:
        MalformedError: The calendar ends before that.
    """
    if regulation == "gdpr":
        return _due(received, a_month_after)
    return _due(received, lambda moment: moment + CCPA) if regulation == "ccpa" else None


def _due(received: str, later: Callable[[datetime], datetime]) -> str:
    try:
        return print_at(later(parse_at(received)))
    except (OverflowError, ValueError) as error:
        # Whoever appends a request chooses the time in it; it must stop no projection.
        raise MalformedError(f"request of {received[:4]} has no deadline that the calendar knows") from error


def a_month_after(moment: datetime) -> datetime:
    """Return the same day of the next month, or that month's last day where it has no such day."""
    year, month = (moment.year, moment.month + 1) if moment.month < 12 else (moment.year + 1, 1)
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
