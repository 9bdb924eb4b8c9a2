"""Draws a page again and again on a terminal, until `q`, ctrl-C or the end of its input; elsewhere once."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console, RenderableType
from rich.live import Live

from cli.output import say

_WIDTH = 120  # of a page that nobody's terminal bounds


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
    try:
        with _keys() as pressed, _screen(page()) as live:
            while not _is_enough(pressed, every):
                live.update(page(), refresh=True)
    except KeyboardInterrupt:
        return  # that is how one leaves


@contextmanager
def _screen(first: RenderableType) -> Iterator[Live]:
    """Hold the whole terminal. Whenever ctrl-C comes, it is given back: nobody interrupts the taking and the giving."""
    live = Live(first, console=Console(), screen=True, auto_refresh=False)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    live.start(refresh=True)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield live
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        live.stop()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_enough(pressed: Callable[[float], str | None], seconds: float) -> bool:
    """Wait so long; True as soon as somebody wants to leave."""
    end = monotonic() + seconds
    while (left := end - monotonic()) > 0:
        key = pressed(left)
        if key in ("q", "Q", "\x03", ""):
            return True
    return False


@contextmanager
def _keys() -> Iterator[Callable[[float], str | None]]:
    """Hand over what waits for a key so many seconds: the key, None for none, "" where there is no more input."""
    import termios
    import tty

    if not sys.stdin.isatty():
        yield _no_key
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        # One byte, and past any buffer: what a buffer holds already, `select` would wait for.
        yield (
            lambda seconds: (
                os.read(descriptor, 1).decode("latin-1") if select.select([descriptor], [], [], seconds)[0] else None
            )
        )
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _no_key(seconds: float) -> None:
    """Wait, where nobody could press one."""
    select.select([], [], [], seconds)
