"""What is worth telling of an event, in words: counts and names, never a value of the data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from contracts.decision import Decision
from contracts.facts import (
    ACTION_TAKEN,
    CHANGE_ANNOUNCED,
    CONTRACT_DEPRECATED,
    CONTRACT_RETIRED,
    OVERRIDDEN,
    VALIDATION_DECIDED,
    ActionTaken,
    ChangeAnnounced,
    ContractEnded,
    MetricFact,
    Overridden,
    ValidationDecided,
)
from contracts.metric import Found
from contracts.slo.burn import decimal, percent
from contracts.slo.facts import BREACHED, RECOVERED, Breached, Recovered
from contracts.terms import BASIS
from ledger.fact import Fact

TYPES: Final[dict[str, type[Fact]]] = {
    VALIDATION_DECIDED: ValidationDecided,
    ACTION_TAKEN: ActionTaken,
    OVERRIDDEN: Overridden,
    CHANGE_ANNOUNCED: ChangeAnnounced,
    CONTRACT_DEPRECATED: ContractEnded,
    CONTRACT_RETIRED: ContractEnded,
    BREACHED: Breached,
    RECOVERED: Recovered,
}
_SHOWN: Final = 8
Level = Literal["info", "warning", "critical"]
_LEVELS: Final[dict[Decision, Level]] = {
    Decision.ALLOW_WITH_ALERT: "warning",
    Decision.QUARANTINE: "critical",
    Decision.BLOCK_AND_ROLLBACK: "critical",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be told.

    Attributes:
        key: The same for the same trouble, so that it is told once and not with every batch.
        contract: Its (name, version), whose channels are told.
        title: One line.
        text: What follows it; may be empty.
    """

    key: str
    contract: tuple[str, str]
    level: Level
    title: str
    text: str


def notice(type: str, body: bytes) -> Notice | None:
    """Return what an event's body gives to tell; None where it is nothing.

    Raises:
        MalformedError: The body is not what its type says.
    """
    if type not in TYPES:
        return None
    match TYPES[type].parse(body):
        case ValidationDecided() as fact:
            return _decided(fact)
        case ActionTaken(error=str(error)) as fact:
            name = f"{fact.dataset.namespace}|{fact.dataset.name}"
            how = "may or may not have been" if fact.result == "unknown" else "could not be"
            done = "settled by the callback" if fact.action == "called-back" else fact.action
            title = f"{name}: the batch {how} {done} ({error}), as {fact.decision.value} says"
            return Notice(f"action:{name}:{fact.action}:{error}", _name(fact), "critical", title, "")
        case Overridden() as fact:
            title = (
                f"{fact.dataset.namespace}|{fact.dataset.name}: {fact.decision.value} was overruled to {fact.to.value}"
            )
            said = f"by {fact.by} until {fact.until}: {fact.reason}"
            return Notice(f"override:{fact.decided.leaf}", _name(fact), "warning", title, said)
        case ChangeAnnounced() as fact:
            title = f"contract {fact.contract.name} {fact.contract.version} is announced, in {fact.notice_days} days"
            broken = [change.path for change in fact.changes if change.breaking]
            text = f"{fact.changed} changes from {fact.previous}; breaks: {_listed(broken) or 'nothing'}"
            return Notice(f"announced:{fact.contract.sha256}", _name(fact), "info", title, text)
        case ContractEnded() as fact:
            state = "retired" if type == CONTRACT_RETIRED else "deprecated"
            title = f"contract {fact.contract.name} {fact.contract.version} is {state}"
            return Notice(f"{state}:{fact.contract.sha256}", _name(fact), "info", title, f"by {fact.by}: {fact.reason}")
        case Breached() as fact:
            return _breached(fact)
        case Recovered() as fact:
            title = f"{_level(fact)}: recovered ({fact.alert}), {decimal(fact.left, 100)} % of its error budget is left"
            return Notice(f"slo:recovered:{_episode(fact)}", _name(fact), "info", title, "")
    return None


def _decided(fact: ValidationDecided) -> Notice | None:
    if fact.decision is Decision.ALLOW:
        return None
    name, contract = f"{fact.dataset.namespace}|{fact.dataset.name}", fact.contract
    broken = [metric for metric in fact.metrics if metric.found is not Found.PASSED]
    risk = fact.risk * 100 // BASIS
    title = f"{name}: {fact.decision.value}, risk {risk} of 100, contract {contract.name} {contract.version}"
    lines = [f"{metric.rule}: {_counted(metric)}" for metric in broken[:_SHOWN]]
    if len(broken) > _SHOWN:
        lines.append(f"… and {len(broken) - _SHOWN} more")
    rules = ",".join(sorted(metric.rule for metric in broken))
    return Notice(
        f"decided:{name}:{fact.decision.value}:{rules}", _name(fact), _LEVELS[fact.decision], title, "\n".join(lines)
    )


def _breached(fact: Breached) -> Notice:
    if fact.burn is None:
        said = f"the error budget is spent: {fact.bad:,} of {fact.total:,} were bad"
    else:
        rate, left = decimal(min(fact.burn), 100), decimal(fact.left, 100)
        said = f"the error budget burns {rate} times too fast ({fact.alert}), {left} % of it is left"
    who = [f"{word} {name}" for word, name in (("owner", fact.owner), ("on call", fact.on_call)) if name]
    text = "; ".join(
        filter(
            None,
            (f"{fact.indicator}, {percent(fact.objective)} over {fact.window_days} days", ", ".join(who), fact.runbook),
        )
    )
    level: Level = "warning" if fact.alert == "slow" else "critical"
    return Notice(f"slo:breached:{_episode(fact)}", _name(fact), level, f"{_level(fact)}: {said}", text)


def _level(fact: Breached | Recovered) -> str:
    return f"{fact.contract.name}/{fact.slo}"


def _episode(fact: Breached | Recovered) -> str:
    return f"{_level(fact)}:{fact.indicator}:{fact.alert}:{fact.episode}"


def _counted(metric: MetricFact) -> str:
    return "not measured" if metric.found is Found.UNMEASURED else f"{metric.failed:,} of {metric.total:,}"


def _name(
    fact: ValidationDecided | ActionTaken | Overridden | ChangeAnnounced | ContractEnded | Breached | Recovered,
) -> tuple[str, str]:
    return fact.contract.name, fact.contract.version


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
