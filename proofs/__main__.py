"""The verifier's command line, and all of its input and output: `python -I -S verify.pyz --trust FILE BUNDLE`.

Reads at most three files, prints one verdict and ends with its status; nothing else is opened, asked or written.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from stat import S_ISREG
from typing import Final

from proofs import limits, report
from proofs.entry import check_at
from proofs.errors import MalformedError, MissingError
from proofs.report import Verdict
from proofs.view import verify_bundle

_EPILOG: Final = """\
exit status: 0 verified, 2 wrong call, 3 tampered, 4 malformed, 5 incomplete, 6 unverifiable, 7 stale, 8 missing
"""
_EXAMPLE: Final = "2026-11-20T00:00:00.000000Z"


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify one bundle, print the verdict and return the exit status.

    Args:
        arguments: Without the program's name; None takes the process's.
    """
    options = _parser().parse_args(arguments)
    try:
        verdict = verify_bundle(
            _read(options.bundle, "bundle", limits.ZIP_BYTES),
            trust=_read_optional(options.trust, "trust file"),
            expected_head=_read_optional(options.expect_head, "expected head"),
            not_before=options.not_before,
        )
    except (MissingError, MalformedError) as error:
        verdict = report.refused(error)
    _print(verdict, as_json=options.json)
    return verdict.status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify",
        description="Verify an evidence bundle of a Tallystick ledger. Needs no network, no database and no clock.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="the archive, NAME.zip")
    parser.add_argument("--trust", metavar="FILE", help="whom you believe: a trust file in the C2SP tlog-policy format")
    parser.add_argument(
        "--expect-head", metavar="FILE", help="a checkpoint that you kept: the log must have grown from it"
    )
    parser.add_argument(
        "--not-before", metavar="TIME", type=_time, help=f"the oldest census that will do, such as {_EXAMPLE}"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as one line of JSON")
    return parser


def _time(text: str) -> str:
    try:
        return check_at(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _read_optional(path: str | None, what: str) -> bytes | None:
    return None if path is None else _read(path, what, limits.NOTE_BYTES)


def _read(path: str, what: str, limit_bytes: int) -> bytes:
    """Return a file.

    Raises:
        MissingError: There is none that can be read.
        MalformedError: It is larger than any that would be accepted; it was not read.
    """
    try:
        found = Path(path).stat()
        if not S_ISREG(found.st_mode):  # a pipe or a device might never end
            raise MissingError(f"{what} is not a file", where=path)
        if found.st_size > limit_bytes:
            raise MalformedError(f"{what} has {found.st_size} bytes, at most {limit_bytes} are allowed", where=path)
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "there is no such path"
        raise MissingError(f"{what} cannot be read: {reason}", where=path) from error


def _print(verdict: Verdict, *, as_json: bool) -> None:
    # Bytes, so that the verdict looks the same wherever it is printed, whatever the locale says.
    text = report.to_json(verdict) if as_json else report.to_text(verdict).encode("utf-8", "backslashreplace")
    try:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever read has seen enough; the status still tells the verdict
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
