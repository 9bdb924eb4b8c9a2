"""By when: the house's own 72 hours for a certificate, whatever it says, and what the law of the request allows.

Pure arithmetic on the moment at which the request was received; being late is derived, never stored.

Source: GDPR Art. 12(3), one month; CCPA regulations s.7021(b), 45 calendar days.
"""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from typing import Final

from ledger.clock import parse_at, print_at

CERTIFICATE: Final = timedelta(hours=72)
CCPA: Final = timedelta(days=45)


def certificate_due(received: str) -> str:
    """Return when the certificate must have been issued, as an entry prints times."""
    return print_at(parse_at(received) + CERTIFICATE)


def statutory_due(regulation: str, received: str) -> str | None:
    """Return when the request must have been answered by law; None where no law is named."""
    moment = parse_at(received)
    if regulation == "gdpr":
        return print_at(a_month_after(moment))
    return print_at(moment + CCPA) if regulation == "ccpa" else None


def a_month_after(moment: datetime) -> datetime:
    """Return the same day of the next month, or that month's last day where it has no such day."""
    year, month = (moment.year, moment.month + 1) if moment.month < 12 else (moment.year + 1, 1)
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
