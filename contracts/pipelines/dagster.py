"""A Dagster asset check that holds an asset's data to a contract; what is downstream in the run waits for it and obeys.

    from contracts.pipelines.dagster import tally_check

    defs = Definitions(
        assets=[orders, revenue],
        asset_checks=[tally_check(orders, contract="contracts/orders.yaml", data="orders.parquet")],
    )

ALLOW passes. ALLOW_WITH_ALERT does not, as a warning, which stops nothing. QUARANTINE and BLOCK_AND_ROLLBACK do not, as an error.
What could not be decided fails the step, so that nothing goes on without a decision; Dagster may try that again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from contracts.pipelines.command import Answer, Question, ask
from proofs.errors import TallyError

try:
    from dagster import AssetCheckResult, AssetChecksDefinition, AssetCheckSeverity, Failure, asset_check
except ImportError as error:
    raise ImportError("the asset check is for Dagster, which is not installed here: pip install dagster") from error

_SHOWN = ("decision", "risk_basis_points", "rows", "rules", "seq")


def tally_check(
    asset: Any,
    *,
    contract: str,
    data: str,
    options: Sequence[str] = (),
    name: str = "tally_check",
    question: Question | None = None,
) -> AssetChecksDefinition:
    """Return the check of one asset, which blocks what is downstream of it.

    Args:
        asset: The asset, or its key.
        contract: The contract's file, as the command sees it.
        data: Where the asset's data lies, as on the command line.
        options: Further options of `tally check`, as words.
        name: The check's name, where an asset has several.
        question: Has the command, its environment and its patience, where TALLY and the like do not say them.
    """
    asked = replace(question or Question("", ""), contract=contract, data=data, options=tuple(options))

    @asset_check(asset=asset, name=name, blocking=True, description=f"held to {contract} by tally check")  # type: ignore[untyped-decorator]
    def held() -> AssetCheckResult:
        try:
            return _result(ask(asked))
        except TallyError as error:
            raise Failure(description=f"{error} ({error.code})") from error

    return held


def _result(answer: Answer) -> AssetCheckResult:
    is_alert = answer.refusal is None and answer.decision == "ALLOW_WITH_ALERT"
    broken = [str(rule.get("rule")) for rule in answer.document.get("broken", [])]
    return AssetCheckResult(
        passed=answer.refusal is None and not is_alert,
        severity=AssetCheckSeverity.WARN if is_alert else AssetCheckSeverity.ERROR,
        description=str(answer.refusal) if answer.refusal else None,
        metadata={**{key: answer.document.get(key) for key in _SHOWN}, "broken": broken},
    )
