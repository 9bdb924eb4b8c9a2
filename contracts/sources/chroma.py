"""A collection of Chroma, read through its embedded client: id, embedding, document, and one column for each name of metadata.

A name of metadata that is one of those three stands as `metadata.<name>`. Each value has the type that Chroma gives it, as in
JSON lines; moments are text, or numbers. The client's telemetry is switched off.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from contracts.columns import Column
from contracts.engine import literal
from contracts.source import MAX_COLUMNS, Opened, describe
from contracts.sources.index import ROWS, Copy, copied
from contracts.sources.unhashed import Unhashed
from proofs.errors import MissingError, RefusedError

if TYPE_CHECKING:
    import duckdb

_OWN: Final = ("id", "embedding", "document")


@dataclass(frozen=True, slots=True)
class ChromaCollection(Unhashed):
    """One collection of a persistent client's folder."""

    folder: Path
    name: str

    @property
    def label(self) -> str:
        """The collection."""
        return f"the collection {self.name!r} of {self.folder}"

    @property
    def kind(self) -> str:
        """A vector index."""
        return "chroma"

    @contextmanager
    def opened(self, *, bounded: bool, writes: Sequence[Path] = ()) -> Iterator[Opened]:
        """Copy the collection.

        Raises:
            RefusedError: The library is not installed, or there are more than 10,000 names of metadata.
            MissingError: There is no such collection.
        """
        collection = self._collection()

        def fill(connection: duckdb.DuckDBPyConnection) -> None:
            _fill(connection, collection)

        copy = Copy(fill, lambda connection: _columns(connection, self))
        with copied(self, copy, bounded=bounded, writes=writes) as batch:
            yield batch

    def _collection(self) -> Any:
        try:
            import chromadb
            from chromadb.config import Settings
        except ImportError as error:
            raise RefusedError("Chroma needs a library that is not installed", hint="pip install chromadb") from error
        if not (self.folder / "chroma.sqlite3").is_file():  # the library would make it
            raise MissingError("there is no such index", where=str(self.folder))
        client = chromadb.PersistentClient(str(self.folder), Settings(anonymized_telemetry=False))
        try:
            # Without a function of its own: none is called, and the usual one would fetch a model.
            return client.get_collection(self.name, embedding_function=None)
        except (ValueError, chromadb.errors.ChromaError) as error:
            raise MissingError(f"there is no collection {self.name[:128]!r}", where=str(self.folder)) from error


def _fill(connection: duckdb.DuckDBPyConnection, collection: Any) -> None:
    connection.execute("CREATE TABLE index (id VARCHAR, embedding DOUBLE[], document VARCHAR, metadata JSON)")
    columns = (
        "unnest($1::VARCHAR[])",
        "unnest($2::DOUBLE[][])",
        "unnest($3::VARCHAR[])",
        "unnest($4::VARCHAR[])::JSON",
    )
    insert = f"INSERT INTO index SELECT {', '.join(columns)}"
    offset = 0
    while True:
        page = collection.get(limit=ROWS, offset=offset, include=["embeddings", "documents", "metadatas"])
        ids = page["ids"]
        if not ids:
            return
        embeddings = [None if one is None else [float(each) for each in one] for one in page["embeddings"]]
        metadatas = [json.dumps(_plain(one or {}), sort_keys=True) for one in page["metadatas"]]
        connection.execute(insert, [ids, embeddings, page["documents"], metadatas])
        offset += len(ids)


def _plain(metadata: Any) -> dict[str, Any]:
    """Metadata as JSON has it: what is no finite number is its name, which no check takes for one."""
    return {
        name: str(value) if isinstance(value, float) and value - value != 0 else value
        for name, value in metadata.items()
    }


def _columns(connection: duckdb.DuckDBPyConnection, source: ChromaCollection) -> tuple[Column, ...]:
    own = [column for column in describe(connection, "index", source) if column.name in _OWN]
    select = "SELECT DISTINCT unnest(json_keys(metadata)) AS name FROM index ORDER BY name"
    names = [name for (name,) in connection.execute(select).fetchall()]
    if len(names) > MAX_COLUMNS:
        raise RefusedError(f"{source.label} has more than {MAX_COLUMNS} names of metadata")
    found = [
        Column(
            f"metadata.{name}" if name in _OWN else name,
            f"json_extract(metadata, {literal('/' + name.replace('~', '~0').replace('/', '~1'))})",
            "json",
            as_json=True,
        )
        for name in names
    ]
    return (*own, *found)
