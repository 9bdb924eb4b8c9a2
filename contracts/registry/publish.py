"""Publish a schema under a version that its changes have earned, or refuse it and say which change is too large.

Compared is with the last release: pre-releases promise nothing (Semantic Versioning 2.0.0, section 9). A refusal is recorded
too, before it is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from contracts.facts import ChangeFact
from contracts.history import ProjectingLog
from contracts.record import Context, event_of
from contracts.registry import schema as schemas
from contracts.registry.change import Change, needed_bump
from contracts.registry.compatibility import compare
from contracts.registry.facts import SCHEMA_PUBLISHED, SCHEMA_REJECTED, SchemaName, SchemaPublished, SchemaRejected
from contracts.registry.schema import Schema
from contracts.registry.semver import Bump, Version, enough
from contracts.registry.store import Published, versions
from proofs.entry import check_text
from proofs.errors import ConflictError, RefusedError

MAX_CHANGES: Final = 1_000
SUBJECT_BYTES: Final = 200

Reason = Literal["VERSION_NOT_INCREASING", "SEMVER_BUMP_TOO_SMALL"]


@dataclass(frozen=True, slots=True)
class Review:
    """What publishing a schema would come to.

    Attributes:
        changes: Against the last release, sorted by path; none for a first release.
        needed: The smallest honest step from the last release; None when there is no release yet.
        highest: The highest version in force; None when there is none.
        refusal: Why it would be refused; None when it would not.
    """

    schema: Schema
    version: Version
    changes: tuple[Change, ...]
    needed: Bump | None
    highest: Published | None
    refusal: Reason | None


def review(known: Sequence[Published], version: str, definition: bytes, *, lenient: bool = True) -> Review:
    """Return what publishing `definition` as `version` would come to, given the versions in force; nothing is written.

    Raises:
        MalformedError: The version is not a semantic version, or the definition is not a schema.
        RefusedError: The schema refers to other documents, or is beyond comparison.
    """
    number = Version.parse(version)
    schema = schemas.read(definition)
    highest = max(known, key=lambda published: published.number, default=None)
    release = max(
        (published for published in known if published.number.is_release),
        key=lambda published: published.number,
        default=None,
    )
    changes: tuple[Change, ...] = ()
    needed = None
    refusal: Reason | None = None
    if release:
        changes = compare(schemas.read(release.definition.encode()), schema, lenient=lenient)
        needed = needed_bump(changes)
        refusal = None if enough(release.number, number, needed) else "SEMVER_BUMP_TOO_SMALL"
    if highest and number <= highest.number:
        refusal = "VERSION_NOT_INCREASING"
    return Review(schema, number, changes, needed, highest, refusal)


def publish(
    log: ProjectingLog,
    subject: str,
    version: str,
    definition: bytes,
    *,
    lenient: bool = True,
    context: Context | None = None,
) -> Published:
    """Put a schema in force and return it; the same bytes under the same version again are not recorded again.

    Args:
        subject: What the schema is of, at most 200 bytes.
        definition: A JSON Schema, draft 2020-12, whose bytes are kept as they are.
        lenient: Take it that writers kept to the properties that the last release named (`compatibility.compare`).

    Raises:
        MalformedError: As `review`; nothing is recorded.
        RefusedError: The version does not come after the highest one, or is too small a step for the changes: the refusal
            is recorded. Or the schema refers to other documents: nothing is recorded.
        ConflictError: The version is in force with other bytes, or somebody else published meanwhile.
    """
    context = context or Context()
    try:
        check_text(subject, limit_bytes=SUBJECT_BYTES, name="subject")
    except ValueError as error:
        raise RefusedError(str(error)) from error
    known = versions(log, subject)
    reviewed = review(known, version, definition, lenient=lenient)
    for published in known:
        if published.version == version:
            return _same(published, reviewed.schema)
    name = SchemaName(subject=subject, version=version, format="jsonschema", sha256=reviewed.schema.sha256)
    if reviewed.refusal:
        _reject(log, name, reviewed, lenient=lenient, context=context)
    fact = SchemaPublished(
        schema=name,
        previous=reviewed.highest.version if reviewed.highest else None,
        bump=_bump(reviewed),
        open_content="lenient" if lenient else "strict",
        changed=len(reviewed.changes),
        changes=_listed(reviewed.changes),
        definition=definition.decode(),
    )
    receipt = log.append(event_of(SCHEMA_PUBLISHED, fact, context, subject=subject))
    for published in versions(log, subject):
        if published.seq == receipt.seq:
            return published
    raise ConflictError(
        f"somebody else published a version of {subject!r} meanwhile, so {version} is not in force",
        where=f"entry {receipt.seq}",
        hint="publish again: the schema is then compared with theirs",
    )


def _same(published: Published, schema: Schema) -> Published:
    if published.sha256 != schema.sha256:
        raise ConflictError(
            f"version {published.version} of {published.subject!r} is in force with other bytes "
            f"({published.sha256[:16]}…, these are {schema.sha256[:16]}…)",
            where=f"entry {published.seq}",
            hint="a published version never changes; publish the change as a new version",
        )
    return published


def _reject(log: ProjectingLog, name: SchemaName, reviewed: Review, *, lenient: bool, context: Context) -> None:
    assert reviewed.refusal is not None
    assert reviewed.highest is not None, "only what comes after something can be refused"
    needed = reviewed.needed or Bump.PATCH
    fact = SchemaRejected(
        schema=name,
        previous=reviewed.highest.version,
        reason=reviewed.refusal,
        bump=_word(needed),
        open_content="lenient" if lenient else "strict",
        changed=len(reviewed.changes),
        changes=_listed(reviewed.changes),
    )
    receipt = log.append(event_of(SCHEMA_REJECTED, fact, context, subject=name.subject))
    where = f"entry {receipt.seq}"
    if reviewed.refusal == "VERSION_NOT_INCREASING":
        raise RefusedError(
            f"version {name.version} of {name.subject!r} does not come after {reviewed.highest.version}",
            where=where,
            hint=f"`tally show {receipt.seq}` shows the refusal; publish it under a higher version",
        )
    first = _ordered(reviewed.changes)[0]
    raise RefusedError(
        f"version {name.version} of {name.subject!r} is too small a step: {first.kind} at {first.path or '/'} "
        f"needs a {needed.word} one",
        where=where,
        hint=f"`tally show {receipt.seq}` lists every change",
    )


def _bump(reviewed: Review) -> Literal["initial", "patch", "minor", "major"]:
    return "initial" if reviewed.needed is None else _word(reviewed.needed)


def _word(bump: Bump) -> Literal["patch", "minor", "major"]:
    match bump:
        case Bump.MAJOR:
            return "major"
        case Bump.MINOR:
            return "minor"
    return "patch"


def _ordered(changes: Sequence[Change]) -> list[Change]:
    """Those that break first, then those that let more in, then by path."""
    return sorted(changes, key=lambda found: (not found.breaking, found.direction == "none", found))


def _listed(changes: Sequence[Change]) -> tuple[ChangeFact, ...]:
    return tuple(
        ChangeFact(path=found.path, kind=found.kind, direction=found.direction.value, breaking=found.breaking)
        for found in _ordered(changes)[:MAX_CHANGES]
    )
