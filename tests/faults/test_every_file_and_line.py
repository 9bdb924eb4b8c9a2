"""Every file and every line of a bundle removed, doubled and swapped, before the seal and after it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from proofs.view import verify_bundle

WORLDS = ("small", "churn", "rotated", "wide")
JSONL = ("data/entries.jsonl", "data/bodies.jsonl", "data/parts.jsonl")
MANIFESTS = ("manifest-sha256.txt", "tagmanifest-sha256.txt")
Files = dict[str, bytes]


def refused(data: bytes, trust: bytes) -> tuple[str, str, str]:
    """The word, the step and the place of a verdict that is not "verified"."""
    verdict = verify_bundle(data, trust=trust)
    assert verdict.failure is not None
    assert verdict.failure.where
    return verdict.word, verdict.failure.step, verdict.failure.where


@pytest.mark.parametrize("world", WORLDS)
def test_I16_a_file_that_was_removed_is_missed(world: str, issuer: ModuleType) -> None:
    ledger, question = getattr(issuer, world)()

    for path in issuer.issue_files(ledger, question):
        lies = issuer.Lies(sealed=lambda files, path=path: files.pop(path))
        assert refused(issuer.issue(ledger, question, lies), ledger.trust()) == ("incomplete", "manifests", path)


@pytest.mark.parametrize("world", WORLDS)
def test_I16_a_file_that_was_removed_before_the_seal_is_missed(world: str, issuer: ModuleType) -> None:
    ledger, question = getattr(issuer, world)()
    optional = ("data/handovers/", "data/certificates/")

    for path in issuer.issue_files(ledger, question):
        if path.startswith("data/") and path != "data/statement.json":
            lies = issuer.Lies(files=lambda files, path=path: files.pop(path))
            word, _, where = refused(issuer.issue(ledger, question, lies), ledger.trust())
            assert word == "incomplete"
            assert path.startswith(where)
            assert where == path or path.startswith(optional)


@pytest.mark.parametrize("world", WORLDS)
def test_I16_a_file_that_was_doubled_under_another_name_is_seen(world: str, issuer: ModuleType) -> None:
    ledger, question = getattr(issuer, world)()

    for path in issuer.issue_files(ledger, question):
        double = f"{path}.bak"
        lies = issuer.Lies(sealed=lambda files, path=path, double=double: files.update({double: files[path]}))
        assert refused(issuer.issue(ledger, question, lies), ledger.trust()) == ("tampered", "manifests", double)


@pytest.mark.parametrize("world", WORLDS)
def test_I16_a_file_that_was_doubled_before_the_seal_is_seen(world: str, issuer: ModuleType) -> None:
    ledger, question = getattr(issuer, world)()

    for path in issuer.issue_files(ledger, question):
        if path.startswith("data/") and path != "data/statement.json":
            lies = issuer.Lies(files=lambda files, path=path: files.update({f"{path}.bak": files[path]}))
            found = refused(issuer.issue(ledger, question, lies), ledger.trust())
            assert found == ("malformed", "manifests", f"{path}.bak")


def edits(lines: list[bytes]) -> Iterator[list[bytes]]:
    """Every line removed, doubled, and swapped with every other one."""
    for at in range(len(lines)):
        yield lines[:at] + lines[at + 1 :]
        yield lines[: at + 1] + lines[at:]
    for one, other in itertools.combinations(range(len(lines)), 2):
        swapped = list(lines)
        swapped[one], swapped[other] = lines[other], lines[one]
        yield swapped


def replaced(path: str, lines: list[bytes]) -> Callable[[Any], object]:
    return lambda files: files.update({path: b"".join(lines)})


@pytest.mark.parametrize("path", JSONL)
@pytest.mark.parametrize("world", WORLDS)
def test_I16_a_line_that_was_removed_doubled_or_moved_is_refused(world: str, path: str, issuer: ModuleType) -> None:
    ledger, question = getattr(issuer, world)()
    lines = issuer.issue_files(ledger, question)[path].splitlines(keepends=True)

    for changed in edits(lines):
        data = issuer.issue(ledger, question, issuer.Lies(sealed=replaced(path, changed)))
        assert refused(data, ledger.trust()) == ("tampered", "manifests", path)


@pytest.mark.parametrize("path", JSONL)
@pytest.mark.parametrize("world", WORLDS)
def test_I16_a_line_that_was_removed_doubled_or_moved_before_the_seal_is_refused(
    world: str, path: str, issuer: ModuleType
) -> None:
    ledger, question = getattr(issuer, world)()
    lines = issuer.issue_files(ledger, question)[path].splitlines(keepends=True)

    for changed in edits(lines):
        data = issuer.issue(ledger, question, issuer.Lies(files=replaced(path, changed)))
        word, _, where = refused(data, ledger.trust())
        # An entry that is missing leaves a hole in the tree; a body or a part that is missing is asked for.
        if len(changed) < len(lines):
            assert (word, where) in {("tampered", "data/proofs.json"), ("incomplete", path)}
        else:
            assert word == "malformed"
            assert where.startswith(f"{path} line ")


@pytest.mark.parametrize("path", MANIFESTS)
def test_I16_a_line_of_a_manifest_that_was_removed_doubled_or_moved_is_refused(path: str, issuer: ModuleType) -> None:
    ledger, question = issuer.churn()
    lines = issuer.issue_files(ledger, question)[path].splitlines(keepends=True)

    for changed in edits(lines):
        data = issuer.issue(ledger, question, issuer.Lies(sealed=replaced(path, changed)))
        word, step, _ = refused(data, ledger.trust())
        assert step == "manifests"
        assert word in ("tampered", "malformed")
