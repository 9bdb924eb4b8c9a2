"""Read the small, unambiguous part of YAML that people mean, and remember on which line each value stands.

Read from the parser's events and not through a constructor: no tag is ever obeyed, no alias expanded, and nesting costs
no recursion. What YAML readers disagree about (`yes`, `007`, `1_000`, `1e3`) is refused instead of guessed. Fractions
are decimals, so that 0.1 in a contract is a tenth on every machine.

The events are those of libyaml: a reader in Python takes seconds for what is within our bounds, and is then refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import yaml
from yaml import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from proofs.errors import MalformedError

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 32  # of it, an ODCS contract uses three for each array of objects in another
MAX_NODES: Final = 60_000  # what a contract of MAX_BYTES has, one short value a line

# As all of PyYAML's wheels have it; where it was built without, the same events come from Python, and slowly.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# YAML 1.1 ends a line at the first three, YAML 1.2 does not; the fourth is blank to one reader and text to another.
_UNEVEN: Final = re.compile("[\x85\u2028\u2029]|(?<!^)\ufeff")

Path = tuple[str | int, ...]
Lines = dict[Path, int]

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,39})")
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,39})\.[0-9]{1,40}")
# Some YAML reader takes each of these for a number or a truth value, another for text.
_AMBIGUOUS: Final = re.compile(
    r"[-+]?(0x[0-9a-f_]+|0o?[0-7_]+|0b[01_]+|[0-9][0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]+)?|\.[0-9][0-9_]*(e[-+]?[0-9]+)?"
    r"|[0-9]+(:[0-5]?[0-9])+(\.[0-9_]*)?|\.inf)|\.nan|yes|no|on|off|true|false|null",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document and where its parts stand.

    Attributes:
        value: dict, list, str, int, Decimal, bool or None, nested.
        lines: The line, counted from 1, of every path of keys and indices; a member of a mapping is where its key is.
        files: The file of a path that stands in another than the document itself; that of () is the document's.
    """

    value: Any
    lines: Lines
    files: dict[Path, str] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the nearest ancestor that stands in the document."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def where(self, path: Path, *, name: str) -> str:
        """Return the file and line of `path`, as a reader can find it; `name` is what the document itself is called."""
        while path not in self.lines:
            path = path[:-1]
        return f"{self.files.get(path, self.files.get((), name))} line {self.lines[path]}"


def parse(data: bytes, *, name: str) -> Parsed:
    """Return what `data`, one YAML document of at most 1 MB, says.

    Args:
        name: What messages call the document, usually its file name.

    Raises:
        MalformedError: It is not UTF-8, not YAML, too large or too deep; it has a key twice, an anchor, an alias, a
            tag, a directive, a second document, or what readers of YAML take for different values: a plain scalar, or
            an end of line that only YAML 1.1 knows.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(f"the document has {len(data)} bytes, at most {MAX_BYTES} are read", where=name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MalformedError("the document is not UTF-8", where=f"{name} line {line}") from error
    if uneven := _UNEVEN.search(text):
        line = text.count("\n", 0, uneven.start()) + 1
        what = f"readers of YAML take U+{ord(uneven[0]):04X} for different things"
        raise MalformedError(
            what, where=f"{name} line {line}", hint="leave it out, or write it as an escape within quotes"
        )
    try:
        return _Tree(name).grow(yaml.parse(text, Loader=_LOADER))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name} line {mark.line + 1}" if mark else name
        raise MalformedError(f"not YAML: {error.problem or error.context}", where=where) from error
    except (YAMLError, ValueError, OverflowError) as error:
        # The reader's own errors carry no mark; an escape beyond U+10FFFF overflows inside it.
        raise MalformedError("not YAML: a character that YAML does not allow", where=name) from error


@dataclass(slots=True)
class _Open:
    """A collection that is being read; `key` waits for its value."""

    value: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None
    key_line: int = 0


class _Tree:
    """Builds the value from events, with the collections still open on a stack of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stack: list[_Open] = []
        self.lines: dict[Path, int] = {}
        self.root: list[Any] = []

    def grow(self, events: Iterator[Event]) -> Parsed:
        for event in events:
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, MappingEndEvent | SequenceEndEvent):
                self.stack.pop()
            elif isinstance(event, DocumentStartEvent):
                self._start(event, line)
            elif isinstance(event, AliasEvent):
                raise self._error("an alias is not read here", line)
            elif isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
                self._node(event, line)
        if not self.root:
            raise MalformedError("the document is empty", where=self.name)
        return Parsed(self.root[0], self.lines)

    def _start(self, event: DocumentStartEvent, line: int) -> None:
        if self.root:
            raise self._error("a second document begins, one is read", line)
        if event.version or event.tags:
            raise self._error("a directive is not read here", line)

    def _node(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, line: int) -> None:
        if event.anchor:
            raise self._error("an anchor is not read here", line)
        if event.tag is not None:
            raise self._error("a tag is not read here", line)
        if len(self.lines) >= MAX_NODES:
            raise self._error(f"the document has more than {MAX_NODES} values", line)
        inside = self.stack[-1] if self.stack else None
        if inside and isinstance(inside.value, dict) and inside.key is None:
            inside.key, inside.key_line = self._key(event, inside.value, line), line
            return
        if isinstance(event, ScalarEvent):
            self._place(self._scalar(event, line), line)
            return
        if len(self.stack) >= MAX_DEPTH:
            raise self._error(f"the document nests deeper than {MAX_DEPTH}", line)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, MappingStartEvent) else []
        path = self._place(value, line)
        self.stack.append(_Open(value, path))

    def _key(self, event: Event, value: dict[str, Any], line: int) -> str:
        if not isinstance(event, ScalarEvent):
            raise self._error("a key is a collection, keys are text", line)
        key = self._text(event.value, line)
        if key == "<<" and not event.style:
            raise self._error("a merge key is not read here", line)
        if key in value:
            raise self._error(f"the key {key[:64]!r} stands twice", line)
        return key

    def _place(self, value: Any, line: int) -> Path:
        if not self.stack:
            self.root.append(value)
            self.lines[()] = line
            return ()
        inside = self.stack[-1]
        if isinstance(inside.value, list):
            path: Path = (*inside.path, len(inside.value))
            inside.value.append(value)
        else:
            assert inside.key is not None, "_node reads a key before each value of a mapping"
            path, line = (*inside.path, inside.key), inside.key_line
            inside.value[inside.key] = value
            inside.key = None
        self.lines[path] = line
        return path

    def _scalar(self, event: ScalarEvent, line: int) -> str | int | bool | Decimal | None:
        text = self._text(event.value, line)
        if event.style:  # plain is none
            return text
        if text in ("", "~", "null"):
            return None
        if text in ("true", "false"):
            return text == "true"
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return Decimal(text)
        if _AMBIGUOUS.fullmatch(text):
            raise self._error(
                f"readers of YAML take {text[:64]} for different values",
                line,
                hint="quote it, or write true, false, null or a plain decimal number",
            )
        return text

    def _text(self, text: str, line: int) -> str:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise self._error("half of a surrogate pair is not text", line) from error
        return text

    def _error(self, what: str, line: int, *, hint: str = "") -> MalformedError:
        return MalformedError(what, where=f"{self.name} line {line}", hint=hint)
