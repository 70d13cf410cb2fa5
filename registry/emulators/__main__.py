"""`python -m registry.emulators --port P --size N`: the practice fleet (emulated) as a process of its own, without
Django.
"""

import argparse
import asyncio
import signal
import sys

import uvloop

from registry.emulators.fleet import start
from registry.emulators.specs import specs


async def _run(host: str, port: int, size: int, gpus: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server, _ = await start(host, port, size, gpus=gpus)
    print(
        f"practice fleet (emulated): {size} models at http://{host}:{port}/m/1/ to /m/{size}/, {gpus} GPUs", flush=True
    )
    await stop.wait()
    server.close()


def main(arguments: list[str]) -> None:
    """Parse `arguments`; serve, or print the spec file."""
    parser = argparse.ArgumentParser(
        prog="manage.py practice", description="The practice fleet (emulated): model servers on loopback."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--size", type=int, default=500, help="how many models (default 500)")
    parser.add_argument("--gpus", type=int, default=0, help="how many emulated GPUs serve them (default none)")
    parser.add_argument("--specs", action="store_true", help="print the YAML that onboards the fleet, and leave")
    given = parser.parse_args(arguments)
    if given.specs:
        print(specs(f"http://{given.host}:{given.port}", given.size), end="")
        return
    uvloop.run(_run(given.host, given.port, given.size, given.gpus))


if __name__ == "__main__":
    main(sys.argv[1:])
