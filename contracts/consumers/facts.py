"""The bodies of the events of those who rely on a contract, and of which changes they are told.

Source: docs/formats/contract.md, "Consumers".
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from contracts.facts import (
    CHANGE_ANNOUNCED,
    CONTRACT_DEPRECATED,
    CONTRACT_RETIRED,
    ChangeAnnounced,
    ContractEnded,
    ContractName,
    DatasetName,
    Decided,
)
from ledger.fact import Fact, Pseudonym, Reason

CONSUMER_REGISTERED: Final = "tallystick.contract.consumer-registered.v1"
CONSUMER_REMOVED: Final = "tallystick.contract.consumer-removed.v1"
CONSUMER_TOLD: Final = "tallystick.contract.consumer-told.v1"
CHANGES: Final[dict[str, type[ChangeAnnounced] | type[ContractEnded]]] = {
    CHANGE_ANNOUNCED: ChangeAnnounced,
    CONTRACT_DEPRECATED: ContractEnded,
    CONTRACT_RETIRED: ContractEnded,
}
Channel = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[^\x00-\x1f\x7f]*$")]


class OfConsumer(Fact):
    """What every event of a consumer says: which contract of which dataset, in which version; who, by a pseudonym."""

    contract: ContractName
    dataset: DatasetName
    consumer: Pseudonym


class ConsumerRegistered(OfConsumer):
    """A consumer relies on a version, and is told by a channel; of several registrations the last one counts."""

    channel: Channel
    by: Pseudonym


class ConsumerRemoved(OfConsumer):
    """A consumer does not rely on the contract any more."""

    by: Pseudonym
    reason: Reason


class ConsumerTold(OfConsumer):
    """A consumer was told of an entry: that a version is to come, or has ended."""

    of: Decided
