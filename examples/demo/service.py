"""The other way to report: the pipeline's stock OpenLineage client speaks HTTP to `tally serve`, with a token of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from openlineage.client.client import OpenLineageClient

from ledger import access
from ledger.log import Ledger

_STOP_SECONDS: Final = 30


@contextmanager
def serving(log: Ledger, url: str, home: Path, *, source: str) -> Iterator[tuple[OpenLineageClient, str]]:
    """Serve the ledger while the block runs; yields a stock client that is let in as `source`, and the service's address."""
    token, _ = access.grant(log, ["emitter"], sources=[source])
    command = [
        sys.executable,
        "-m",
        "cli",
        "--ledger",
        url,
        "--home",
        str(home),
        "serve",
        "--bind",
        "127.0.0.1:0",
        "--json",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["url"]
        transport = {
            "type": "http",
            "url": address,
            "compression": "gzip",
            "auth": {"type": "api_key", "apiKey": token},
        }
        yield OpenLineageClient(config={"transport": transport}), address
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)
    if process.returncode:
        raise RuntimeError(f"the service ended with status {process.returncode}")
