"""probe: does an event that is sent now come back proven?"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from cli.output import say
from cli.session import Session, pass_session, read_input, with_json
from ledger import durable
from ledger.client.probe import SOURCE
from proofs.errors import TallyError


@click.command()
@click.argument("url")
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE", help="Holds the bearer token.")
@click.option(
    "--trust", type=click.Path(path_type=Path), metavar="FILE", help="The trust file; without it nothing is proven."
)
@click.option(
    "--source", default=SOURCE, show_default=True, metavar="URI", help="Who says so; the token must reach it."
)
@click.option("--ca-file", type=click.Path(path_type=Path), metavar="FILE", help="Certificates to trust, as PEM.")
@click.option(
    "--timeout", default=60.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="In seconds."
)
@click.option(
    "--textfile", type=click.Path(path_type=Path), metavar="FILE", help="Write metrics for Prometheus' node exporter."
)
@with_json
@pass_session
def probe(session: Session, /, url: str, **options: object) -> None:
    """Send an event to the server at URL, and see it proven.

    For a cron job.

    Example: tally probe https://ledger.example.org --token-file probe.token --trust trust.txt
    """
    from ledger.client.probe import probe as ask
    from ledger.client.settings import Settings
    from proofs.policy import Policy

    token, trust, ca_file = (options[name] for name in ("token_file", "trust", "ca_file"))
    textfile = options["textfile"]
    timeout = options["timeout"]
    assert isinstance(timeout, float)
    now = datetime.now(UTC)
    try:
        found = ask(
            url,
            now=now,
            token=token if isinstance(token, Path) else None,
            source=str(options["source"]),
            trust=Policy.parse(read_input(str(trust), "trust file")) if trust else None,
            settings=Settings(total_seconds=timeout, ca_file=str(ca_file) if ca_file else None),
        )
    except TallyError:
        if isinstance(textfile, Path):
            _write(textfile, now, {}, is_ok=False)
        raise
    steps = {name: value for name, value in asdict(found).items() if isinstance(value, float)}
    if isinstance(textfile, Path):
        _write(textfile, now, steps, is_ok=True)
    if session.output.as_json:
        session.output.document(asdict(found))
        return
    shown = ", ".join(f"{name} after {value * 1000:.0f} ms" for name, value in steps.items())
    say(f"✓ entry {found.seq}: {shown}" + ("" if found.proven is not None else "; not proven: no --trust was given"))


def _write(path: Path, now: datetime, steps: dict[str, float], *, is_ok: bool) -> None:
    """Replace the file whole: the exporter may read it at any moment."""
    lines = [
        "# TYPE tally_probe_ok gauge",
        f"tally_probe_ok {int(is_ok)}",
        "# TYPE tally_probe_at_seconds gauge",
        f"tally_probe_at_seconds {now.timestamp():.0f}",
    ]
    if steps:
        lines.append("# TYPE tally_probe_seconds gauge")
        lines += [f'tally_probe_seconds{{step="{name}"}} {value:.6f}' for name, value in steps.items()]
    durable.replace(path, ("\n".join(lines) + "\n").encode("ascii"), mode=0o644)
