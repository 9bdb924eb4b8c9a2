"""Every view that this software keeps of a log: what `tally verify` replays and `tally views rebuild` makes again."""

from __future__ import annotations

from contracts.catalog.store import SourceCatalog
from contracts.consumers.register import ConsumerRegister
from contracts.history import ContractHistory
from contracts.profiles import ProfileFold
from contracts.quarantine.store import QuarantineFold
from contracts.registry.store import SchemaRegistry
from contracts.scores import ScoreFold
from contracts.slo.store import SloFold
from contracts.streams.store import StreamFold
from contracts.tables.allowed import TableVersions
from ledger.projection import Projection, StreamIndex
from lineage.chronicle.store import ChronicleProjection
from lineage.deletion.state import DeletionProjection
from lineage.graph import LineageProjection


def known_views() -> tuple[Projection, ...]:
    """Return one projection of each kind; which of them are stored, a log itself knows."""
    return (
        StreamIndex(),
        LineageProjection(),
        ChronicleProjection(),
        DeletionProjection(),
        ContractHistory(),
        ProfileFold(),
        QuarantineFold(),
        TableVersions(),
        SchemaRegistry(),
        SloFold(),
        SourceCatalog(),
        ConsumerRegister(),
        ScoreFold(),
        StreamFold(),
    )
