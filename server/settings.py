"""How one server is set up: checked once, handed to every worker process through one environment variable.

Source: docs/guide/server.md.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ledger.signer import Passphrase, environment_passphrase
from proofs.errors import RefusedError, UnverifiableError

ENVIRONMENT: Final = "TALLY_SERVER"
_SECRET_BYTES: Final = 1 << 16
_MOST_READERS: Final = 3  # more than these keep one writer busy
_Seconds = Annotated[float, Field(ge=0, le=86_400)]


class Oidc(BaseModel):
    """Whose JSON Web Tokens are accepted.

    Attributes:
        issuer: `iss` must equal it.
        audience: `aud` must hold it.
        jwks: The issuer's keys: a file, or an https URL.
        claim: Prefix of the claims `<claim>_roles`, `<claim>_sources`, `<claim>_namespaces`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    jwks: str = Field(min_length=1)
    claim: str = Field(default="tally", pattern=r"^[a-z][a-z0-9_]{0,31}$")

    @model_validator(mode="after")
    def _has_safe_keys(self) -> Self:
        if "://" in self.jwks and not self.jwks.startswith("https://"):
            raise ValueError("jwks is a file or an https:// URL: whoever changes the keys in transit is let in")
        return self


class Settings(BaseModel):
    """One server.

    Attributes:
        ledger: URL of the ledger.
        home: Where keyrings stand; None: as `tally` finds it.
        workers: Processes; on SQLite one is the fastest.
        readers: Further processes of each, which read batches for it; None: by the cores that there are.
        open_on_loopback: Everybody who reaches the loopback address is an admin.
        checkpoint_every: Seconds; a checkpoint is signed this often when the log grew; 0: never.
        census_every: Likewise a census; 0: never.
        rate: Requests a second of one credential, with bursts of twice that; 0: unbounded.
        queue_events: Events that may be waiting to be written.
        room_bytes: Bodies that one process holds at once.
        slow_seconds: A request that takes longer is logged.
        verbose: Every request is logged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ledger: str
    home: Path | None = None
    passphrase_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8470, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=64)
    readers: int | None = Field(default=None, ge=0, le=16)
    open_on_loopback: bool = False
    checkpoint_every: _Seconds = 5.0
    census_every: _Seconds = 0.0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    oidc: Oidc | None = None
    rate: float = Field(default=0.0, ge=0, le=1_000_000)
    queue_events: int = Field(default=20_000, ge=1, le=1_000_000)
    room_bytes: int = Field(default=512 * 1024 * 1024, ge=1 << 20)
    slow_seconds: _Seconds = 1.0
    verbose: bool = False
    as_json: bool = False

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.open_on_loopback and not is_loopback(self.host):
            raise ValueError(f"open-on-loopback is refused for {self.host}: whoever reaches it would be an admin")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls-cert and tls-key go together")
        return self

    @classmethod
    def of(cls, **values: object) -> Self:
        """Return checked settings.

        Raises:
            RefusedError: One of them is not acceptable.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            said = first["msg"].removeprefix("Value error, ")
            raise RefusedError(f"{place}: {said}" if place else said) from error

    @classmethod
    def of_options(cls, options: Mapping[str, object]) -> Self:
        """Return checked settings from the options of `tally serve`, by their names there.

        Raises:
            RefusedError: One of them is not acceptable.
        """
        given = dict(options)
        bind = str(given.pop("bind"))
        host, colon, port = bind.rpartition(":")
        if not colon or not port.isdecimal():
            raise RefusedError(f"--bind {bind[:120]!r} is not HOST:PORT")
        oidc = {name: given.pop(f"oidc_{name}") for name in ("issuer", "audience", "jwks")}
        if any(oidc.values()) and not all(oidc.values()):
            raise RefusedError("--oidc-issuer, --oidc-audience and --oidc-jwks go together")
        return cls.of(host=host.strip("[]"), port=port, oidc=oidc if all(oidc.values()) else None, **given)

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> Self:
        """Return what `to_environment` put there in the process that started this one."""
        return cls.model_validate_json(environ[ENVIRONMENT])

    def to_environment(self, environ: MutableMapping[str, str] = os.environ) -> None:
        """Leave these settings to the processes that are started from here; they hold no secret."""
        environ[ENVIRONMENT] = self.model_dump_json()

    def readers_of(self, cores: int) -> int:
        """Return how many processes read for each worker: as many as were asked for, or one for each core that is left."""
        return max(0, min(cores // self.workers - 1, _MOST_READERS)) if self.readers is None else self.readers

    @property
    def passphrase(self) -> Passphrase:
        """Asks for the keys' passphrase: from the file that was named, or the environment."""
        file = self.passphrase_file
        return environment_passphrase if file is None else lambda: _read_secret(file)


def is_loopback(host: str) -> bool:
    """True when only this machine reaches `host`; a name other than localhost is not looked up."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_secret(path: Path) -> bytes:
    try:
        with path.open("rb") as file:  # a device might never end
            data = file.read(_SECRET_BYTES + 1)
    except OSError as error:
        raise UnverifiableError(f"the passphrase file cannot be read: {error.strerror}") from error
    if len(data) > _SECRET_BYTES:
        raise RefusedError(f"the passphrase file has more than {_SECRET_BYTES} bytes")
    if not (secret := data.rstrip(b"\r\n")):
        raise RefusedError("the passphrase file is empty")
    return secret
