"""The distribution of a column as counts in bins that no data decides, so that those of any two batches can be compared.

Numbers: bin 0 is zero, bin 1 + 2048 + ⌊32·log₂ v⌋ a positive v (32 bins to a doubling, from 2⁻⁶⁴ to 2¹²⁸), its negative
the same of −v; NaN and the infinities are counted apart. Where more than 512 bins are filled, neighbours are joined, two
by two, as often as needed; `halved` says how often. Text and truth: 64 bins by the first bits of an MD5 of the column's
name and the value, so that a bin does not tell which value it holds. What is done with them: `contracts.profile`.
"""

from __future__ import annotations

from typing import Final, Literal

from contracts.metric import Metric
from contracts.profile import profile_of
from contracts.rules import Rule
from contracts.scan.query import Answer, Part, UnfitError, Value

PER_OCTAVE: Final = 32
BUCKETS: Final = 64

_LOW: Final = -64 * PER_OCTAVE
_HIGH: Final = 128 * PER_OCTAVE - 1


def profile_part(rule: Rule, value: Value) -> Part:
    """Return what the histogram of a column asks; what it comes to is compared by `contracts.drift` afterwards.

    Raises:
        UnfitError: The column holds neither numbers nor text nor truth values.
    """
    if value.is_number:
        asked: tuple[str, ...] = _numbers(f"CAST({value.typed} AS DOUBLE)")
        kind: Literal["numbers", "buckets"] = "numbers"
    elif value.is_text or value.column.type == "boolean":
        asked, kind = (_buckets(value), "0"), "buckets"
    else:
        raise UnfitError(f"column {value.column.name!r} holds neither numbers nor text")

    def read(answer: Answer, _: int) -> Metric:
        profile = profile_of(rule.columns[0], kind, answer[0] or {}, answer[1])
        return Metric(rule, 0, 0, structural=True, unmeasured=True, why="there is no reference", profile=profile)

    return Part(rule, asked, read)


def _numbers(typed: str) -> tuple[str, str]:
    power = f"least({_HIGH}, greatest({_LOW}, CAST(floor({PER_OCTAVE} * log2(abs({typed}))) AS INTEGER)))"
    place = f"({power} + {1 - _LOW})"
    finite = f"isfinite({typed})"
    filled = f"CASE WHEN NOT {finite} THEN NULL WHEN {typed} = 0 THEN 0 ELSE sign({typed}) * TRY({place}) END"
    return f"histogram({filled})", f"count(*) FILTER (NOT {finite})"


def _buckets(value: Value) -> str:
    salt = value.column.name.replace("'", "''").replace("\x00", "")
    text = f"CAST({value.typed} AS VARCHAR)"
    return f"histogram(CASE WHEN {text} IS NOT NULL THEN md5_number_lower('{salt}=' || {text}) % {BUCKETS} END)"
