"""Objects of a store (S3 and what else fsspec reaches), copied into a folder of this user's alone and read as files there.

What is hashed is what is measured: an object that changes meanwhile is another one. Credentials come from the environment,
as each store's own tools read them, and never from the URL.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Final

from contracts.source import Source, file_source
from contracts.sources.files import KINDS, MAX_FILES, folder_source
from contracts.sources.jsonlines import JsonLines
from proofs.errors import MissingError, RefusedError, TallyError

SCHEMES: Final = ("s3", "gs", "gcs", "abfs", "abfss", "az", "memory")
_PATTERN: Final = frozenset("*?[")


def is_stored(name: str) -> bool:
    """True for the URL of an object, a prefix or a pattern in a store."""
    return name.partition("://")[0] in SCHEMES and "://" in name


@contextmanager
def fetched(url: str, *, hive: bool = False) -> Iterator[Source]:
    """Copy an object, or all below a prefix or of a pattern that are of a kind that is read, and hand over their copies.

    Raises:
        RefusedError: fsspec is not installed, the store refuses, or the URL holds credentials.
        MissingError: There is no such object.
    """
    place = url.partition("://")[2]
    if "@" in place.partition("/")[0]:
        raise RefusedError("the URL of an object holds credentials", hint="give them in the environment")
    with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
        folder = Path(name).resolve()
        # The stores' errors are of classes that only they know; whatever it is, the pool hands it over.
        with ThreadPoolExecutor(max_workers=1) as pool:
            copied = pool.submit(_copy, url, folder)
        if (failure := copied.exception()) is not None:
            raise _refusal(failure, url) from None
        yield _source(folder, copied.result(), hive=hive)


def _source(folder: Path, single: Path | None, *, hive: bool) -> Source:
    if single is None:
        return folder_source(folder, hive=hive)
    return JsonLines(single) if KINDS.get(single.suffix.lower()) == "jsonl" else file_source(single)


def _copy(url: str, folder: Path) -> Path | None:
    """Copy what a URL names, and return the copy where it is one object."""
    import fsspec

    store, root = fsspec.core.url_to_fs(url)
    if not _PATTERN & set(root) and store.isfile(root):
        copy = folder / PurePosixPath(root).name
        _fetch(store, root, copy)
        return copy
    first = next((n for n, part in enumerate(PurePosixPath(root).parts) if _PATTERN & set(part)), None)
    found = sorted(store.glob(root) if first is not None else store.find(root))
    base = PurePosixPath(root) if first is None else PurePosixPath(*PurePosixPath(root).parts[:first])
    objects = [one for one in found if PurePosixPath(one).suffix.lower() in KINDS]
    if len(objects) > MAX_FILES:
        raise RefusedError(f"there are {len(objects)} objects, at most {MAX_FILES} are read")
    if not objects:
        raise MissingError("there is no object of a kind that can be read")
    for one in objects:
        _fetch(store, one, _below(folder, PurePosixPath(one).relative_to(base)))
    return None


def _below(folder: Path, name: PurePosixPath) -> Path:
    """Where an object of this name is copied to, which is below `folder`, whatever it is called."""
    if name.is_absolute() or any(part in ("..", ".") for part in name.parts):
        raise RefusedError("the name of an object leads out of its folder")
    copy = folder.joinpath(*name.parts)
    copy.parent.mkdir(parents=True, exist_ok=True)
    return copy


def _fetch(store: Any, name: str, copy: Path) -> None:
    store.get_file(name, str(copy))
    changed = store.modified(name).timestamp()
    os.utime(copy, (changed, changed))  # the age of a batch without a column is that of the object


def _refusal(failure: BaseException, url: str) -> TallyError:
    if isinstance(failure, TallyError):
        return failure
    if isinstance(failure, FileNotFoundError):
        return MissingError("there is no such object", where=url)
    if isinstance(failure, ImportError):
        return RefusedError("objects need a library that is not installed", hint="pip install 'tallystick[objects]'")
    return RefusedError(f"the object cannot be read: {type(failure).__name__}", where=url)  # messages may quote a key
