"""`python -m server.reader FD`: reads batches for the process that started it, one after another, until that goes away.

It holds no part of the log: of the vault it is given the one key by which events are known again, over the socket that it was
started with and never in its arguments or environment. What it cannot answer whole it leaves to who asked.
"""

from __future__ import annotations

import marshal
import signal
import sys
from multiprocessing.connection import Connection

import ledger.lean  # noqa: F401  first, before anything else imports sqlite-utils
from ledger.clock import system_clock
from ledger.intake import Intake
from server.auth import Principal
from server.body import read_counted
from server.errors import TooLargeError
from server.reading import KeyAlone, Row, rows_of


def serve(connection: Connection) -> None:
    """Answer what comes over `connection`, to its end."""
    origin, key = marshal.loads(connection.recv_bytes())  # noqa: S302 - whoever started this wrote it
    intake = Intake(origin=origin, clock=system_clock, vault=None if key is None else KeyAlone(key))
    while True:
        kind, id, roles, sources, namespaces = marshal.loads(connection.recv_bytes())  # noqa: S302
        principal = Principal(id, frozenset(roles), sources, namespaces)
        body = connection.recv_bytes()
        connection.send_bytes(marshal.dumps(_rows(kind, body, principal, intake)))


def _rows(kind: str, body: bytes, principal: Principal, intake: Intake) -> list[Row] | None:
    try:
        return read_counted(body, lambda whole: rows_of(kind, whole, principal, intake))
    except TooLargeError:
        return None


def main() -> None:
    """Serve the socket whose number is the one argument."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; who started this says when it is over
        signal.signal(number, signal.SIG_IGN)
    try:
        serve(Connection(int(sys.argv[1])))
    except (EOFError, ConnectionError):
        return


if __name__ == "__main__":
    main()
