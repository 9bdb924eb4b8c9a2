"""Semantic versions, strictly: `major.minor.patch`, an optional pre-release, optional build metadata.

Source: Semantic Versioning 2.0.0, sections 2, 9, 10 and 11.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import total_ordering
from typing import Final, Self

from proofs.errors import MalformedError

MAX_BYTES: Final = 128

_NUMBER: Final = r"(0|[1-9][0-9]*)"
_PRERELEASE: Final = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION: Final = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_PRERELEASE}(?:\.{_PRERELEASE})*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)


class Bump(IntEnum):
    """How far a version moves; the greater one includes the smaller ones."""

    PATCH = 1
    MINOR = 2
    MAJOR = 3

    @property
    def word(self) -> str:
        """The name in lower case, as it is recorded."""
        return self.name.lower()


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A semantic version; order and equality are its precedence, so build metadata takes no part in them."""

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()
    build: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the version that `text` spells.

        Raises:
            MalformedError: It is not a semantic version, or longer than 128 characters.
        """
        match = _VERSION.fullmatch(text) if len(text) <= MAX_BYTES else None
        if match is None:
            raise MalformedError(
                f"{text[:MAX_BYTES]!r} is not a semantic version", hint="write MAJOR.MINOR.PATCH, as 1.4.0"
            )
        major, minor, patch, prerelease, build = match.groups()
        return cls(
            int(major),
            int(minor),
            int(patch),
            tuple(prerelease.split(".")) if prerelease else (),
            tuple(build.split(".")) if build else (),
        )

    def __str__(self) -> str:
        prerelease = "-" + ".".join(self.prerelease) if self.prerelease else ""
        build = "+" + ".".join(self.build) if self.build else ""
        return f"{self.major}.{self.minor}.{self.patch}{prerelease}{build}"

    @property
    def is_release(self) -> bool:
        """True when it has no pre-release part."""
        return not self.prerelease

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._precedence() == other._precedence()

    def __hash__(self) -> int:
        return hash(self._precedence())

    def __lt__(self, other: Version) -> bool:
        return self._precedence() < other._precedence()

    def _precedence(self) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
        # Section 11: numbers below text, numbers by value, text by ASCII; a pre-release below its release.
        parts = tuple(
            (not part.isdigit(), int(part) if part.isdigit() else 0, "" if part.isdigit() else part)
            for part in self.prerelease
        )
        return self.major, self.minor, self.patch, self.is_release, parts

    def bump_from(self, older: Version) -> Bump:
        """Return how far this version is from `older`, a smaller one: by the first of the numbers that differs."""
        if self.major != older.major:
            return Bump.MAJOR
        return Bump.MINOR if self.minor != older.minor else Bump.PATCH


def enough(older: Version, newer: Version, needed: Bump) -> bool:
    """True when going from `older` to `newer` announces a change as large as `needed`.

    While the major version is 0 nothing is promised yet (section 4): a minor step announces a breaking change, a patch
    everything else.
    """
    if older.major == 0 and newer.major == 0:
        needed = Bump.MINOR if needed is Bump.MAJOR else Bump.PATCH
    return newer.bump_from(older) >= needed
