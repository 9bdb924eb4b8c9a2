"""Pack the verifier into one file: `.venv/bin/python tools/pack_verifier.py verify.pyz`, then `python3 -I -S verify.pyz BUNDLE`.

The same sources give the same bytes, on every machine and from every checkout: the archive is the canonical one that
bundles use (zipapp writes the time of day into its own), line ends are LF, and no bytecode goes in.
"""

from __future__ import annotations

import sys
from pathlib import Path

from proofs import archive

MAIN = """\
\"\"\"Run the verifier that is packed beside this file.\"\"\"

import sys

from proofs.__main__ import main

sys.exit(main())
"""


def pack(top: Path) -> bytes:
    """Return the archive of the package `proofs` in the folder `top`, with a program that starts it."""
    files = {"__main__.py": MAIN.encode()}
    for path in (top / "proofs").rglob("*.py"):
        # Reading as text takes CRLF for LF, which is what git may have made of it.
        files[path.relative_to(top).as_posix()] = path.read_text(encoding="utf-8").encode()
    return archive.write(files)


def main(arguments: list[str]) -> int:
    """Write the verifier to the one path in `arguments`; return the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: pack_verifier.py FILE\n")
        return 2
    Path(arguments[0]).write_bytes(pack(Path(__file__).resolve().parents[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
