"""Look at objects of S3: all are listed, and copied to be read where they are few enough bytes, else the newest alone."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from contracts.catalog.address import address_of
from contracts.catalog.declaration import S3, Declaration
from contracts.catalog.files import look_at
from contracts.catalog.seen import Bounds, Seen, moment
from contracts.notify.channels import filled
from contracts.sources.files import KINDS, MAX_FILES, folder_source
from proofs.errors import BusyError, MissingError, RefusedError, TallyError

_PATTERN: Final = frozenset("*?[")
_PATIENCE: Final = {"connect_timeout": 5, "read_timeout": 10, "retries": {"total_max_attempts": 2}}


def look(declaration: Declaration, connection: S3, bounds: Bounds) -> Seen:
    """Return what the objects hold.

    Raises:
        BusyError: The store does not answer in time.
        MissingError: There is no object of a kind that is read, or a variable is not set.
        RefusedError: The store does not let us in, is at an address that may not be reached, or s3fs is not installed.
    """
    options = _options(connection, bounds)
    with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
        # The stores' errors are of classes that only they know; whatever it is, the pool hands it over.
        with ThreadPoolExecutor(max_workers=1) as pool:
            looked = pool.submit(_look, declaration, connection, options, bounds, Path(name).resolve())
        if (failure := looked.exception()) is not None:
            raise _refusal(failure) from None
        return looked.result()


def _options(connection: S3, bounds: Bounds) -> dict[str, Any]:
    options: dict[str, Any] = {"config_kwargs": _PATIENCE, "skip_instance_cache": True}
    if connection.access_key is not None and connection.secret_key is not None:
        options["key"] = filled(connection.access_key, bounds.environment)
        options["secret"] = filled(connection.secret_key, bounds.environment)
    client: dict[str, str] = {}
    if connection.endpoint is not None:
        endpoint = filled(connection.endpoint, bounds.environment)
        parts = urlsplit(endpoint)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address_of(parts.hostname or "", port, allow_local=bounds.allow_local, resolve=bounds.resolve)
        client["endpoint_url"] = endpoint
    if connection.region is not None:
        client["region_name"] = connection.region
    return {**options, "client_kwargs": client}


def _look(declaration: Declaration, connection: S3, options: dict[str, Any], bounds: Bounds, folder: Path) -> Seen:
    import fsspec

    store = fsspec.filesystem("s3", **options)
    root = f"{connection.bucket}/{declaration.object}".rstrip("/")
    found = store.glob(root, detail=True) if _PATTERN & set(root) else store.find(root, detail=True)
    objects = {key: info for key, info in found.items() if PurePosixPath(key).suffix.lower() in KINDS}
    if not objects:
        raise MissingError("there is no object of a kind that can be read")
    if len(objects) > MAX_FILES:
        raise RefusedError(f"there are {len(objects)} objects, at most {MAX_FILES} are read")
    newest = max(objects, key=lambda key: (str(objects[key].get("LastModified")), key))
    size = sum(int(info["size"]) for info in objects.values())
    is_all = size <= bounds.size_bytes
    if not is_all and int(objects[newest]["size"]) > bounds.size_bytes:
        raise RefusedError(
            f"the newest object has {objects[newest]['size']} bytes, at most {bounds.size_bytes} are copied"
        )
    for number, key in enumerate(sorted(objects) if is_all else [newest]):
        # Named by number: a key may hold what leads out of a folder.
        store.get_file(key, str(folder / f"{number:05}{PurePosixPath(key).suffix.lower()}"))
    seen = look_at(folder_source(folder), declaration, bounds, root=folder)
    changed: datetime | None = moment(objects[newest].get("LastModified"))
    return replace(
        seen,
        system=f"S3, {len(objects)} object{'s' * (len(objects) != 1)}, {size} bytes",
        rows=seen.rows if is_all else None,
        rows_are=seen.rows_are if is_all else None,
        updated=(seen.updated if is_all else None) or changed,
    )


def _refusal(failure: BaseException) -> TallyError:
    if isinstance(failure, TallyError):
        return failure
    if isinstance(failure, FileNotFoundError):
        return MissingError("there is no such object")
    if isinstance(failure, ImportError):
        return RefusedError("S3 needs a library that is not installed", hint="pip install 'tallystick[objects]'")
    if isinstance(failure, PermissionError):
        return RefusedError("the store does not let us in")
    return BusyError(f"the store cannot be read: {type(failure).__name__}")  # messages may quote a key
