"""The static files of the pages, as they go over the wire: read once, named by what is in all of them together.

    /static/<digest>/<path>      <digest>: of every path and its bytes

A page names the digest of the files that it was made with, so what it loads never changes under its address and may be kept for
ever; a page from before an upgrade finds nothing, instead of half of the new one.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).resolve().parents[1] / "static"
SHELL: Final = "index.html"
MEDIA: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_HERE: Final = b"/static/-/"  # how the shell writes the address of its files


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file.

    Attributes:
        zipped: The same bytes under gzip.
        etag: In quotes, as the header has it.
    """

    data: bytes
    zipped: bytes
    media: str
    etag: str


@dataclass(frozen=True, slots=True)
class Site:
    """All files of one build: their common digest, each by its path, and the page that loads them."""

    digest: str
    files: Mapping[str, StaticFile]
    shell: StaticFile


@cache
def site(folder: Path = STATIC) -> Site:
    """Return what stands in `folder`; files of a kind that no page loads are left out."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in MEDIA and path.is_file())
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    listed = "".join(f"{sha256(data).hexdigest()}  {name}\n" for name, data in found.items())
    digest = sha256(listed.encode()).hexdigest()[:16]
    shell = found.pop(SHELL).replace(_HERE, b"/static/%b/" % digest.encode())
    return Site(digest, {name: _file(name, data) for name, data in found.items()}, _file(SHELL, shell))


def _file(name: str, data: bytes) -> StaticFile:
    zipped = gzip.compress(data, mtime=0)
    return StaticFile(data, zipped, MEDIA[Path(name).suffix], f'"{sha256(data).hexdigest()[:32]}"')
