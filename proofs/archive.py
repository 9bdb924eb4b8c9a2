"""The canonical ZIP: for given files there is one archive, byte for byte, and nothing else is read.

    (local header, path, content) of each file, sorted by path
    (central header, path) of each file, in the same order
    end record

Stored, never deflated, because what deflate writes differs between versions of zlib. Any tool can open it; this reader
parses it with code of its own, seals again what it read and compares every byte, so that nothing hides between the
members, behind the end, or in a field that one tool believes and another one does not.

Source: docs/formats/archive.md; APPNOTE.TXT 6.3.10 sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple
from zlib import crc32

from proofs import limits
from proofs.errors import MalformedError

_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END: Final = struct.Struct("<4sHHHHIIH")
_LOCAL_SIGNATURE: Final = b"PK\x03\x04"
_CENTRAL_SIGNATURE: Final = b"PK\x01\x02"
_END_SIGNATURE: Final = b"PK\x05\x06"

_MADE_BY: Final = 3 << 8 | 20  # Unix, 2.0
_NEEDED: Final = 10  # 1.0: files, stored
_TIME: Final = 0  # 00:00:00
_DATE: Final = 0 << 9 | 1 << 5 | 1  # 1980-01-01, the first day that a ZIP can tell
_MODE: Final = 0o100644 << 16  # a regular file, rw-r--r--

_SHARED_FIELDS: Final = (
    "version needed", "flags", "compression method", "time", "date", "checksum", "compressed size",
    "uncompressed size", "path length", "extra length",
)  # fmt: skip
_LOCAL_FIELDS: Final = ("signature", *_SHARED_FIELDS)
_CENTRAL_FIELDS: Final = (
    "signature", "version made by", *_SHARED_FIELDS, "comment length", "disk", "internal attributes",
    "external attributes", "offset",
)  # fmt: skip
_END_FIELDS: Final = (
    "signature", "disk", "central disk", "members on this disk", "members", "central size", "central offset",
    "comment length",
)  # fmt: skip

_PATH: Final = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*\Z")
_NOWHERE: Final = "archive header"


class _Record(NamedTuple):
    """One run of bytes of the archive."""

    path: str  # of the member it belongs to; empty for the end record
    kind: str
    layout: struct.Struct | None  # of the fixed part at its beginning; None for content
    fields: tuple[str, ...]
    data: bytes


def check_path(path: str) -> None:
    """Accept a path that every file system can hold in the same way, and that leads nowhere else.

    Raises:
        MalformedError: It is empty, absolute, too long, or has an empty, `.` or `..` segment or a strange character.
    """
    if not _PATH.match(path) or {".", ".."} & set(path.split("/")):
        raise MalformedError(f"path {path[:80]!r} is not made of names of [A-Za-z0-9._-] with / between them")
    if len(path) > limits.PATH_BYTES:
        raise MalformedError(f"path {path[:80]!r} has {len(path)} bytes, at most {limits.PATH_BYTES} are allowed")


def check_paths(paths: Iterable[str]) -> None:
    """Accept paths that can be unpacked side by side, also where a file system ignores case.

    Raises:
        MalformedError: A path is not acceptable, equals another one but for case, or is the folder of another one.
    """
    seen: dict[str, str] = {}
    for path in paths:
        check_path(path)
        folded = path.lower()
        if folded in seen:
            raise MalformedError(f"path {path!r} equals {seen[folded]!r} when case is ignored", where=path)
        seen[folded] = path
    for folder, path in seen.items():
        # Looked up, not collected: deep paths have a hundred times as many folders as files.
        while folder := folder.rpartition("/")[0]:
            if folder in seen:
                file = seen[folder]
                raise MalformedError(f"path {file!r} is a file and the folder of {path!r}", where=file)


def chunks(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """Yield the archive of `files` piece by piece; each file is asked for once, in the order of paths.

    A mapping that reads its values when asked seals an archive that does not fit into memory.

    Args:
        files: Path → content.

    Raises:
        MalformedError: The paths cannot stand side by side, or the archive would be too large for the format.
    """
    for record in _records(files):
        yield record.data


def write(files: Mapping[str, bytes]) -> bytes:
    """Return the archive of `files`; the same files give the same bytes, always and everywhere.

    Args:
        files: Path → content.

    Raises:
        MalformedError: The paths cannot stand side by side, or the archive would be too large for the format.
    """
    return b"".join(chunks(files))


def read(data: bytes) -> dict[str, bytes]:
    """Return path → content of exactly the archives that `write` writes.

    Raises:
        MalformedError: The bytes are anything else; `where` is the member's path or "archive header", and the
            message names the first field that is not canonical.
    """
    if len(data) > limits.ZIP_BYTES:
        raise MalformedError(f"archive has {len(data)} bytes, at most {limits.ZIP_BYTES} are allowed", where=_NOWHERE)
    if data[:4] not in (_LOCAL_SIGNATURE, _END_SIGNATURE):
        raise MalformedError(f"archive begins with {data[:4].hex() or 'nothing'}, not with a member", where=_NOWHERE)
    files: dict[str, bytes] = {}
    offset = 0
    last = ""
    while data[offset : offset + 4] == _LOCAL_SIGNATURE:
        path, content, offset = _read_member(data, offset)
        if path <= last:
            raise MalformedError(f"member {path!r} stands behind {last!r}, expected the order of paths", where=path)
        files[path] = content
        last = path
    offset = 0
    for record in _records(files):
        # A member's content was cut out of `data` at this very place.
        if record.layout and data[offset : offset + len(record.data)] != record.data:
            raise _difference(record, data[offset : offset + len(record.data)])
        offset += len(record.data)
    if offset != len(data):
        raise MalformedError(f"archive has {len(data) - offset} bytes behind its end record", where=_NOWHERE)
    return files


def _read_member(data: bytes, offset: int) -> tuple[str, bytes, int]:
    """Return path, content and the offset behind them, believing the local header, which is compared later."""
    start = offset + _LOCAL.size
    if len(data) < start:
        raise MalformedError(f"archive ends within the local header at byte {offset}", where=_NOWHERE)
    header = dict(zip(_LOCAL_FIELDS, _LOCAL.unpack_from(data, offset), strict=True))
    content_start = start + header["path length"]
    end = content_start + header["compressed size"]
    path = data[start:content_start].decode("ascii", "backslashreplace")
    try:
        check_path(path)
    except MalformedError as error:
        raise MalformedError(error.what, where=_NOWHERE) from error
    if end > len(data):
        raise MalformedError(f"member claims to end at byte {end} of an archive of {len(data)} bytes", where=path)
    return path, data[content_start:end], end


def _records(files: Mapping[str, bytes]) -> Iterator[_Record]:
    if len(files) > limits.ZIP_MEMBERS:
        raise MalformedError(
            f"archive has {len(files)} members, at most {limits.ZIP_MEMBERS} are allowed", where=_NOWHERE
        )
    check_paths(files)
    # Paths are ASCII, so that their order as text is that of their bytes.
    paths = sorted(files)
    offset = 0
    directory = []
    for path in paths:
        content = files[path]
        name = path.encode("ascii")
        end = _bounded(offset + _LOCAL.size + len(name) + len(content))
        shared = (_NEEDED, 0, 0, _TIME, _DATE, crc32(content), len(content), len(content), len(name), 0)
        directory.append(_CENTRAL.pack(_CENTRAL_SIGNATURE, _MADE_BY, *shared, 0, 0, 0, _MODE, offset) + name)
        yield _Record(path, "local header", _LOCAL, _LOCAL_FIELDS, _LOCAL.pack(_LOCAL_SIGNATURE, *shared) + name)
        yield _Record(path, "content", None, (), content)
        offset = end
    size = sum(map(len, directory))
    _bounded(offset + size + _END.size)
    for path, entry in zip(paths, directory, strict=True):
        yield _Record(path, "central header", _CENTRAL, _CENTRAL_FIELDS, entry)
    closing = _END.pack(_END_SIGNATURE, 0, 0, len(paths), len(paths), size, offset, 0)
    yield _Record("", "end record", _END, _END_FIELDS, closing)


def _bounded(offset: int) -> int:
    if offset > limits.ZIP_BYTES:
        raise MalformedError(f"archive would have more than {limits.ZIP_BYTES} bytes", where=_NOWHERE)
    return offset


def _difference(expected: _Record, found: bytes) -> MalformedError:
    """Return the error that names the first field of `found` which is not as expected."""
    assert expected.layout is not None
    where = expected.path or _NOWHERE
    # A record of another kind may be the shorter one; that it is another one says more than where the bytes end.
    if len(found) < len(expected.data) and found[:4] == expected.data[: min(4, len(found))]:
        return MalformedError(f"archive ends within its {expected.kind}", where=where)
    known = expected.layout.unpack_from(expected.data)
    values = expected.layout.unpack_from(found.ljust(len(expected.data), b"\0"))
    for name, value, canonical in zip(expected.fields, values, known, strict=True):
        if value != canonical:
            what = f"{name} in its {expected.kind} is {_show(value)}, expected {_show(canonical)}"
            return MalformedError(what, where=where)
    return MalformedError(f"path in its {expected.kind} is {found[expected.layout.size :]!r}", where=where)


def _show(value: int | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else hex(value)
