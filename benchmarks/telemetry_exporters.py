"""DCGM exporters (emulated) of many nodes behind one port: `/NUMBER/metrics` tells of eight devices, and when.

The energy counter is the time at which the text was written: joules since EPOCH are seconds. So whoever reads a latest
value knows how old it is, from the exporter's socket on. `python -m benchmarks.telemetry_exporters PORT`.
"""

import asyncio
import re
import sys
import time
from pathlib import Path

EPOCH = 1_760_000_000.0
PER_NODE = 8
SAMPLE = Path("tests/routing/telemetry/expositions/dcgm-4.2.txt")
ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
MOVING = re.compile(r"DCGM_FI_(PROF_|DEV_(\w+_UTIL|GPU_TEMP|MEMORY_TEMP|POWER_USAGE|FB_USED|FB_FREE|SM_CLOCK)\b)")
"""What changes from second to second; limits, totals, modes and counts of errors do not."""


def uuid(node: int, index: int) -> str:
    """A device's."""
    return f"GPU-{node:06}{index:02}-0000-4000-8000-000000000000"


def template(node: int) -> list[tuple[str, str, bool]]:
    """Lines without their values, with the value that each has, and whether it moves."""
    lines: list[tuple[str, str, bool]] = []
    for line in SAMPLE.read_text().splitlines():
        if line.startswith("#"):
            lines.append((line, "", False))
        elif 'gpu="0"' in line:
            head, _, value = line.rpartition(" ")
            for index in range(PER_NODE):
                named = head.replace('gpu="0"', f'gpu="{index}"').replace("node-a", f"node-{node}")
                named = re.sub(r'UUID="[^"]*"', f'UUID="{uuid(node, index)}"', named)
                lines.append((named, value, MOVING.match(head) is not None))
    return lines


def text(lines: list[tuple[str, str, bool]], at: float) -> bytes:
    """What a node says at a time."""
    moved = 1.0 - 0.1 * ((at * 7919) % 1)
    told: list[str] = []
    for head, value, moves in lines:
        if not value:
            told.append(head)
        elif head.startswith(ENERGY):
            told.append(f"{head} {(at - EPOCH) * 1000:.0f}")
        else:
            told.append(f"{head} {float(value) * moved:.8g}" if moves else f"{head} {value}")
    return ("\n".join(told) + "\n").encode()


class Exporters(asyncio.Protocol):
    """One kept connection of a scraper."""

    nodes: dict[int, list[tuple[str, str, bool]]] = {}

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: somebody scrapes."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio: a request, which comes in one piece."""
        node = int(data.split(b"/", 2)[1])
        lines = self.nodes.get(node) or self.nodes.setdefault(node, template(node))
        body = text(lines, time.time())
        assert self._transport is not None
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def serve(port: int) -> None:
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(Exporters, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
