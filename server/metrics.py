"""What is counted, and how Prometheus reads it; with several workers the processes add up through shared files.

The children of each metric are looked up once and kept: on the way of an event nothing is searched by label.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
FOLDER: Final = (
    "PROMETHEUS_MULTIPROC_DIR"  # the library's own name for it; it must be set before the library is imported
)
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_GROUPS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._requests = Counter(
            "tally_requests_total", "Requests answered.", ["endpoint", "status"], registry=registry
        )
        self._seconds = Histogram(
            "tally_request_seconds",
            "From the request's head to its answer.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._events = Counter("tally_events_total", "Events by what became of them.", ["outcome"], registry=registry)
        self._refused = Counter(
            "tally_access_refused_total", "Accesses refused.", ["endpoint", "reason"], registry=registry
        )
        self._group = Histogram("tally_commit_events", "Events of one transaction.", buckets=_GROUPS, registry=registry)
        self._commit = Histogram("tally_commit_seconds", "Of one transaction.", buckets=_SECONDS, registry=registry)
        self._entries = Gauge("tally_entries", "Entries in the log.", multiprocess_mode="mostrecent", registry=registry)
        self._signed = Gauge(
            "tally_signed_entries",
            "Entries that a checkpoint covers.",
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self._disclosed = Counter("tally_disclosures_total", "Readings of personal parts.", registry=registry)
        self._waiting = Gauge(
            "tally_events_waiting", "Events that wait to be written.", multiprocess_mode="livesum", registry=registry
        )
        self._held = Gauge(
            "tally_body_bytes", "Bytes of request bodies that are held.", multiprocess_mode="livesum", registry=registry
        )
        self._faults = Counter("tally_faults_total", "Faults of ours.", registry=registry)
        self.fault = self._faults.inc
        self.disclosed = self._disclosed.inc
        self.entries = self._entries.set
        self.signed = self._signed.set
        self._request = lru_cache(1024)(lambda endpoint, status: self._requests.labels(endpoint, str(status)).inc)
        self._duration = lru_cache(256)(lambda endpoint: self._seconds.labels(endpoint).observe)
        self._outcome = lru_cache(64)(lambda outcome: self._events.labels(outcome).inc)

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._request(endpoint, status)()
        self._duration(endpoint)(seconds)

    def refused(self, endpoint: str, reason: str) -> None:
        """Count a refused access."""
        self._refused.labels(endpoint, reason).inc()

    def event(self, outcome: str, times: int = 1) -> None:
        """Count events: recorded, replayed, or the code of their refusal."""
        self._outcome(outcome)(times)

    def committed(self, events: int, seconds: float) -> None:
        """Count one transaction."""
        self._group.observe(events)
        self._commit.observe(seconds)

    def exposition(self, waiting: int, held_bytes: int) -> bytes:
        """Return everything as Prometheus reads it, of all processes."""
        self._waiting.set(waiting)
        self._held.set(held_bytes)
        registry = self._registry
        if os.environ.get(FOLDER):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def share_between_processes(environ: MutableMapping[str, str]) -> Path:
    """Make the folder through which processes add up, name it to those that are started with `environ`, and return it."""
    folder = Path(mkdtemp(prefix="tally-metrics-"))
    environ[FOLDER] = str(folder)
    return folder
