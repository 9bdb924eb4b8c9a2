"""The options by which a command is told of a stream; what they lead to is imported when there is one (cli.commands.streams)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream is read and cut, as the command line says it."""

    window: str | None
    event_time: str | None
    lateness: str | None
    idle: str | None
    follow: bool
    stream: str | None
    max_rows: int
    max_bytes: int
    brokers: str | None
    kafka_settings: str | None
    accept_loss: bool


_OPTIONS: Final = (
    click.option("--window", metavar="SIZE", help="Of a stream: decide each 10000 rows, or each 5m (s, m, h, d)."),
    click.option("--event-time", metavar="COLUMN", help="The timestamp that says when a row happened."),
    click.option("--lateness", metavar="TIME", help="How late a row may come (30s, 5m); at once unless stated."),
    click.option("--idle", metavar="TIME", help="Decide what is open when nothing came for so long."),
    click.option("--follow", is_flag=True, help="Wait for more until a signal comes."),
    click.option("--stream", metavar="NAME", help="What the stream is called in the log."),
    click.option(
        "--max-rows", type=click.IntRange(1), default=1_000_000, help="Of open windows; then they are decided."
    ),
    click.option("--max-bytes", type=click.IntRange(1), default=1 << 30, help="The same, in bytes on disk."),
    click.option("--brokers", envvar="TALLY_KAFKA_BROKERS", metavar="HOST:PORT,…", help="Where Kafka is."),
    click.option("--kafka-settings", metavar="FILE", help="Lines of key=value: how the cluster is reached."),
    click.option("--accept-loss", is_flag=True, help="Go on although Kafka deleted what was not read yet."),
)


def with_stream(command: _Command) -> _Command:
    """Give a command the options of a stream, which it is handed as one value, `stream`."""
    names = [field.name for field in fields(StreamOptions)]

    def gathered(*arguments: Any, **given: Any) -> Any:
        wanted = StreamOptions(**{name: given.pop(name) for name in names})
        return command(*arguments, stream=wanted, **given)

    gathered.__doc__, gathered.__name__ = command.__doc__, command.__name__
    gathered.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered  # type: ignore[return-value]


def is_stream(data: str | None) -> bool:
    """True where DATA names a stream."""
    return data is not None and data.startswith(("ndjson:", "kafka:"))
