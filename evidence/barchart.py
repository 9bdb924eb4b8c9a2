"""Decisions over the days of a month as an SVG of stacked bars, with a title and a sentence for whoever does not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from contracts.decision import Decision
from evidence.markup import Html, element, html, join

WORDS: Final[Mapping[str, str]] = {
    Decision.ALLOW.value: "allowed",
    Decision.ALLOW_WITH_ALERT.value: "allowed with an alert",
    Decision.QUARANTINE.value: "quarantined",
    Decision.BLOCK_AND_ROLLBACK.value: "blocked",
}
_CLASSES: Final = dict(zip(WORDS, ("allowed", "alerted", "kept", "blocked"), strict=True))
_HEIGHT: Final = 160
_STEP: Final = 24
_BAR: Final = 18
_LEFT: Final = 44
_TOP: Final = 12


def bars(days: Mapping[int, Mapping[str, int]], length: int, sentence: str) -> Html:
    """Return the picture; nothing without a decision.

    Args:
        days: By the day, 1 to `length`, how often each decision was taken.
    """
    highest = max((sum(counts.values()) for counts in days.values()), default=0)
    if not highest:
        return Html("")
    width, height = _LEFT + length * _STEP, _TOP + _HEIGHT + 24
    drawn = [_day(day, days.get(day, {}), highest) for day in range(1, length + 1)]
    scale = [_rule(highest, _TOP), _rule(0, _TOP + _HEIGHT)]
    title = element("title", "Decisions by day", id="bars-title") + element("desc", sentence, id="bars-desc")
    return Html(
        f'<svg class="bars" viewBox="0 0 {width} {height}" role="img" aria-labelledby="bars-title bars-desc" '
        f'xmlns="http://www.w3.org/2000/svg">{title}{join(scale)}{join(drawn)}</svg>{_legend()}'
    )


def _day(day: int, counts: Mapping[str, int], highest: int) -> Html:
    left, below, pieces = _LEFT + (day - 1) * _STEP + (_STEP - _BAR) // 2, 0, []
    for decision in WORDS:
        count = counts.get(decision, 0)
        low, high = below * _HEIGHT // highest, (below + count) * _HEIGHT // highest
        below += count
        if count:
            tall = max(1, high - low)  # one in a thousand is still seen
            pieces.append(
                f'<rect class="{_CLASSES[decision]}" x="{left}" y="{_TOP + _HEIGHT - low - tall}" width="{_BAR}" '
                f'height="{tall}"><title>{html(f"day {day}: {count:,} {WORDS[decision]}")}</title></rect>'
            )
    label = f'<text x="{left + _BAR // 2}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">{day}</text>'
    return Html("".join(pieces) + label)


def _rule(count: int, y: int) -> Html:
    return Html(
        f'<line x1="{_LEFT}" x2="100%" y1="{y}" y2="{y}"></line>'
        f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{count:,}</text>'
    )


def _legend() -> Html:
    marks: Sequence[Html] = [
        element("span", Html(f'<i class="{_CLASSES[decision]}"></i>'), word) for decision, word in WORDS.items()
    ]
    return element("p", *marks, class_="legend")
