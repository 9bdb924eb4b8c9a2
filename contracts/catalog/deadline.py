"""An end to a conversation with whoever does not end it: a byte now and then keeps to every bound on a single read."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def deadline(seconds: float, descriptor: Callable[[], int | None]) -> Iterator[threading.Event]:
    """Shut a connection down when a `with` block takes longer than `seconds`, and set the event that is handed over.

    What reads of the connection finds its end: whether that was the other side's, the event alone says.

    Args:
        descriptor: Returns the connection's file descriptor; None while there is none.
    """

    is_over = threading.Event()

    def cut() -> None:
        is_over.set()
        number = descriptor()
        if number is None or number < 0:
            return
        # A second descriptor of the same connection: the one in use stays its owner's to close.
        with suppress(OSError), socket.socket(fileno=os.dup(number)) as again:
            again.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()
