"""A contract in our own form while a reader fills it in: each value with the line of the foreign document that says it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contracts import yamlsafe
from contracts.dialects.place import Place

DEFAULT_NAMESPACE = "default"
MAX_ITEMS = 2_000  # above what a contract holds, and few enough to be compared with one another
DEFAULT_VERSION = "1.0.0"


class Draft:
    """What was read so far."""

    def __init__(self, place: Place) -> None:
        self.value: dict[str, Any] = {}
        self.lines: yamlsafe.Lines = {(): place.line}
        self.files: dict[yamlsafe.Path, str] = {(): place.name}

    def put(self, path: yamlsafe.Path, value: Any, place: Place) -> None:
        """Say that `value`, and all of it, is because of one place."""
        inside: Any = self.value
        for number, step in enumerate(path[:-1]):
            inside = inside.setdefault(step, {}) if isinstance(inside, dict) else inside[step]
            self._stands(path[: number + 1], place.line, place, again=False)
        if isinstance(inside, list):
            inside.append(value)
        else:
            inside[path[-1]] = value
        for below, _ in _walk(value):
            self._stands((*path, *below), place.line, place)

    def copy(self, path: yamlsafe.Path, place: Place) -> None:
        """Take over what stands at a place, each part with its own line."""
        self.put(path, place.value, place)
        for below, _ in _walk(place.value):
            self._stands((*path, *below), place.parsed.line((*place.path, *below)), place)

    def add(self, path: yamlsafe.Path, value: dict[str, Any], place: Place) -> yamlsafe.Path:
        """Append to a list, and return the path of what was appended."""
        listed = self._at(path)
        if listed is None:
            self.put(path, [], place)
            listed = self._at(path)
        if len(listed) >= MAX_ITEMS:
            raise place.error(f"is one more than the {MAX_ITEMS} that a list of a contract holds")
        self.put((*path, len(listed)), value, place)
        return (*path, len(listed) - 1)

    def keep(self, place: Place | None, *path: str | int) -> None:
        """Keep what stands at a place as an annotation, under its own way there unless another is given."""
        if place is not None and place.value is not None:
            self.copy(("annotations", *(path or map(str, place.path))), place)

    def keep_at(self, path: yamlsafe.Path, place: Place) -> None:
        """Keep what stands at a place as an annotation of the field at `path`."""
        if place.value is not None:
            self.copy((*path, "annotations", place.key), place)

    def at(self, path: yamlsafe.Path) -> Any:
        """Return what was said at a path."""
        return self._at(path)

    def has(self, *path: str | int) -> bool:
        """Whether something was said there."""
        return self._at(path) is not None

    def parsed(self) -> yamlsafe.Parsed:
        """Return what was read, as if it had been written in our own form."""
        return yamlsafe.Parsed(self.value, self.lines, self.files)

    def _stands(self, path: yamlsafe.Path, line: int, place: Place, *, again: bool = True) -> None:
        if again or path not in self.lines:
            self.lines[path] = line
            if place.name != self.files[()]:
                self.files[path] = place.name

    def _at(self, path: yamlsafe.Path) -> Any:
        found: Any = self.value
        for step in path:
            found = (
                found.get(step) if isinstance(found, dict) and isinstance(step, str) else found[step] if found else None
            )
            if found is None:
                return None
        return found


def _walk(value: Any) -> Iterator[tuple[yamlsafe.Path, Any]]:
    """Yield every path in a value with what is there, the value itself first; depth is bounded by the YAML reader."""
    yield (), value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        for below, found in _walk(item):
            yield (key, *below), found
