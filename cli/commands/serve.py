"""serve: the HTTP service, as a program of its own.

Command line and server are strangers: nothing of the one is imported by the other. This command becomes `python -m server`,
so that signals, exit status and output are the server's own.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from cli.session import Session, pass_session, with_json
from proofs.errors import MissingError

_NEEDED = ("httptools", "jwt", "prometheus_client", "starlette", "uvicorn", "zstandard")


@click.command()
@click.option("--bind", default="127.0.0.1:8470", show_default=True, metavar="HOST:PORT", help="Port 0: a free one.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes; on SQLite one is the fastest.")
@click.option("--readers", type=int, metavar="N", help="Processes that read batches for each; by default by the cores.")
@click.option("--open-on-loopback", is_flag=True, help="Ask for no credential; refused but on a loopback address.")
@click.option("--checkpoint-every", type=float, default=5.0, show_default=True, metavar="SECONDS", help="0: never.")
@click.option("--census-every", type=float, default=0.0, show_default=True, metavar="SECONDS", help="0: never.")
@click.option("--tls-cert", type=click.Path(path_type=Path), metavar="FILE", help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Its private key, PEM.")
@click.option("--oidc-issuer", metavar="URL", help="Accept JSON Web Tokens of this issuer.")
@click.option("--oidc-audience", metavar="NAME", help="That are meant for this audience.")
@click.option("--oidc-jwks", metavar="FILE|URL", help="Signed with one of these keys.")
@click.option(
    "--rate", type=float, default=0.0, show_default=True, metavar="N", help="Requests a second of a credential."
)
@click.option("--verbose", is_flag=True, help="Journal every request.")
@with_json
@pass_session
def serve(session: Session, /, **options: object) -> None:
    """Take events in, and answer about the log, over HTTP.

    Example: tally --ledger sqlite:///audit.db serve --bind 127.0.0.1:8470
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise MissingError(
            f"the service needs {', '.join(missing)}, which is not installed", hint="pip install 'tallystick[server]'"
        )
    options |= {"ledger": session.named_url(), "home": session.home, "passphrase_file": session.passphrase_file}
    said = json.dumps({**options, "as_json": session.output.as_json}, default=str)
    # -P: a folder named `server` where this is called must not be taken for ours.
    tree = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (tree, os.environ.get("PYTHONPATH"))))
    sys.stdout.flush()
    os.execve(  # noqa: S606 - no shell
        sys.executable,
        [sys.executable, "-P", "-m", "server"],
        {**os.environ, "PYTHONPATH": path, "TALLY_SERVE": said},
    )
