"""An Airflow task that holds data to a contract; what is downstream of it runs only when the data is let through.

    from contracts.pipelines.airflow import TallyCheck

    gate = TallyCheck(task_id="orders_hold", contract="contracts/orders.yaml", data="s3://shop/orders/{{ ds }}/")
    load_orders >> gate >> publish_orders

A decision stands, so a blocked task is not tried again; what could not be decided (no ledger, somebody else holds the lock)
is, as often as the task's `retries` say. The task returns names and counts and no value of the data: decision, risk, entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.pipelines.command import Question, ask
from proofs.errors import TallyError

try:
    from airflow.sdk import BaseOperator
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError as error:
    raise ImportError(
        "the operator is for Airflow 3, which is not installed here: pip install apache-airflow"
    ) from error


class TallyCheck(BaseOperator):  # type: ignore[misc]  # Airflow is in an environment of its own
    """Runs `tally check`.

    Args:
        contract: The contract's file, as the command sees it.
        data: What is held to it, as on the command line.
        options: Further options of `tally check`, as words.
        run: The UUID of the run that made the data; with the OpenLineage provider
            "{{ macros.OpenLineageProviderPlugin.lineage_run_id(ti) }}".
        command: The words of the command, where the worker's variable TALLY does not say them.
        environment: Further variables of the command; those with secrets come from the worker's environment instead.
        seconds: How long the answer is waited for.
    """

    template_fields: Sequence[str] = ("contract", "data", "options", "run")

    def __init__(
        self, *, contract: str, data: str, options: Sequence[str] = (), run: str | None = None, **settings: Any
    ) -> None:
        self.command: str | None = settings.pop("command", None)
        self.environment: Mapping[str, str] = settings.pop("environment", {})
        self.seconds: float | None = settings.pop("seconds", None)
        super().__init__(**settings)
        self.contract, self.data, self.options, self.run = contract, data, list(options), run

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - Airflow's shape
        """Return what was decided.

        Raises:
            AirflowFailException: The data is not let through.
            AirflowException: Nothing was decided, or what was decided could not be done.
        """
        question = Question(
            self.contract, self.data, tuple(self.options), self.run, self.command, self.environment, self.seconds
        )
        try:
            answer = ask(question)
        except TallyError as error:
            raise AirflowException(f"{error} ({error.code})") from error
        if answer.refusal is not None:
            raise AirflowFailException(str(answer.refusal))
        self.log.info("%s: %s, entry %s", answer.document["contract"], answer.decision, answer.document["seq"])
        return dict(answer.document)
