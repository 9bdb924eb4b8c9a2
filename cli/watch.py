"""Draws a page again and again on a terminal, until `q`, ctrl-C or the end of its input; elsewhere once."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live

from cli.output import say

_WIDTH: Final = 120  # of a page that nobody's terminal bounds
_LEAVE: Final = (b"q", b"Q", b"")  # the last: there is no more input


def draw(page: Callable[[], RenderableType], *, every: float, once: bool) -> None:
    """Draw `page`, every so many seconds, until somebody has seen enough.

    Args:
        once: Draw it once and end, as where standard output is no terminal.
    """
    if once or not sys.stdout.isatty():
        console = Console(width=None if sys.stdout.isatty() else _WIDTH)
        with console.capture() as captured:
            console.print(page())
        say(captured.get().rstrip("\n"))
        return
    first = page()  # it may take long, and ctrl-C ends it as it ends everything
    with (
        _interrupts() as interrupted,
        _keyboard() as keyboard,
        Live(first, console=Console(), screen=True, auto_refresh=False) as live,
    ):
        live.refresh()
        while not _is_enough(interrupted, keyboard, every):
            live.update(page(), refresh=True)


def _is_enough(interrupted: int, keyboard: int | None, seconds: float) -> bool:
    """Wait so long; True as soon as somebody wants to leave."""
    end = monotonic() + seconds
    listened = [interrupted] if keyboard is None else [interrupted, keyboard]
    while (left := end - monotonic()) > 0:
        ready = select.select(listened, [], [], left)[0]
        if interrupted in ready:
            return True
        # One byte, and past any buffer: what a buffer holds already, `select` would wait for.
        if ready and keyboard is not None and os.read(keyboard, 1) in _LEAVE:
            return True
    return False


@contextmanager
def _interrupts() -> Iterator[int]:
    """Hand over what can be read from once ctrl-C was pressed.

    Nothing is torn by it meanwhile: an exception in the middle of taking the terminal would leave it taken, and a mask of
    this thread does not keep the signal from another one's.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.signal(signal.SIGINT, lambda *_: None)
    told_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(told_before)
        signal.signal(signal.SIGINT, before)
        os.close(reader)
        os.close(writer)


@contextmanager
def _keyboard() -> Iterator[int | None]:
    """Hand over what can be read from once a key was pressed; None where nobody could press one."""
    import termios
    import tty

    if not sys.stdin.isatty():
        yield None
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
