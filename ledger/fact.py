"""What a body that domain rules leave in the log is made of: canonical JSON, and kinds of values with their bounds."""

from __future__ import annotations

import hashlib
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from proofs import jsonstrict, limits
from proofs.entry import check_at, check_text
from proofs.errors import MalformedError

T = TypeVar("T", bound="Fact")
Count = Annotated[int, Field(ge=0, le=limits.MAX_INTEGER)]
At = Annotated[str, AfterValidator(check_at)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Filled = Annotated[str, Field(min_length=1)]
Reason = Annotated[str, AfterValidator(lambda text: check_text(text, limit_bytes=2_000, name="a reason"))]
Pseudonym = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$")]


class Fact(BaseModel):
    """One body, or a part of one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True)

    def print(self) -> bytes:
        """Return the body as canonical JSON; members without a value are left out."""
        return jsonstrict.dumps(self.model_dump(mode="json", exclude_none=True, by_alias=True))

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Return the fact that a body states; white space and the order of members are free, unknown members are not.

        Raises:
            MalformedError: It states something else.
        """
        value = jsonstrict.loads(body, limit_bytes=limits.BODY_BYTES)
        try:
            return cls.model_validate_json(jsonstrict.dumps(value))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = "/".join(str(step) for step in first["loc"])
            raise MalformedError(f"the body is not a {cls.__name__}: {place}: {first['msg']}") from error


def check_hash(fact: T, definition: str, sha256: str) -> T:
    """Return `fact` when it gives its definition's true hash; else whoever reads it would compare the wrong text."""
    if hashlib.sha256(definition.encode()).hexdigest() != sha256:
        raise ValueError("sha256 is not the hash of the definition")
    return fact
