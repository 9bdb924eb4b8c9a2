"""A plugin of dbt-duckdb by which a model's post-hook holds the model's table to a contract, inside the model's own transaction.

    # profiles.yml
    type: duckdb
    plugins: [{module: contracts.pipelines.dbt, alias: tally, config: {contracts: contracts}}]

    # dbt_project.yml, below the models that have a contract
    +post-hook: "{% if execute %}{% do adapter.store_relation('tally', this, [], '', '', {}) %}{% endif %}"

The table is built and not yet committed: it is copied into a file of its own, `tally check` decides, and where that says no the
hook fails. dbt then rolls back, so that consumers keep the table that they had, and skips every model downstream. The contract
of model `orders` is `contracts/orders.yaml`, or what the hook names: `{'contract': 'contracts/orders-2.yaml'}`.

Only here does dbt let a hook ask somebody else before the commit: in other adapters a hook is SQL that the database alone runs,
and an on-run-end hook comes when everything downstream was built. There, check between two invocations of `dbt build`.
"""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Any

from contracts.pipelines.command import Question, ask
from proofs.errors import TallyError

try:
    from dbt.adapters.duckdb.plugins import BasePlugin
    from dbt.adapters.factory import get_adapter_by_type
    from dbt_common.exceptions import DbtRuntimeError
except ImportError as error:
    raise ImportError("the plugin is for dbt-duckdb, which is not installed here: pip install dbt-duckdb") from error


class Plugin(BasePlugin):  # type: ignore[misc]  # dbt is in an environment of its own
    """What dbt-duckdb loads.

    Its config has `contracts` (the folder of the contracts), and where the environment does not say them `command` (TALLY) and
    `options` (further options of `tally check`, as words in one text).
    """

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take the config over."""
        self._contracts = Path(str(plugin_config.get("contracts", "contracts")))
        self._command: str | None = plugin_config.get("command")
        self._options = tuple(shlex.split(str(plugin_config.get("options", ""))))

    def store(self, target_config: Any) -> None:
        """Hold a relation to its contract.

        Raises:
            DbtRuntimeError: It is not let through, or nothing was decided: the model fails.
        """
        relation, settings = target_config.relation, target_config.config or {}
        contract = str(settings.get("contract") or self._contracts / f"{relation.identifier}.yaml")
        with tempfile.TemporaryDirectory(prefix="tallystick-") as folder:
            copy = Path(folder, "batch.parquet")
            # dbt's own connection of this thread: no other one sees a table before its commit.
            cursor = get_adapter_by_type("duckdb").connections.get_thread_connection().handle.cursor()
            cursor.execute(f"COPY (FROM {relation}) TO '{_quoted(copy)}' (FORMAT parquet)")
            try:
                answer = ask(Question(contract, str(copy), self._options, command=self._command))
            except TallyError as error:
                raise DbtRuntimeError(f"{error} ({error.code})") from error
        if answer.refusal is not None:
            raise DbtRuntimeError(str(answer.refusal))


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
