"""Service levels as Prometheus reads them: text, of a bounded number of series. Pure.

    tally_slo_burn_rate{contract="orders",slo="fresh",alert="fast",window="long"} 14.40

Source: Prometheus, "Exposition formats", text-based format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from contracts.slo.burn import PAIRS, decimal, threshold
from contracts.slo.measure import ALERTS
from contracts.slo.standing import Standing
from contracts.terms import MILLION

MAX_LEVELS: Final = 500
_HELP: Final = {
    "objective_ratio": "The part that must be good.",
    "window_good": "Seconds, batches or probes in the level's window that were good.",
    "window_measured": "Seconds, batches or probes that were measured in it.",
    "budget_left_ratio": "The part of the error budget that is left.",
    "burn_rate": "How fast the error budget burned in an alert's long and short window.",
    "burn_threshold": "The burn rate from which on an alert fires.",
    "breached": "1 while an alert is recorded as breached.",
    "measured_at_seconds": "The moment up to which the level was measured.",
}


def exposition(standings: Sequence[Standing]) -> str:
    """Return the metrics of service levels; of more than 500 the first, and how many are left out."""
    listed = standings[:MAX_LEVELS]
    lines: list[str] = []
    for name, text in _HELP.items():
        samples = [sample for standing in listed for sample in _SAMPLES[name](standing)]
        lines += [f"# HELP tally_slo_{name} {text}", f"# TYPE tally_slo_{name} gauge"]
        lines += [f"tally_slo_{name}{{{labels}}} {value}" for labels, value in samples]
    lines.append("# HELP tally_slo_left_out Service levels beyond those that are listed.")
    lines += ["# TYPE tally_slo_left_out gauge", f"tally_slo_left_out {len(standings) - len(listed)}"]
    return "\n".join(lines) + "\n"


_Samples = Iterable[tuple[str, str]]


def _labels(standing: Standing, **more: str) -> str:
    contract, slo = standing.level.contract.name, standing.level.slo.name
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in {"contract": contract, "slo": slo, **more}.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _objective(standing: Standing) -> _Samples:
    yield _labels(standing, indicator=standing.level.indicator), decimal(standing.level.objective, MILLION)


def _good(standing: Standing) -> _Samples:
    yield _labels(standing), str(standing.counts.good)


def _total(standing: Standing) -> _Samples:
    yield _labels(standing), str(standing.counts.total)


def _left(standing: Standing) -> _Samples:
    yield _labels(standing), decimal(standing.budget.left, 10_000)


def _burns(standing: Standing) -> Iterator[tuple[str, str]]:
    for alert, rates in standing.burns.items():
        for window, rate in zip(("long", "short"), rates, strict=True):
            yield _labels(standing, alert=alert, window=window), decimal(rate, 100)


def _thresholds(standing: Standing) -> _Samples:
    for pair in PAIRS:
        yield _labels(standing, alert=pair.alert), decimal(threshold(pair, standing.level.objective), 100)


def _breached(standing: Standing) -> _Samples:
    lasting = {episode.alert for episode in standing.open}
    for alert in ALERTS:
        yield _labels(standing, alert=alert), str(int(alert in lasting))


def _measured(standing: Standing) -> _Samples:
    if standing.measured_until is not None:
        yield _labels(standing), str(standing.measured_until)


_SAMPLES: Final = {
    "objective_ratio": _objective,
    "window_good": _good,
    "window_measured": _total,
    "budget_left_ratio": _left,
    "burn_rate": _burns,
    "burn_threshold": _thresholds,
    "breached": _breached,
    "measured_at_seconds": _measured,
}
