"""The commit, and an end to waiting for it.

A COMMIT can wait for ever: for a standby that is gone (no time-out of the server reaches that wait), or for a network that
swallows. So it is sent by hand, its answer awaited for so long and no longer, and then the server is asked to give up waiting,
which it answers with a warning: durable here, confirmed nowhere.
"""

from __future__ import annotations

import select
import time
from typing import Any, Final

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

_GIVE_UP_SECONDS: Final = 5.0


def commit(conn: psycopg.Connection[Any], *, seconds: float) -> str | None:
    """Commit, and return the command that the server says it carried out: COMMIT, or ROLLBACK of what had failed before.

    Returns None when there is no answer within `seconds`; the connection is then of no more use.

    Raises:
        psycopg.Error: The server refused, or the connection was lost.
    """
    conn.pgconn.send_query(b"COMMIT")
    result = _answer(conn, time.monotonic() + seconds)
    if result is None:
        conn.cancel_safe(timeout=_GIVE_UP_SECONDS)
        result = _answer(conn, time.monotonic() + _GIVE_UP_SECONDS)
    if result is None:
        return None
    if result.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result, conn.info.encoding)
    return (result.command_status or b"").decode()


def _answer(conn: psycopg.Connection[Any], deadline: float) -> PGresult | None:
    """The last result of what was sent; None when the deadline comes first."""
    pgconn, poll = conn.pgconn, select.poll()
    last: PGresult | None = None
    while True:
        while pgconn.flush() or pgconn.is_busy():
            poll.register(pgconn.socket, select.POLLIN | (select.POLLOUT if pgconn.flush() else 0))
            if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
                return None
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            return last
        last = result
