"""Named connections of a job file. Credentials stand in the environment and nowhere else; no message repeats one.

connectors:
  lake: {type: files, path: data}
  warehouse: {type: postgresql, host: db.example.org, database: shop, user: reader, password: "${WAREHOUSE_PASSWORD}"}
  other: {type: postgresql, url: "${OTHER_URL}"}
  local: {type: sqlite, path: shop.db}
  store: {type: s3, bucket: shop-lake, prefix: raw}       # credentials as the store's own tools read them
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from contracts.dialects.place import Place
from contracts.notify.channels import filled
from proofs.errors import MissingError, RefusedError

KINDS: Final = {
    "files": "files",
    "file": "files",
    "csv": "files",
    "parquet": "files",
    "jsonl": "files",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "sqlite": "sqlite",
    "s3": "s3",
}
_KEYS: Final = {
    "files": frozenset(("type", "path")),
    "sqlite": frozenset(("type", "path")),
    "s3": frozenset(("type", "bucket", "prefix")),
    "postgresql": frozenset(("type", "url", "host", "port", "database", "user", "password")),
}
_SECRET: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]{0,99}\}")
_PATTERN: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of a job file, and whether what it names may lie elsewhere."""

    path: Path
    anywhere: bool = False

    def below(self, text: str, place: Place, *, start: Path | None = None) -> Path:
        """Return the path that a text names, relative to `start` or the folder.

        Raises:
            MalformedError: It leads out of the folder, and that is not allowed; with its line.
        """
        if "\x00" in text or not text:
            raise place.error("is no path")
        path = (start or self.path) / text
        try:
            path.exists()
        except OSError as error:
            raise place.error(f"is no path: {error.strerror}") from error
        if not self.anywhere and (Path(text).is_absolute() or not self.holds(path)):
            raise place.error("leads out of the job file's folder", hint="--anywhere lets a job do so")
        return path

    def holds(self, path: Path) -> bool:
        """Whether a path, with every link on its way followed, is in the folder; of a pattern, what stands before it."""
        if self.anywhere:
            return True
        parts = path.parts
        try:
            is_there = path.exists()
            first = next((n for n, part in enumerate(parts) if _PATTERN & set(part) and not is_there), len(parts))
            if ".." in parts[first:]:
                return False
            return Path(*parts[:first]).resolve().is_relative_to(self.path.resolve())
        except (OSError, RuntimeError):
            return False


@dataclass(frozen=True, slots=True)
class Connector:
    """One connection."""

    kind: str
    place: Place

    def data(self, item: Place, folder: Folder, environment: Mapping[str, str]) -> str:
        """Return how the object that stands at `item` is written on a command line; it may hold a password, so print it nowhere.

        Raises:
            MalformedError: It cannot be read so; with its line.
            MissingError: The environment lacks a variable.
        """
        match self.kind:
            case "files":
                start = folder.below(_text(self.place, "path", "."), self.place)
                named = str(folder.below(item.text(), item, start=start))
                return (
                    f"./{named}" if ":" in named.partition("/")[0] else named
                )  # a path, whatever source it looks like
            case "sqlite":
                path = folder.below(self.place.need("path").text(), self.place.need("path"))
                return f"sqlite:///{quote(str(path))}#{quote(item.text(), safe='')}"
            case "s3":
                bucket, prefix = self.place.need("bucket").text(), _text(self.place, "prefix", "")
                return f"s3://{'/'.join(part.strip('/') for part in (bucket, prefix, item.text()) if part)}"
        return f"{self._server(environment)}#{quote(item.text(), safe='.')}"

    def _server(self, environment: Mapping[str, str]) -> str:
        if (url := self.place.get("url")) is not None:
            found = _value(url, environment)
            if not found.startswith(("postgresql://", "postgres://")):
                raise url.error("is not the URL of a PostgreSQL server")
            return found.partition("#")[0]
        host, database = self.place.need("host"), self.place.need("database")
        user, password = self.place.get("user"), self.place.get("password")
        port = self.place.get("port")
        login = "" if user is None else quote(_value(user, environment), safe="")
        login += "" if password is None else f":{quote(_value(password, environment), safe='')}"
        server = quote(_value(host, environment), safe="[]:") + (f":{port.whole()}" if port is not None else "")
        return f"postgresql://{login}{'@' if login else ''}{server}/{quote(_value(database, environment), safe='')}"


def read_connectors(place: Place) -> dict[str, Connector]:
    """Return the connections that stand at a place, by their names.

    Raises:
        MalformedError: Something in it cannot be read, or is a secret that stands in the file; with its line.
    """
    found: dict[str, Connector] = {}
    for member in place.members():
        kind = member.need("type").word(KINDS)
        for stranger in member.strangers(_KEYS[kind]):
            raise stranger.error(f"is not a key of a connector of type {kind}")
        for key in ("password", "url"):
            secret = member.get(key)
            if secret is not None and not (isinstance(secret.value, str) and _SECRET.fullmatch(secret.value)):
                raise secret.error("stands in the file; name an environment variable: ${NAME}")
        found[member.key] = Connector(kind, member)
    return found


def _text(place: Place, key: str, otherwise: str) -> str:
    found = place.get(key)
    return otherwise if found is None else found.text()


def _value(place: Place, environment: Mapping[str, str]) -> str:
    try:
        return filled(place.text(), environment)
    except MissingError as error:
        raise MissingError(error.what, where=f"{place.name} line {place.line}") from None


def confined(files: tuple[Path, ...], folder: Folder) -> None:
    """Accept the files that a source is made of: a pattern or a folder may have found links to elsewhere.

    Raises:
        RefusedError: One of them lies elsewhere.
    """
    for path in files:
        if not folder.holds(path):
            raise RefusedError(
                "a file leads out of the job file's folder", where=str(path), hint="--anywhere lets a job do so"
            )
