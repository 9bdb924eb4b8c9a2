"""The verdict: one word, one exit status, what was checked, and, where it fails, the place and the reason (I18).

A step that was not reached says so; a signature that was not checked earns no grade. The verdict has two faces, one
line of canonical JSON for programs and a page of text for people.

Source: docs/formats/verification.md, "Verdict".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal, Self, TypeAlias

from proofs import exits, jsonstrict
from proofs.bundle import CERTIFICATES
from proofs.errors import (
    IncompleteError,
    MalformedError,
    MissingError,
    StaleError,
    TallyError,
    TamperedError,
    UnverifiableError,
)
from proofs.exits import EXIT
from proofs.grade import DISPROVEN, NO_CERTIFICATE, Graded

Outcome: TypeAlias = Literal["passed", "failed", "not reached"]

STEPS: Final = (
    "archive",
    "manifests",
    "log-key",
    "expected-head",
    "inclusion",
    "keys",
    "evidence-signature",
    "census",
    "streams",
    "bodies",
    "grades",
)
VERIFIED: Final = "verified"
# The errors that a judgement ends in; any other one that escapes is a bug.
_WORDS: Final[Mapping[type[TallyError], str]] = {
    TamperedError: "tampered",
    MalformedError: "malformed",
    IncompleteError: "incomplete",
    UnverifiableError: "unverifiable",
    StaleError: "stale",
    MissingError: "missing",
}
STATUS: Final[Mapping[str, int]] = {VERIFIED: exits.VERIFIED} | {word: EXIT[kind] for kind, word in _WORDS.items()}
_MARKS: Final[Mapping[Outcome, str]] = {"passed": "✓", "failed": "✗", "not reached": "·"}
_MEANING: Final[Mapping[str, str]] = {
    VERIFIED: "every check passed",
    "tampered": "it contradicts a commitment or a signature",
    "malformed": "it is not what the format says",
    "incomplete": "something that must be there is not",
    "unverifiable": "nothing at hand says yes or no",
    "stale": "it is true, and older than asked for",
    "missing": "there is no such file",
}
_FOLDED: Final = 8  # streams of one kind and grade, beyond which they stand on one line; and names in one list
_DIFFERS: Final[Mapping[str, str]] = {
    "closure": "the recorded lineage gives another closure",
    "order": "request, lineage, plan and certificate do not follow one another",
    "outcome": "it is called complete, and its targets say otherwise",
    "plan": "the entry that it names is no such plan",
    "request": "the entry that it names is no such request",
}
_INDENT: Final = 11  # the width of the labels below the verdict


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the order of verification, and what came of it."""

    name: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StreamGrade:
    """One stream of the question: its proven count, how many entries are in the window, and the grade."""

    name: str
    count: int
    listed: int
    grade: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why it is not verified.

    Attributes:
        word: Of the verdict.
        step: The first step that failed; empty when none was begun.
        where: The place, as a reader can find it.
        code: Stable, for programs: "tampered", "proof", "fork", …
        detail: One sentence.
        hint: What the reader can do; empty when nothing useful is known.
    """

    word: str
    step: str
    where: str
    code: str
    detail: str
    hint: str = ""

    @classmethod
    def of(cls, error: TallyError, *, step: str = "") -> Self:
        """Return the failure that an error is."""
        return cls(word_of(error), step, error.where, error.code, error.what, error.hint)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found.

    Attributes:
        word: "verified", or why not: a key of `STATUS`.
        steps: All of them, in their order.
        failure: None exactly when the word is "verified".
        facts: Texts and numbers of the JSON that are known: bundle, origin, root, size, census_at, view.
        grades: "chained", "signed", "witnessed k of n".
        streams: The streams of the question, when all of them are complete.
        not_proven: Files that nobody checked, and certificates whose closure was not proven.
        certificates: The grade of every listed deletion certificate.
    """

    word: str
    steps: tuple[Step, ...]
    failure: Failure | None
    facts: Mapping[str, str | int]
    grades: tuple[str, ...] = ()
    streams: tuple[StreamGrade, ...] = ()
    not_proven: tuple[str, ...] = ()
    certificates: tuple[Graded, ...] = ()

    @property
    def status(self) -> int:
        """The exit status of the verifier."""
        return STATUS[self.word]


def word_of(error: TallyError) -> str:
    """Return the word of the verdict that ends in this error.

    Raises:
        ValueError: No verdict ends in such an error.
    """
    for kind, word in _WORDS.items():
        if isinstance(error, kind):
            return word
    raise ValueError(f"no verdict ends in {type(error).__name__}")


def refused(error: TallyError) -> Verdict:
    """Return the verdict on a file that could not be read, so that no step was reached: never "OK"."""
    return Verdict(word_of(error), tuple(Step(step, "not reached") for step in STEPS), Failure.of(error), {})


def to_json(verdict: Verdict) -> bytes:
    """Return the verdict as one line of canonical JSON with its newline."""
    document: dict[str, object] = {
        **verdict.facts,
        "certificates": [certificate.json() for certificate in verdict.certificates],
        "grades": list(verdict.grades),
        "not_proven": list(verdict.not_proven),
        "status": verdict.status,
        "steps": [{"detail": step.detail, "outcome": step.outcome, "step": step.name} for step in verdict.steps],
        "streams": [
            {"count": stream.count, "grade": stream.grade, "listed": stream.listed, "name": stream.name}
            for stream in verdict.streams
        ],
        "v": 1,
        "verdict": verdict.word,
    }
    if failure := verdict.failure:
        document |= {"code": failure.code, "detail": failure.detail, "failed_step": failure.step}
        document |= {"hint": failure.hint, "where": failure.where}
    # A trust file may bring octets that are no text; they are shown, not believed.
    return jsonstrict.dumps(_printable(document)) + b"\n"


def _printable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {name: _printable(inner) for name, inner in value.items()}
    return [_printable(inner) for inner in value] if isinstance(value, list) else value


def to_text(verdict: Verdict) -> str:
    """Return the verdict as a person reads it; nothing in it can move the cursor or hide what stands there."""
    paragraphs = [_heading(verdict.facts), _steps(verdict.steps, verdict.failure), _conclusion(verdict)]
    paragraphs += [_certificate(each) for each in verdict.certificates]
    if verdict.streams:
        paragraphs.append(_table(verdict.streams))
    if rendered := [path for path in verdict.not_proven if not path.startswith(CERTIFICATES)]:
        paragraphs.append([f"issuer's rendering, not proven: {', '.join(rendered)}"])
    return "\n".join("".join(f"{visible(line)}\n" for line in lines) for lines in paragraphs if lines)


def counted(number: int, one: str, many: str) -> str:
    """Return "1 entry" or "2 entries"."""
    return f"{number} {one if number == 1 else many}"


def visible(text: str) -> str:
    """Return `text` with everything that does not print as itself escaped: control characters, changes of direction."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def _heading(facts: Mapping[str, str | int]) -> list[str]:
    named = [f"{name:<9}{facts[key]}" for key, name in (("bundle", "bundle"), ("origin", "log")) if key in facts]
    if "size" in facts:
        named.append(f"{'tree':<9}{facts['size']} entries, root {facts['root']}")
    if "census_at" in facts:
        named.append(f"{'census':<9}{facts['census_at']}")
    return named


def _steps(steps: Sequence[Step], failure: Failure | None) -> list[str]:
    if all(step.outcome == "not reached" for step in steps):
        return []
    width = max(map(len, STEPS))
    # What failed is told in full below; here stands where.
    said = {"passed": "", "failed": failure.where if failure else "", "not reached": "not reached"}
    return [
        f"  {_MARKS[step.outcome]} {step.name:<{width}}  {said[step.outcome] or step.detail}".rstrip() for step in steps
    ]


def _conclusion(verdict: Verdict) -> list[str]:
    labelled = []
    if failure := verdict.failure:
        labelled += [("where", failure.where), ("why", failure.detail), ("hint", failure.hint)]
    labelled += [("grades", ", ".join(verdict.grades)), ("view", str(verdict.facts.get("view", "")))]
    return [
        f"{verdict.word.upper()}: {_MEANING[verdict.word]}{_but(verdict.certificates)}",
        *(f"  {label:<{_INDENT - 2}}{text}" for label, text in labelled if text),
    ]


def _but(certificates: Sequence[Graded]) -> str:
    """What the headline must not hide: the record is genuine, and what somebody certified in it is not so."""
    if not (disproven := [str(each.seq) for each in certificates if each.grade in DISPROVEN]):
        return ""
    names = f"{', '.join(disproven[:_FOLDED])}{' …' if len(disproven) > _FOLDED else ''}"
    return f"; BUT THE RECORD ITSELF CONTRADICTS {'CERTIFICATE' if len(disproven) == 1 else 'CERTIFICATES'} {names}"


def _certificate(graded: Graded) -> list[str]:
    is_bad = graded.grade in DISPROVEN or graded.grade == NO_CERTIFICATE
    mark = "✗" if is_bad else "✓" if graded.is_proven else "·"
    derived = graded.derived is not None and (
        f"{counted(graded.derived, 'dataset', 'datasets')}: its seeds and all that derives from them; "
        f"{counted(graded.targets or 0, 'target', 'targets')}"
    )
    # How old the lineage was that the plan was made from, a reader must see: what came between is not in the closure.
    plan = "" if graded.plan is None else f"entry {graded.plan}, from the lineage in the first {graded.lineage} entries"
    lacking = [*graded.streams, *(f"the body of entry {seq}" for seq in graded.bodies)]
    labelled = [
        ("request", graded.request),
        ("plan", plan),
        ("closure", derived or ""),
        ("forgot", _some(graded.forgotten, graded.counts["forgotten"])),
        ("against", _some([_DIFFERS[what] for what in graded.differs])),
        ("lacks", _some(lacking, graded.counts["streams"] + graded.counts["bodies"])),
        ("why", graded.reason),
    ]
    return [
        f"{mark} deletion certificate {graded.seq}: {graded.grade.upper() if is_bad else graded.grade}",
        *(f"  {label:<{_INDENT - 2}}{text}" for label, text in labelled if text),
    ]


def _some(names: Sequence[str], count: int | None = None) -> str:
    """The first of `names`, and how many of `count` are not among them."""
    count = len(names) if count is None else count
    more = f" and {count - _FOLDED} more" if count > _FOLDED else ""
    return ", ".join(names[:_FOLDED]) + more


def _table(streams: Sequence[StreamGrade]) -> list[str]:
    rows = []
    for (kind, grade), group in groupby(streams, key=lambda stream: (stream.name.partition(":")[0], stream.grade)):
        alike = list(group)
        if len(alike) > _FOLDED:  # nobody reads a hundred runs; `--json` names each
            listed, count = sum(each.listed for each in alike), sum(each.count for each in alike)
            rows.append((f"{kind}: {len(alike)} streams", f"{listed} of {count}", grade))
        else:
            rows += [(each.name, f"{each.listed} of {each.count}", each.grade) for each in alike]
    names, counts = (max(len(visible(row[column])) for row in rows) for column in (0, 1))
    return [f"  {name:<{names}}  {count:>{counts}}  {grade}" for name, count, grade in rows]
