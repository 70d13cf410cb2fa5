"""What live pages cost at 1,000 GPUs and 1 Hz: in the browser, on the wire, and in the console process.

The site is real (gateway, console, stores), the browser is Debian's Chromium, headless. The main thread's share is
TaskDuration of the DevTools protocol, which counts time in which other programs had the core; ThreadTime beside it is
CPU alone. A tick's bytes are those of its message on the page's websocket. 200 tabs are
200 real websockets through the gateway. `--seconds` is how long each is watched.

    .venv/bin/python -m benchmarks.live_pages [--devices 1000] [--seconds 30] [--tabs 200] [--json FILE]
"""

import argparse
import asyncio
import base64
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, Page, sync_playwright
from websockets.asyncio.client import connect

from benchmarks.live_site import LiveSite, live_site
from controlplane.base.stream_frames import StreamColumn, StreamEncoder, StreamTable

Figures = dict[str, float]
COLUMNS = ("utilization", "memory", "temperature", "power", "queue", "state")
SETTLE_SECONDS = 5
WATCH = """() => {
  window.shift = 0; window.longest = 0;
  new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shift += one.value; })
    .observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
  }).observe({ type: "longtask" });
}"""
PAINT = """() => new Promise((found) => new PerformanceObserver((list) => found([
    list.getEntriesByName("first-contentful-paint")[0].startTime,
    performance.getEntriesByType("navigation")[0].responseEnd,
  ])).observe({ type: "paint", buffered: true }))"""


@contextmanager
def opened(browser: Browser, site: LiveSite) -> Iterator[Page]:
    """A signed-in tab."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": site.cookie, "url": site.url}])
    yield context.new_page()
    context.close()


def first_paint(browser: Browser, site: LiveSite, path: str, times: int = 5) -> Figures:
    """Median time to the first paint with content of so many loads, and until the answer had come, in ms."""
    found = []
    for _ in range(times):
        with opened(browser, site) as page:
            page.goto(site.url + path)
            found.append(page.evaluate(PAINT))
    paint, answer = zip(*found, strict=True)
    return {
        f"{path}: first paint, ms (target 1,000)": statistics.median(paint),
        f"{path}: answer there, ms": statistics.median(answer),
    }


def watched(browser: Browser, site: LiveSite, path: str, seconds: float) -> Figures:
    """What a page costs while it is watched."""
    with opened(browser, site) as page:
        session = page.context.new_cdp_session(page)
        sizes: list[int] = []
        session.on("Network.webSocketFrameReceived", lambda event: _note(event, sizes))
        session.send("Network.enable")
        session.send("Performance.enable")
        page.goto(site.url + path)
        page.wait_for_timeout(1000 * SETTLE_SECONDS)
        page.evaluate(WATCH)
        del sizes[:]
        before, begun = _metrics(session), time.monotonic()
        page.wait_for_timeout(1000 * seconds)
        after, wall = _metrics(session), time.monotonic() - begun
        shift, longest = page.evaluate("[window.shift, window.longest]")
    return {
        f"{path}: main thread, % (target 5)": 100 * (after["TaskDuration"] - before["TaskDuration"]) / wall,
        f"{path}: CPU of the main thread, %": 100 * (after["ThreadTime"] - before["ThreadTime"]) / wall,
        f"{path}: of that scripts, %": 100 * (after["ScriptDuration"] - before["ScriptDuration"]) / wall,
        f"{path}: longest task, ms (0: none over 50)": longest,
        f"{path}: layout shift (target 0)": shift,
        f"{path}: ticks a second": len(sizes) / wall,
        f"{path}: bytes a tick, mean (target 5,000)": statistics.mean(sizes) if sizes else 0.0,
        f"{path}: bytes a tick, most": max(sizes, default=0),
        f"{path}: heap growth, MB": (after["JSHeapUsedSize"] - before["JSHeapUsedSize"]) / 1e6,
    }


def _note(event: dict[str, Any], sizes: list[int]) -> None:
    if event["response"]["opcode"] == 2:
        sizes.append(len(base64.b64decode(event["response"]["payloadData"])))


def _metrics(session: Any) -> dict[str, float]:
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def worst_bytes(devices: int, ticks: int = 20) -> Figures:
    """Bytes of frames in which every number of every device is another by chance: no fleet does that."""
    rng = np.random.default_rng(1)
    columns = tuple(StreamColumn(name) for name in COLUMNS)
    encoder, sizes = StreamEncoder("devices", 1), []
    nodes = devices // 8
    for tick in range(ticks):
        highs = (101, 101, 100, 700, 4, 1)
        values = np.stack([rng.integers(0, high, devices) for high in highs]).astype(float)
        table = StreamTable(
            columns, range(devices), values, [at // 8 for at in range(devices)], [f"node-{at}" for at in range(nodes)],
            [0.0] * nodes,
        )  # fmt: skip
        sizes.append(len(encoder.frame(table, 1e9 + tick)))
    return {"all numbers by chance: bytes a tick, most": max(sizes[1:]), "the same, whole frame": len(encoder.whole())}


def tabs(site: LiveSite, count: int, seconds: float) -> Figures:
    """CPU of the console and the gateway with no tab, with one, and with so many."""
    found: Figures = {}
    for number in (0, 1, count):
        command = [sys.executable, "-m", "benchmarks.live_pages", "--open", str(number), "--url", site.url]
        command += ["--cookie", site.cookie, "--seconds", str(seconds + SETTLE_SECONDS + 5)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
            assert clients.stdout is not None
            clients.stdout.readline()
            time.sleep(SETTLE_SECONDS)
            for name, process in (("console", site.console), ("gateway", site.gateway)):
                found[f"{name} with {number} tabs, % of a core"] = -_spent(process)
            begun = time.monotonic()
            time.sleep(seconds)
            wall = time.monotonic() - begun
            for name, process in (("console", site.console), ("gateway", site.gateway)):
                key = f"{name} with {number} tabs, % of a core"
                found[key] = 100 * (found[key] + _spent(process)) / wall
            got = json.loads(clients.stdout.readline())
        if number:
            found[f"frames a tab a second with {number} tabs"] = got["frames"] / got["seconds"] / number
    return found


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def hold(url: str, cookie: str, count: int, seconds: float) -> None:
    """Open so many sockets, say so, read what comes for so long, and say how many frames that were."""
    headers = {"Cookie": f"sessionid={cookie}", "Origin": url}
    address = url.replace("http", "ws") + "/live"
    sockets = []
    for _ in range(count):
        socket = await connect(address, additional_headers=headers, compression="deflate", max_size=2**24)
        await socket.send(json.dumps({"subscribe": "devices"}))
        sockets.append(socket)
    print("open", flush=True)
    frames, begun = [0], time.monotonic()

    async def read(socket: Any) -> None:
        async for message in socket:
            frames[0] += isinstance(message, bytes)

    reading = [asyncio.create_task(read(socket)) for socket in sockets]
    await asyncio.sleep(seconds)
    print(json.dumps({"frames": frames[0], "seconds": time.monotonic() - begun}), flush=True)
    for one in reading:
        one.cancel()
    await asyncio.gather(*reading, return_exceptions=True)


def measure(devices: int, seconds: float, count: int) -> Figures:
    """Everything, one after the other."""
    with live_site(devices) as site, sync_playwright() as playwright:
        time.sleep(SETTLE_SECONDS)
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        found = first_paint(browser, site, "/gpus") | first_paint(browser, site, "/")
        for path in ("/gpus", "/gpus?view=table", "/"):
            found |= watched(browser, site, path, seconds)
        browser.close()
        return found | worst_bytes(devices) | tabs(site, count, seconds)


def main() -> None:
    """Measure, print, perhaps write JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--devices", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--tabs", type=int, default=200)
    options.add_argument("--json", type=Path, help="write the figures here")
    for name in ("--open", "--url", "--cookie"):
        options.add_argument(name, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.open:
        asyncio.run(hold(given.url, given.cookie, int(given.open), given.seconds))
        return
    before = os.getloadavg()[0]
    found = measure(given.devices, given.seconds, given.tabs)
    print(f"{given.devices:,} devices; {os.cpu_count()} cores, load {before:.1f} before it")
    for name, value in found.items():
        print(f"  {name:<56} {value:>10,.2f}")
    if given.json:
        given.json.write_text(json.dumps({"load": before, **found}, indent=1))


if __name__ == "__main__":
    main()
