"""A source as a file declares it: where it is, what is read of it, who answers for it, and on which terms it is used.

    source: orders-db
    owner: data-platform
    on_call: "#data-oncall"
    dataset: {namespace: shop, name: orders}
    connection: {kind: postgresql, host: db.example.org, database: shop, user: reader, password: "${SHOP_PASSWORD}"}
    object: public.orders             # a table; a file, folder or pattern; what follows the URL; a key, prefix or pattern
    refresh: {every_seconds: 3600, column: updated_at}
    key_fields: [id]
    contract: orders
    access: {terms: "Not for marketing.", four_eyes: true, days: 90}

Secrets are names of environment variables. Source: docs/formats/source.md.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from contracts import yamlsafe
from contracts.bounds import Model
from contracts.catalog.secrets import (
    STANDS,
    VARIABLE,
    check_headers,
    check_query,
    check_secret,
    check_url,
    secret_line,
    variables,
)
from contracts.complaint import complaint
from contracts.model import Dataset
from contracts.terms import Identifier, MisplacedError, Text
from proofs.errors import MalformedError

_OWN: Final = "TALLY_"  # the variables of this software: a source has no business with its passphrase

Line = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[^\x00-\x1f\x7f]*$")]
Place = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[!-~]*$")]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Postgres(Model):
    """A database.

    Attributes:
        tls: As `sslmode` of libpq.
        ca_file: The certificates that are trusted; those of the system unless stated.
    """

    kind: Literal["postgresql"]
    host: Line
    port: Port = 5432
    database: Line
    user: Line
    password: str | None = None
    tls: Literal["verify-full", "verify-ca", "require", "disable"] = "verify-full"
    ca_file: Line | None = None

    @model_validator(mode="after")
    def _secret(self) -> Self:
        check_secret(self.password, "password")
        if "," in self.host:
            raise MisplacedError("is not one host", "host")
        for key in ("host", "database", "user"):
            if "=" in (value := getattr(self, key)) or "://" in value:  # of which some libraries make settings
                raise MisplacedError("is no plain name", key)
        return self


class File(Model):
    """A file, a folder or a pattern below a folder; that of the command unless stated."""

    kind: Literal["file"]
    folder: Line = "."


class Http(Model):
    """An HTTP API that answers GET.

    Attributes:
        rows_at: The members that lead to the list of rows in an answer of JSON.
    """

    kind: Literal["http"]
    url: Place
    headers: Annotated[dict[Line, Line], Field(max_length=20)] = Field(default_factory=dict)
    rows_at: Annotated[tuple[Line, ...], Field(max_length=16, strict=False)] = ()

    @model_validator(mode="after")
    def _secret(self) -> Self:
        check_url(self.url, "url")
        check_headers(self.headers, "headers")
        if urlsplit(self.url).query:
            raise MisplacedError("has a query, which belongs to the object", "url")
        if self.url.startswith("http:") and VARIABLE.search("".join(self.headers.values())):
            raise MisplacedError("would send a secret in clear; use https", "url")
        return self


class S3(Model):
    """Objects of S3, or of what speaks like it; without keys here, those of the environment as its own tools read them."""

    kind: Literal["s3"]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    endpoint: Place | None = None
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")] | None = None
    access_key: str | None = None
    secret_key: str | None = None

    @model_validator(mode="after")
    def _secret(self) -> Self:
        check_secret(self.access_key, "access_key")
        check_secret(self.secret_key, "secret_key")
        if (self.access_key is None) != (self.secret_key is None):
            raise MisplacedError("goes with secret_key, and that with it", "access_key")
        if self.endpoint is not None:
            check_url(self.endpoint, "endpoint")
        return self


Connection = Annotated[Postgres | File | Http | S3, Field(discriminator="kind")]


class Refresh(Model):
    """How often the source is to change, and the column that says when a row did."""

    every_seconds: Annotated[int, Field(ge=1, le=366 * 86_400)]
    column: Text | None = None


class Terms(Model):
    """On which terms the source is used.

    Attributes:
        four_eyes: Whoever grants is neither who uses it nor who asked.
        days: For how long it is granted at most.
    """

    terms: Annotated[str, Field(min_length=1, max_length=50_000)]
    four_eyes: bool = False
    days: Annotated[int, Field(ge=1, le=3_660)] = 366

    @property
    def sha256(self) -> str:
        """The SHA-256 of the text's UTF-8, 64 hex digits: what an agreement signs."""
        return hashlib.sha256(self.terms.encode()).hexdigest()


class Declaration(Model):
    """One source."""

    name: Annotated[Identifier, Field(alias="source")]
    owner: Text
    on_call: Text | None = None
    description: Line | None = None
    dataset: Dataset
    connection: Connection
    object: Line
    refresh: Refresh | None = None
    key_fields: Annotated[tuple[Text, ...], Field(max_length=100, strict=False)] = ()
    contract: Identifier | None = None
    access: Terms | None = None

    @model_validator(mode="after")
    def _object(self) -> Self:
        check_object(self.object, self.connection)
        if own := [name for name in self.variables if name.upper().startswith(_OWN)]:
            raise MisplacedError(f"names {own[0]}, which is of this software and of no source", "connection")
        return self

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that a connection needs, sorted."""
        return variables([self.connection.model_dump(mode="json"), self.object])


def check_object(name: str, connection: Postgres | File | Http | S3) -> None:
    """Accept what is read of a source: it leads nowhere beside the connection.

    Raises:
        MisplacedError: It does, or is not written as that kind's is.
    """
    parts = name.split("/")
    match connection:
        case Postgres():
            if not all(name.split(".")) or name.count(".") > 1 or VARIABLE.search(name):
                raise MisplacedError("is not written schema.table", "object")
        case Http():
            if not re.fullmatch(r"[!-~]+", name) or name.startswith("//") or "://" in name.partition("?")[0]:
                raise MisplacedError("is not what follows a URL", "object")
            check_query(name.partition("?")[2], "object")
        case File() | S3():
            if VARIABLE.search(name):
                raise MisplacedError("is not to depend on the environment", "object")
            if ".." in parts or name.startswith(("/", "~")) or "\\" in name:
                raise MisplacedError("leads out of its folder", "object")


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A declaration together with the text that it was read from."""

    declaration: Declaration
    text: str

    @property
    def sha256(self) -> str:
        """The SHA-256 of the text's UTF-8, 64 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def parse_source(data: bytes, *, name: str = "source") -> SourceDocument:
    """Return the source that `data` declares.

    Raises:
        MalformedError: It is none; `where` names the line, and no value of the file is quoted.
    """
    try:
        parsed = yamlsafe.parse(data, name=name)
    except MalformedError as error:
        if error.what.startswith("readers of YAML take"):  # what it quotes may be a password that looks like a number
            raise MalformedError(
                "readers of YAML take a value for different ones", where=error.where, hint=error.hint
            ) from None
        raise
    text = data.decode()
    if (line := secret_line(text)) is not None:
        raise MalformedError(f"a credential {STANDS}", where=f"{name} line {line}")
    try:
        return SourceDocument(Declaration.model_validate(parsed.value), text)
    except ValidationError as error:
        raise complaint(error, parsed, name=name, model=Declaration) from None
