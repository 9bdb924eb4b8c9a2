"""The verifier's command line, and all of its input and output: `python3 -I -S verify.pyz --trust FILE BUNDLE`.

Reads at most three files, prints one verdict and ends with its status; nothing else is opened, asked or written.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, BinaryIO, Final

from proofs import limits
from proofs.errors import MalformedError, MissingError, UnverifiableError
from proofs.moment import as_at

if TYPE_CHECKING:  # other command lines read files through this one, and judge nothing
    from proofs.report import Verdict

_EPILOG: Final = """\
exit status: 0 verified, 2 wrong call, 3 tampered, 4 malformed, 5 incomplete, 6 unverifiable, 7 stale, 8 missing
"""
_PIECE_BYTES: Final = 1 << 20
_EXAMPLE: Final = "2026-11-20T00:00:00Z"


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify one bundle, print the verdict and return the exit status.

    Args:
        arguments: Without the program's name; None takes the process's.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        verdict = judge(options.bundle, options.trust, options.expect_head, options.not_before)
    except ValueError as error:
        parser.error(str(error))
    _print(verdict, as_json=options.json)
    return verdict.status


def judge(bundles: Sequence[str], trust: str | None, expect_head: str | None, not_before: str | None) -> Verdict:
    """Return the verdict on files that somebody named; another command line that calls this says the same of them.

    Args:
        bundles: Paths, of which there must be one.
        trust, expect_head: Paths.
        not_before: A moment as `moment.as_at` reads it.

    Raises:
        ValueError: A wrong call: another number of bundles, or what is no moment.
    """
    from proofs import report
    from proofs.view import verify_bundle

    if len(bundles) != 1:
        raise ValueError(f"one bundle is verified at a time, {len(bundles)} were named")
    at = None if not_before is None else as_at(not_before)
    try:
        return verify_bundle(
            read_file(bundles[0], "bundle", limits.ZIP_BYTES),
            trust=None if trust is None else read_file(trust, "trust file", limits.NOTE_BYTES),
            expected_head=None if expect_head is None else read_file(expect_head, "expected head", limits.NOTE_BYTES),
            not_before=at,
        )
    except (MissingError, MalformedError) as error:
        return report.refused(error)
    except MemoryError:
        what = "there is not enough memory to verify it here"
        return report.refused(UnverifiableError(what, where=bundles[0], hint="verify it where more memory is free"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify",
        # More than one is taken and refused in words, so argparse's own line would be wrong.
        usage="verify [-h] [--trust FILE] [--expect-head FILE] [--not-before TIME] [--json] BUNDLE",
        description="Verify an evidence bundle of a Tallystick ledger. Needs no network, no database and no clock.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("bundle", metavar="BUNDLE", nargs="+", help="the archive, NAME.zip; one at a time")
    parser.add_argument("--trust", metavar="FILE", help="whom you believe: a trust file in the C2SP tlog-policy format")
    parser.add_argument(
        "--expect-head", metavar="FILE", help="a checkpoint that you kept: the log must have grown from it"
    )
    parser.add_argument(
        "--not-before", metavar="TIME", help=f"the oldest census that will do, such as {_EXAMPLE}; decimals are welcome"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as one line of JSON")
    return parser


def read_file(path: str, what: str, limit_bytes: int, *, or_pipe: bool = False) -> bytes:
    """Return the bytes of a file that somebody named.

    Args:
        what: What messages call it ("trust file").
        or_pipe: As `open_file`.

    Raises:
        MissingError: There is none that can be read.
        MalformedError: It is larger than any that would be accepted; no more than that was read.
    """
    with _named(path, what), open_file(path, what, or_pipe=or_pipe) as file:
        size = max(os.fstat(file.fileno()).st_size, 0)
        data = b"" if size > limit_bytes else read_up_to(file, limit_bytes, expected_bytes=size)
    if max(size, len(data)) > limit_bytes:
        raise MalformedError(f"{what} has {max(size, len(data))} bytes, at most {limit_bytes} are allowed", where=path)
    return data


def read_up_to(file: BinaryIO, limit_bytes: int, *, expected_bytes: int = 0) -> bytes:
    """Return what a file still holds; of one that holds more than `limit_bytes`, one byte more than that.

    Memory goes by what is there, never by what would be accepted: to read is to ask for all the room at once.

    Args:
        expected_bytes: How much there is, if that is known.
    """
    pieces = [file.read(min(expected_bytes, limit_bytes) + 1)]
    left = limit_bytes + 1 - len(pieces[0])
    while left and (piece := file.read(min(left, _PIECE_BYTES))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def open_file(path: str, what: str, *, or_pipe: bool = False) -> BinaryIO:
    """Return a file that somebody named, open for reading.

    Args:
        or_pipe: Take also what is no file, but no folder either: a pipe or a device, which might never end.

    Raises:
        MissingError: There is none that can be read.
    """
    with _named(path, what):
        mode = Path(path).stat().st_mode  # asked before it is opened: opening a pipe waits for its other end
        if S_ISDIR(mode) or not (or_pipe or S_ISREG(mode)):
            raise MissingError(f"{what} is not a file", where=path)
        return Path(path).open("rb")


@contextmanager
def _named(path: str, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "there is no such path"
        raise MissingError(f"{what} cannot be read: {reason}", where=path) from error


def _print(verdict: Verdict, *, as_json: bool) -> None:
    from proofs import report

    # Bytes, so that the verdict looks the same wherever it is printed, whatever the locale says.
    text = report.to_json(verdict) if as_json else report.to_text(verdict).encode("utf-8", "backslashreplace")
    try:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever read has seen enough; the status still tells the verdict
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
