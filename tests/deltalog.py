"""Delta logs written by hand, as no writer here would: with deletion vectors, mapped names, and what no log should hold.

Source: Delta Lake's transaction log protocol, "Deletion Vector Format" (inline) and RFC 32/Z85.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def commit(folder: Path, version: int, actions: Sequence[dict[str, Any]]) -> None:
    """Write one commit."""
    log = folder / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    (log / f"{version:020d}.json").write_text("".join(f"{json.dumps(action)}\n" for action in actions))


def protocol(*features: str) -> dict[str, Any]:
    """A protocol with these features of readers and writers."""
    if not features:
        return {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}
    listed = list(features)
    return {
        "protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": listed, "writerFeatures": listed}
    }


def column(name: str, type: Any, *, stored: str | None = None, id: int = 0) -> dict[str, Any]:
    """A column of a schema; mapped to `stored` where that is given."""
    mapped = {"delta.columnMapping.id": id, "delta.columnMapping.physicalName": stored} if stored else {}
    return {"name": name, "type": type, "nullable": True, "metadata": mapped}


def metadata(columns: Sequence[dict[str, Any]], partitions: Sequence[str] = (), **settings: str) -> dict[str, Any]:
    """The metadata of a table; settings with `_` for `.`."""
    return {
        "metaData": {
            "id": ID,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps({"type": "struct", "fields": list(columns)}),
            "partitionColumns": list(partitions),
            "configuration": {f"delta.{name.replace('_', '.')}": value for name, value in settings.items()},
            "createdTime": 1,
        }
    }


def add(path: str, size: int, *, deleted: Sequence[int] = (), **partition: str | None) -> dict[str, Any]:
    """A file, without some of its rows."""
    action: dict[str, Any] = {
        "path": path, "partitionValues": partition, "size": size, "modificationTime": 1, "dataChange": True,
    }  # fmt: skip
    if deleted:
        action |= {"stats": '{"numRecords":10}', "deletionVector": _vector(deleted)}
    return {"add": action}


def _vector(rows: Sequence[int]) -> dict[str, Any]:
    bitmap = struct.pack("<II", 12346, 1) + struct.pack("<HH", 0, len(rows) - 1) + struct.pack("<I", 16)
    data = struct.pack("<IQI", 1681511377, 1, 0) + bitmap + b"".join(struct.pack("<H", row) for row in rows)
    padded = data + bytes(-len(data) % 4)
    return {
        "storageType": "i",
        "pathOrInlineDv": "".join(_z85(padded[at : at + 4]) for at in range(0, len(padded), 4)),
        "sizeInBytes": len(data),
        "cardinality": len(rows),
    }


def _z85(four: bytes) -> str:
    number, text = int.from_bytes(four, "big"), ""
    for _ in range(5):
        text, number = _Z85[number % 85] + text, number // 85
    return text
