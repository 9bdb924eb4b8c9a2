"""policy publish, list: what decides over batches beside their contracts."""

from __future__ import annotations

import click

from cli.session import Session, pass_session, read_input, with_json
from contracts.policies import policies, publish_policy
from contracts.policyfile import parse_policy
from contracts.record import Context


@click.group()
def policy() -> None:
    """Policies: which risk alerts, keeps back or blocks."""


@policy.command("publish")
@click.argument("file")
@with_json
@pass_session
def publish(session: Session, file: str) -> None:
    """Put the policy in FILE in force.

    It rules its datasets from now on, in the place of their contracts' thresholds.

    Example: tally policy publish retail.policy.yaml
    """
    document = parse_policy(read_input(file, "policy"), name=file)
    with session.open() as log:
        size = log.size
        found = publish_policy(log, document, Context(source=f"{log.origin}/policy"))
    facts = {"policy": found.name, "version": found.version, "sha256": found.sha256, "seq": found.seq}
    session.output.facts(
        facts, "Policy in force." if found.seq >= size else "Policy in force already; nothing was recorded."
    )


@policy.command("list")
@with_json
@pass_session
def list_(session: Session) -> None:
    """List every version of every policy, in the order of the log.

    Example: tally policy list
    """
    with session.open(read_only=True) as log:
        found = policies(log)
    rows: list[dict[str, object]] = [
        {
            "policy": each.document.policy.name,
            "version": each.document.policy.version,
            "owner": each.document.policy.owner,
            "expires": each.document.policy.expires,
            "rules": ", ".join(f"{dataset.namespace}|{dataset.name}" for dataset in each.document.policy.datasets)
            or "all",
            "seq": each.seq,
        }
        for each in found
    ]
    session.output.rows(rows, ("policy", "version", "owner", "expires", "rules", "seq"), empty="no policies")
