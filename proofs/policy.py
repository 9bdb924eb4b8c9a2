"""The trust file: which logs a reader believes, and how many of which witnesses must have seen what they say.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member> …
    quorum <name>|none

One definition a line, items between spaces or tabs, whole lines of comment behind "#". A line speaks only of names that
stand above it, each name is a member once, and there is exactly one quorum.

Source: C2SP tlog-policy (development version of 2026-06-22).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Self, TypeAlias

from proofs import limits
from proofs.errors import MalformedError
from proofs.vkey import KeyType, VerifierKey

NONE: Final = "none"
WITNESS_TYPES: Final = frozenset({KeyType.COSIGNATURE, KeyType.MLDSA_COSIGNATURE})
# A 0x04 key signs times and checkpoints, never a checkpoint alone: it is no log's.
LOG_TYPES: Final = frozenset(KeyType) - {KeyType.COSIGNATURE}

_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
# Lone surrogates outside U+DC80–DCFF stand for no octet.
_ITEM: Final = re.compile("[^\x00-\x20\x7f\ud800-\udc7f\udd00-\udfff]+\\Z")
_THRESHOLD: Final = re.compile(r"(?:all|any|[1-9][0-9]{0,5})\Z")


@dataclass(frozen=True, slots=True)
class Log:
    """A log that the reader believes; its key's name is the log's origin."""

    key: VerifierKey
    url: str = ""

    def to_line(self) -> str:
        """Return the line of the trust file, without its newline."""
        return " ".join(filter(None, ("log", self.key.to_text(), self.url)))


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness, under the name that groups and the quorum use for it."""

    name: str
    key: VerifierKey
    url: str = ""

    def to_line(self) -> str:
        """Return the line of the trust file, without its newline."""
        return " ".join(filter(None, ("witness", self.name, self.key.to_text(), self.url)))


@dataclass(frozen=True, slots=True)
class Group:
    """Members of which so many must have witnessed.

    Attributes:
        name: Unique among witnesses and groups.
        rule: "all", "any" or a number in decimal, 1 to the number of members.
        members: Witnesses and groups, by name.
    """

    name: str
    rule: str
    members: tuple[str, ...]

    @property
    def threshold(self) -> int:
        """How many members are needed, ≥ 1."""
        if self.rule == "all":
            return len(self.members)
        return 1 if self.rule == "any" else int(self.rule)

    def to_line(self) -> str:
        """Return the line of the trust file, without its newline."""
        return " ".join(("group", self.name, self.rule, *self.members))


@dataclass(frozen=True, slots=True)
class Quorum:
    """The witness or group that must have witnessed, or "none"."""

    name: str

    def to_line(self) -> str:
        """Return the line of the trust file, without its newline."""
        return f"quorum {self.name}"


Definition: TypeAlias = Log | Witness | Group | Quorum


@dataclass(frozen=True, slots=True)
class Policy:
    """What a reader trusts.

    Attributes:
        definitions: The lines of the trust file without comments, in their order.

    Raises:
        MalformedError: A definition contradicts another one or the format.
    """

    definitions: tuple[Definition, ...]

    def __post_init__(self) -> None:
        above = _Above()
        for definition in self.definitions:
            above.add(definition)
        if above.quorums != 1:
            raise MalformedError(f"trust file has {above.quorums} quorum lines, expected 1")

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Return the policy that a trust file states.

        Accepts what `to_text` writes and, because people write these files, also comments, blank lines, other
        spacing and a last line without its newline. Octets from 0x80 are opaque, as the format has it: in names and
        URLs those that are not UTF-8 become lone surrogates (PEP 383).

        Raises:
            MalformedError: The file is anything else, or longer than 1,000,000 bytes; `where` is the line.
        """
        try:
            raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else bytes(text)
        except UnicodeEncodeError as error:
            raise MalformedError("trust file holds a character that stands for no octet") from error
        if len(raw) > limits.NOTE_BYTES:
            raise MalformedError(f"trust file has {len(raw)} bytes, at most {limits.NOTE_BYTES} are allowed")
        above = _Above()
        definitions: list[Definition] = []
        for number, line in enumerate(raw.split(b"\n"), 1):
            try:
                if definition := _definition(line):
                    above.add(definition)
                    definitions.append(definition)
            except MalformedError as error:
                raise MalformedError(error.what, where=f"trust file line {number}") from error
        return cls(tuple(definitions))

    def to_text(self) -> str:
        """Return the trust file without its comments, one space between items."""
        return "".join(f"{definition.to_line()}\n" for definition in self.definitions)

    @property
    def logs(self) -> tuple[Log, ...]:
        """The logs, in the order of the file."""
        return tuple(each for each in self.definitions if isinstance(each, Log))

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        """The witnesses, in the order of the file."""
        return tuple(each for each in self.definitions if isinstance(each, Witness))

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups, in the order of the file."""
        return tuple(each for each in self.definitions if isinstance(each, Group))

    @property
    def quorum(self) -> str:
        """Name of the witness or group that must have witnessed, or "none"."""
        return next(each.name for each in self.definitions if isinstance(each, Quorum))

    def log_keys(self, origin: str) -> tuple[VerifierKey, ...]:
        """Return the keys under which the log `origin` is believed; empty when the reader does not know it."""
        return tuple(log.key for log in self.logs if log.key.name == origin)

    def quorum_met(self, witnessed: Collection[str]) -> bool:
        """Return whether these witnesses, by their names in the file, are enough.

        Names of groups and strangers count for nothing: a group is met by its members alone.
        """
        met = {witness.name for witness in self.witnesses if witness.name in witnessed}
        # A group speaks only of names above it, so one pass in the order of the file is enough, however deep they nest.
        for group in self.groups:
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return self.quorum == NONE or self.quorum in met


@dataclass(slots=True)
class _Above:
    """What the lines above have defined, against which the next one is held."""

    names: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    log_keys: set[bytes] = field(default_factory=set)
    witness_keys: set[bytes] = field(default_factory=set)
    quorums: int = 0

    def add(self, definition: Definition) -> None:
        match definition:
            case Log():
                _check_items(definition.url)
                _check_type("log", definition.key, LOG_TYPES)
                _check_new("log", definition.key, self.log_keys)
            case Witness():
                _check_items(definition.url)
                _check_type("witness", definition.key, WITNESS_TYPES)
                _check_new("witness", definition.key, self.witness_keys)
                self._define(definition.name)
            case Group():
                self._check_group(definition)
                self._define(definition.name)
            case Quorum():
                self.quorums += 1
                if self.quorums > 1:
                    raise MalformedError("trust file has a second quorum line")
                if definition.name != NONE and definition.name not in self.names:
                    raise MalformedError(f"quorum {definition.name!r} is not defined above")

    def _define(self, name: str) -> None:
        if not _ITEM.match(name):
            raise MalformedError(f"name {name!r} is empty or holds a space or control character")
        if name == NONE:
            raise MalformedError(f"name {name!r} is reserved")
        if name in self.names:
            raise MalformedError(f"name {name!r} is defined twice")
        self.names.add(name)

    def _check_group(self, group: Group) -> None:
        if not group.members:
            raise MalformedError(f"group {group.name!r} has no members")
        if not _THRESHOLD.match(group.rule) or group.threshold > len(group.members):
            raise MalformedError(
                f"threshold {group.rule!r} of group {group.name!r} is not all, any or 1 to {len(group.members)}"
            )
        for member in group.members:
            if member not in self.names:
                raise MalformedError(f"member {member!r} of group {group.name!r} is not defined above")
            if member in self.members:
                raise MalformedError(f"name {member!r} is a group's member twice")
            self.members.add(member)


def _check_items(url: str) -> None:
    if url and not _ITEM.match(url):
        raise MalformedError(f"URL {url[:80]!r} holds a space or control character")


def _check_type(what: str, key: VerifierKey, types: frozenset[KeyType]) -> None:
    if key.type not in types:
        raise MalformedError(f"{what} key {key.label} has the type 0x{key.type:02x}, which is no {what}'s")


def _check_new(what: str, key: VerifierKey, seen: set[bytes]) -> None:
    # Not name and id but the key itself: one signer under two names would count twice.
    if key.public_key in seen:
        raise MalformedError(f"{what} key {key.label} has the public key of another {what} above")
    seen.add(key.public_key)


def _definition(line: bytes) -> Definition | None:
    if found := _FORBIDDEN.search(line):
        raise MalformedError(f"octet 0x{found.group()[0]:02x} is not allowed")
    items = [item for item in re.split(r"[\t ]+", line.decode("utf-8", "surrogateescape")) if item]
    match items:
        case []:
            return None
        case [comment, *_] if comment.startswith("#"):
            return None
        case ["log", vkey, *url] if len(url) <= 1:
            return Log(VerifierKey.parse(vkey), *url)
        case ["witness", name, vkey, *url] if len(url) <= 1:
            return Witness(name, VerifierKey.parse(vkey), *url)
        case ["group", name, rule, *members]:
            return Group(name, rule, tuple(members))
        case ["quorum", name]:
            return Quorum(name)
        case ["log" | "witness" | "group" | "quorum" as keyword, *_]:
            raise MalformedError(f"{keyword} line has {len(items)} items, not those of its form")
        case _:
            raise MalformedError(f"keyword {items[0][:80]!r} is not log, witness, group or quorum")
