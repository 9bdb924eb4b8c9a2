"""Placing a legal hold on what exists: a request of this log, a person whose events are sealed here, or an identity.

A hold that matches nothing looks like one that works until somebody's data are gone. So a bare name must be a request;
with a person or an identity it is the name of the case. An identity may come later: it is held from the first request on
that writes it, and stands nowhere but as a keyed hash in the vault.

Source: docs/adr/0006-a-hold-can-end.md.
"""

from __future__ import annotations

from pydantic import ValidationError

from ledger import holds
from ledger.log import Ledger
from lineage.deletion.history import read_history
from lineage.deletion.request import Identity
from proofs.errors import MissingError, RefusedError


def place(log: Ledger, case: str, *, person: str | None = None, identity: tuple[str, str] | None = None) -> str:
    """Place a hold and return its id: from now on `run` and `certificate` are refused for whoever it is about.

    Args:
        case: The id of a request in this log; or, with a person or an identity, any name (`docket-2026-17`).
        person, identity: As `ledger.holds.hold`.

    Raises:
        MissingError: A bare case is no request of this log, or nothing is sealed for the person; nothing was held.
        RefusedError: Something is no text that could be named, or both are given.
    """
    holds.check_token(case, "a case")
    if identity is not None:
        _check_identity(*identity)
    elif person is None and read_history(log, case).requested is None:
        raise MissingError(
            f"the log has no request {case}",
            hint="name a request, or hold whoever bears an identity: --identity customer=-",
        )
    return holds.hold(log, case, person=person, identity=identity)


def _check_identity(kind: str, value: str) -> None:
    """Accept what a request could write: anything else would never match one."""
    try:
        Identity(type=kind, value=value)
    except ValidationError:
        pass
    else:
        return
    # Outside the handler, so that nothing is chained: pydantic's error holds the value.
    raise RefusedError("no request can name that identity", hint="write it as a request does: --identity customer=c7")
