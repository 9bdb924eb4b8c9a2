"""A request to delete a person: what stands in clear, and what is sealed.

The body's `/subject` holds the identities; it is sealed as a part under the data key of `person`, which is a random
pseudonym and never made from the identities: a hash of an e-mail address can be guessed back. Everything else about the
request names no one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal, get_args
from uuid import uuid4

from pydantic import Field, ValidationError

from ledger.event import Event
from lineage.deletion.facts import At, Dataset, Model, Name, RequestId, Token, where_wrong
from proofs import jsonstrict, limits
from proofs.errors import MalformedError, RefusedError
from proofs.statement import Node

REQUESTED: Final = "tallystick.deletion.requested.v1"
SUBJECT_POINTER: Final = "/subject"
Regulation = Literal["gdpr", "ccpa", "other"]
REGULATIONS: Final[tuple[str, ...]] = get_args(Regulation)


class Identity(Model):
    """One identity: `type` says which ("household_key", "email"), `value` is personal."""

    type: Token
    value: Annotated[Name, Field(max_length=1_024)] = Field(repr=False)


class Subject(Model):
    """The person, by identities; personal, and in no message, log line or other event."""

    identities: Annotated[tuple[Identity, ...], Field(min_length=1, max_length=64)] = Field(repr=False)

    def values(self, type: str) -> tuple[str, ...]:
        """Return the values of the identities of this type, each once."""
        return tuple(dict.fromkeys(identity.value for identity in self.identities if identity.type == type))


class DeletionRequest(Model):
    """One request.

    Attributes:
        request: A UUID, lower case; also OpenDSR's subject_request_id.
        channel: How it came ("api", "form", "opendsr").
        received: When, as an entry prints times: the deadlines run from here.
        datasets: Where to begin looking, as far as the requester knows; the plan may begin elsewhere.
        subject: None once it was sealed.
    """

    v: Literal[1] = 1
    request: RequestId
    regulation: Regulation
    channel: Token
    received: At
    datasets: tuple[Dataset, ...] = ()
    subject: Subject | None = Field(default=None, repr=False)

    def event(self, *, person: str, source: str) -> Event:
        """Return the event that opens the request's stream, its subject sealed under `person`.

        Raises:
            RefusedError: There is no subject to seal, or `source` breaks the grammar.
        """
        if self.subject is None:
            raise RefusedError(f"request {self.request} names no subject")
        data = jsonstrict.dumps(self.model_dump(exclude_none=True))
        try:
            return Event(
                type=REQUESTED,
                source=source,
                id=f"{self.request}/requested",
                data=data,
                parts=(SUBJECT_POINTER,),
                person=person,
            )
        except ValidationError:
            pass
        raise RefusedError(f"source of {len(source)} characters is not acceptable to an entry")


def new_request(
    identities: Iterable[tuple[str, str]],
    *,
    regulation: str,
    received: str,
    channel: str = "api",
    request: str | None = None,
    datasets: Iterable[Node] = (),
) -> DeletionRequest:
    """Return a request made of what people typed.

    Args:
        identities: (type, value) pairs, at least one.
        received: "2026-11-20T09:15:00.000000Z".
        request: A UUID; None draws one.

    Raises:
        RefusedError: Something is not acceptable; the message says where and quotes nothing.
    """
    if regulation not in REGULATIONS:
        raise RefusedError(f"regulation is none of {', '.join(REGULATIONS)}")
    try:
        return DeletionRequest.model_validate(
            {
                "request": str(uuid4()) if request is None else request,
                "regulation": regulation,
                "channel": channel,
                "received": received,
                "datasets": tuple(Dataset.of(node) for node in datasets),
                "subject": {"identities": tuple({"type": type, "value": value} for type, value in identities)},
            }
        )
    except ValidationError as error:
        place = where_wrong(error)
    # Outside the handler, so that nothing is chained: pydantic's error holds the values.
    raise RefusedError(f"deletion request is not acceptable at {place}")


def read_request(body: bytes) -> DeletionRequest:
    """Return what the stored body of a request says, its subject None.

    Raises:
        MalformedError: It is not the body of a request.
    """
    jsonstrict.loads_foreign(body)
    try:
        return DeletionRequest.model_validate_json(body).model_copy(update={"subject": None})
    except ValidationError as error:
        place = where_wrong(error)
    raise MalformedError(f"body of {REQUESTED} is wrong at {place}")


def read_subject(part: bytes) -> Subject:
    """Return the person from the opened part.

    Raises:
        MalformedError: It is not a subject; the message quotes nothing.
    """
    try:
        jsonstrict.loads(part, limit_bytes=limits.BODY_BYTES)
        return Subject.model_validate_json(part)
    except ValidationError as error:
        place = where_wrong(error)
    except MalformedError:
        place = "its top"
    raise MalformedError(f"the opened part is not a subject, at {place}")
