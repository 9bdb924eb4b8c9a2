"""Where notices go: Slack, any webhook, mail, PagerDuty. Secrets come from the environment, and stand in no file and no message.

    channels:
      - {name: "#data-oncall", kind: slack, url: "${SLACK_WEBHOOK}"}
      - {name: ops, kind: webhook, url: https://ops.example.org/tally, headers: {Authorization: "${OPS_TOKEN}"}}
      - {name: mail, kind: smtp, host: mail.example.org, from: tally@example.org, to: [data@example.org], digest_seconds: 3600}
      - {name: pager, kind: pagerduty, routing_key: "${PAGERDUTY_KEY}"}
    default: ["#data-oncall"]        # of a contract that names no channel that is here
    repeat_seconds: 3600             # the same trouble is not told again so soon
    template: "{title}\\n{text}"      # of one notice: title, text, level, contract, version, count

Source: Slack, "Sending messages using incoming webhooks"; PagerDuty, Events API v2; RFC 5321.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from contracts import yamlsafe
from contracts.bounds import Model
from contracts.complaint import complaint
from contracts.terms import MisplacedError
from proofs.errors import MissingError

_SECRET: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,99})\}")
_FIELD: Final = re.compile(r"\{([a-z_]+)\}")
FIELDS: Final = ("title", "text", "level", "contract", "version", "count")
_HTTP: Final = re.compile(r"https?://[^\s]+|\$\{[A-Za-z_][A-Za-z0-9_]{0,99}\}")

Line = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[^\r\n\x00]*$")]
Url = Annotated[str, Field(max_length=2_000, pattern=f"^(?:{_HTTP.pattern})$")]
Seconds = Annotated[int, Field(ge=0, le=30 * 86_400)]


class Channel(Model):
    """What every channel has.

    Attributes:
        digest_seconds: How long notices are gathered before they are told together.
    """

    name: Line
    kind: str
    digest_seconds: Seconds = 0


class Slack(Channel):
    """An incoming webhook of Slack, or of what understands the same."""

    kind: Literal["slack"]
    url: Url


class Webhook(Channel):
    """Any address that takes JSON by POST."""

    kind: Literal["webhook"]
    url: Url
    headers: Annotated[dict[Line, Line], Field(max_length=20)] = Field(default_factory=dict)


class Smtp(Channel):
    """Mail, in plain text."""

    kind: Literal["smtp"]
    host: Line
    port: Annotated[int, Field(ge=1, le=65_535)] = 25
    security: Literal["none", "starttls", "tls"] = "starttls"
    sender: Annotated[Line, Field(alias="from")]
    to: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50, strict=False)]
    user: Line | None = None
    password: Line | None = None

    @model_validator(mode="after")
    def _secret(self) -> Self:
        if self.password is not None and not _SECRET.fullmatch(self.password):
            raise MisplacedError("stands in the file; name an environment variable: ${NAME}", "password")
        if (self.user is None) != (self.password is None):
            raise MisplacedError("goes with password, and that with it", "user")
        if self.password is not None and self.security == "none":
            raise MisplacedError("would send the password in clear", "security")
        return self


class PagerDuty(Channel):
    """PagerDuty's Events API v2."""

    kind: Literal["pagerduty"]
    routing_key: Line
    url: Url = "https://events.pagerduty.com/v2/enqueue"

    @model_validator(mode="after")
    def _secret(self) -> Self:
        if not _SECRET.fullmatch(self.routing_key):
            raise MisplacedError("stands in the file; name an environment variable: ${NAME}", "routing_key")
        return self


AnyChannel = Annotated[Slack | Webhook | Smtp | PagerDuty, Field(discriminator="kind")]


class Channels(Model):
    """A file of channels."""

    channels: Annotated[tuple[AnyChannel, ...], Field(min_length=1, max_length=200, strict=False)]
    default: Annotated[tuple[Line, ...], Field(max_length=20, strict=False)] = ()
    repeat_seconds: Seconds = 3_600
    template: Annotated[str, Field(max_length=4_000)] = "{title}\n{text}"

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = [channel.name for channel in self.channels]
        for place, name in enumerate(names):
            if names.index(name) != place:
                raise MisplacedError("is the name of two channels", "channels", place, "name")
        for place, name in enumerate(self.default):
            if name not in names:
                raise MisplacedError("is no channel here", "default", place, wrong=name, known=names)
        if strange := sorted(set(_FIELD.findall(self.template)) - set(FIELDS)):
            raise MisplacedError("is no field of a notice", "template", wrong=strange[0], known=FIELDS)
        return self

    def named(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of a contract's channels that are here; the default where none is."""
        known = {channel.name for channel in self.channels}
        return tuple(name for name in names if name in known) or self.default


def parse_channels(data: bytes, *, name: str = "channels") -> Channels:
    """Return the channels that `data` spells.

    Raises:
        MalformedError: It is no file of channels; `where` names the line.
    """
    parsed = yamlsafe.parse(data, name=name)
    try:
        return Channels.model_validate(parsed.value)
    except ValidationError as error:
        raise complaint(error, parsed, name=name, model=Channels) from error


def filled(text: str, environment: Mapping[str, str]) -> str:
    """Return `text` with every ${NAME} in it.

    Raises:
        MissingError: The environment has no such variable; its value is quoted nowhere.
    """

    def value(found: re.Match[str]) -> str:
        if not environment.get(found[1]):
            raise MissingError(f"the environment variable {found[1]} is not set")
        return environment[found[1]]

    return _SECRET.sub(value, text)


def told(template: str, values: Mapping[str, str]) -> str:
    """Return the template with each field's value in its place; nothing in a value is taken for a field."""
    return _FIELD.sub(lambda found: values[found[1]], template).strip()
