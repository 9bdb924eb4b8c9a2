"""`python -m server`: what `tally serve` starts, and what a service manager may start itself."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from proofs.errors import RefusedError, TallyError
from proofs.exits import status_of
from server.settings import Settings


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(prog="tally serve", description="Serve a ledger over HTTP.", allow_abbrev=False)
    add = options.add_argument
    add("--ledger", required=True, metavar="URL", help="sqlite:///path")
    add("--home", type=Path, metavar="DIR", help="where keyrings stand")
    add("--passphrase-file", type=Path, metavar="FILE", help="holds the passphrase of the keys")
    add("--bind", default="127.0.0.1:8470", metavar="HOST:PORT", help="where to listen; port 0 takes a free one")
    add("--workers", type=int, default=1, metavar="N", help="processes")
    add("--open-on-loopback", action="store_true", help="ask for no credential; refused but on a loopback address")
    add("--checkpoint-every", type=float, default=5.0, metavar="SECONDS", help="sign while the log grows; 0: never")
    add("--census-every", type=float, default=0.0, metavar="SECONDS", help="count streams likewise; 0: never")
    add("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM")
    add("--tls-key", type=Path, metavar="FILE", help="its private key, PEM")
    add("--oidc-issuer", metavar="URL", help="accept JSON Web Tokens of this issuer")
    add("--oidc-audience", metavar="NAME", help="that are meant for this audience")
    add("--oidc-jwks", metavar="FILE|URL", help="signed with one of these keys")
    add("--rate", type=float, default=0.0, metavar="N", help="requests a second of one credential; 0: any")
    add("--verbose", action="store_true", help="journal every request")
    add("--json", action="store_true", dest="as_json", help="print the ready line as JSON")
    return options


def settings_of(arguments: list[str]) -> Settings:
    """Return checked settings.

    Raises:
        RefusedError: One is not acceptable.
    """
    given = vars(parser().parse_args(arguments))
    host, colon, port = given.pop("bind").rpartition(":")
    if not colon or not port.isdigit():
        raise RefusedError("bind is not HOST:PORT")
    oidc = {name: given.pop(f"oidc_{name}") for name in ("issuer", "audience", "jwks")}
    if any(oidc.values()) and not all(oidc.values()):
        raise RefusedError("--oidc-issuer, --oidc-audience and --oidc-jwks go together")
    return Settings.of(
        host=host.strip("[]"),
        port=int(port),
        checkpoint_seconds=given.pop("checkpoint_every"),
        census_seconds=given.pop("census_every"),
        oidc=oidc if all(oidc.values()) else None,
        **given,
    )


def main(arguments: list[str]) -> int:
    """Serve; returns the exit status."""
    from server.run import run

    try:
        run(settings_of(arguments))
    except TallyError as error:
        hint = f"\n  hint: {error.hint}" if error.hint else ""
        sys.stderr.write(f"tally: {error}{hint}\n")
        return status_of(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
