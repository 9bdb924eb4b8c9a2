"""`python -m server`: what `tally serve` becomes. Its options are the command's, handed over as JSON in the environment.

Never on the command line, which every process of the machine can read: the address of a ledger may hold a password.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Final

import ledger.lean  # noqa: F401  first, before anything else imports sqlite-utils
from proofs.errors import TallyError
from proofs.exits import USAGE, status_of
from server.settings import Settings

OPTIONS: Final = "TALLY_SERVE"


def main() -> int:
    """Serve; returns the exit status."""
    from server.run import run

    options = os.environ.pop(OPTIONS, None)
    if options is None:
        sys.stderr.write("tally: the service is started by `tally serve`\n")
        return USAGE
    given = json.loads(options)
    try:
        run(Settings.of_options(given))
    except TallyError as error:
        sys.stderr.write(_said(error, as_json=given["as_json"]))
        return status_of(error)
    return 0


def _said(error: TallyError, *, as_json: bool) -> str:
    """A refusal as the command line prints it."""
    if as_json:
        found = {"code": error.code, "hint": error.hint, "message": error.what, "status": status_of(error)}
        return json.dumps({"error": {**found, "where": error.where}}, ensure_ascii=False, separators=(",", ":")) + "\n"
    return f"tally: {error}\n" + (f"  hint: {error.hint}\n" if error.hint else "")


if __name__ == "__main__":
    sys.exit(main())
