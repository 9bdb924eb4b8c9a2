"""Batches are read beside the process that holds the log: reading is more than half of the work, and needs no lock.

    loop ── body ──► thread ══ socket ══► process: cut, check, prepare          (server.reader)
    writer ◄─ prepared ─ thread ◄═ rows ═══╝

A process decides nothing, and its death loses nothing: what it leaves open, or took along, is read again here. Where more
batches wait than the processes are worth, the rest are read here as well, so that no core is idle.
"""

from __future__ import annotations

import asyncio
import marshal
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any, Final

from ledger.intake import Prepared
from server.auth import Principal
from server.journal import Journal
from server.reading import prepared_of

LEAST_BYTES: Final = 1 << 15  # what is shorter is read before it would have crossed
MOST_BYTES: Final = 1 << 23
_WAITING: Final = 64  # batches for each process
_ANSWER_SECONDS: Final = 60.0
_END_SECONDS: Final = 5.0
_REST_SECONDS: Final = 1.0  # before the next one is started where one died
_SECRETS: Final = frozenset(("TALLY_KEY_PASSPHRASE", "TALLY_SERVE", "TALLY_SERVER"))


class Aside:
    """The reading processes of one worker, each with a thread that talks to it."""

    def __init__(self, count: int, *, origin: str, key: bytes | None, journal: Journal) -> None:
        """Start `count` processes.

        Args:
            key: By which the log knows events again; None where it cannot.
        """
        self._count = count
        self._terms = marshal.dumps((origin, key))
        self._journal = journal
        self._waiting = 0
        self._resting_until = 0.0
        self._threads = ThreadPoolExecutor(max(count, 1), "tally-aside")
        # One place for each process; None where there is none now.
        self._free: SimpleQueue[_Reader | None] = SimpleQueue()
        for _ in range(count):
            self._free.put(self._started())

    async def read(self, kind: str, body: bytes, principal: Principal) -> Sequence[Prepared] | None:
        """Return the events of a batch, prepared; None where it has to be read here.

        Args:
            kind: One of `server.reading.BATCHES`.
        """
        if not self._count or not LEAST_BYTES <= len(body) <= MOST_BYTES:
            return None
        if self._waiting >= _WAITING * self._count:
            return None
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, kind, body, principal)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let what is being read be read, and end the processes."""
        self._threads.shutdown(wait=True)
        for _ in range(self._count):
            if (reader := self._free.get()) is not None:
                reader.end()

    def _read(self, kind: str, body: bytes, principal: Principal) -> list[Prepared] | None:
        asked = marshal.dumps((kind, principal.id, [*principal.roles], principal.sources, principal.namespaces))
        reader = self._free.get() or self._started()
        try:
            rows = None if reader is None else reader.ask(asked, body)
        except (OSError, EOFError, ValueError, TypeError) as error:  # it died, hangs, or said half of something
            if reader is not None:
                reader.end()
                reader = None
            self._rest(error)
            return None
        finally:
            self._free.put(reader)
        return None if rows is None else prepared_of(rows, body)

    def _started(self) -> _Reader | None:
        """Another process; None where the last one died just now, or none can be started."""
        if monotonic() < self._resting_until:
            return None
        try:
            return _Reader(self._terms)
        except OSError as error:
            self._rest(error)
            return None

    def _rest(self, error: Exception) -> None:
        self._resting_until = monotonic() + _REST_SECONDS
        self._journal("reader-lost", detail=type(error).__name__)


class _Reader:
    """One process, and this end of the socket to it."""

    def __init__(self, terms: bytes) -> None:
        """Start it; it answers as soon as it has imported what it needs.

        Raises:
            OSError: It cannot be started.
        """
        tree = str(Path(__file__).parents[1])
        path = os.pathsep.join(filter(None, (tree, os.environ.get("PYTHONPATH"))))
        environ = {name: value for name, value in os.environ.items() if name not in _SECRETS}
        ours, theirs = socket.socketpair()
        waits = struct.pack("ll", int(_ANSWER_SECONDS), 0)
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):  # one that was stopped takes nothing, and hangs nobody
            ours.setsockopt(socket.SOL_SOCKET, option, waits)
        self._connection = Connection(ours.detach())
        try:
            # -P: a folder named `server` where this was called must not be taken for ours.
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", "server.reader", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**environ, "PYTHONPATH": path},
            )
        except OSError:
            self._connection.close()
            raise
        finally:
            theirs.close()
        self._connection.send_bytes(terms)  # a few bytes: they wait in the socket until they are read

    def ask(self, asked: bytes, body: bytes) -> Any:
        """Return what it answers.

        Raises:
            OSError, EOFError: It is gone, or does not answer.
        """
        self._connection.send_bytes(asked)
        self._connection.send_bytes(body)
        if not self._connection.poll(_ANSWER_SECONDS):
            raise TimeoutError
        return marshal.loads(self._connection.recv_bytes())  # noqa: S302 - our own program wrote it

    def end(self) -> None:
        """Hang up, upon which it ends; make sure that it did."""
        self._connection.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
