"""`manage.py practice month`: thirty days of upstream changes on the practice fleet (emulated), played twice.

Each half runs a whole installation of its own: stores, worker, gateways, console. With updates, every model has a
source, changes are told by webhook or found by polling, and two reviewers decide by the pages' rules. Without, each new
description is saved as it comes. The upstreams really change, and callers keep calling through the gateways.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from controlplane.practice import callers, changes, specs
from controlplane.practice.callers import MonthClock, Received
from controlplane.practice.changes import MonthOfChanges
from controlplane.practice.installation import PracticeInstallation
from controlplane.practice.provider import Provider
from controlplane.services.files import write_private
from controlplane.services.place import REPOSITORY
from versions.practised import RESULT

SIZE = 500
WARM_UP_SECONDS = 10.0
NOTICE_DAYS = 12.5
"""How long after its description a hosted model's address takes the old version as well."""
SETTLE_SECONDS = 20.0
FOLDERS = (REPOSITORY.parent / "shared",)
"""Where real edits of model files may lie; without them changes are drawn by their frequency."""


@dataclass(frozen=True)
class MonthPlayed:
    """What one half of a practice month came to."""

    received: Received
    counts: dict[str, Any]

    @property
    def errors(self) -> int:
        """Calls that failed for their callers."""
        return sum(self.received.errors.values())


def play(seed: int, month: MonthOfChanges, options: argparse.Namespace, say: TextIO, with_updates: bool) -> MonthPlayed:
    """Play one half on an installation in a folder of its own, which is deleted afterwards."""
    name = "with" if with_updates else "without"
    folder = Path(tempfile.mkdtemp(prefix=f"patchbay-month-{name}-"))
    folder.chmod(0o711)
    installation = PracticeInstallation(folder, options.models)
    try:
        print(f"{name} updates: starting an installation of {options.models} models", file=say, flush=True)
        installation.start()
        return asyncio.run(_play(seed, month, options, say, installation, with_updates))
    finally:
        installation.stop()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


async def _play(
    seed: int,
    month: MonthOfChanges,
    options: argparse.Namespace,
    say: TextIO,
    installation: PracticeInstallation,
    with_updates: bool,
) -> MonthPlayed:
    provider = Provider(installation.fleet, month)
    await provider.publish_first()
    installation.import_specs(specs.text(provider.first_documents()))
    made = installation.set_up(callers.KEYS, provider.addresses() if with_updates else {})
    people = installation.people("review" if with_updates else "import")
    stop = asyncio.Event()
    clock = MonthClock(time.monotonic() + WARM_UP_SECONDS, options.day_seconds)
    chosen = callers.profiles(seed, month.first)
    calling = asyncio.create_task(callers.call_until(stop, installation.url, made["keys"], chosen, options.rate, clock))
    print(f"callers call; day 0 begins in {WARM_UP_SECONDS:g} s", file=say, flush=True)
    forced = []
    for number, change in enumerate(month.changes):
        await asyncio.sleep(clock.seconds_until(change.at))
        await provider.publish(change)
        if change.in_place:
            forced.append(asyncio.create_task(provider.force_after(change, NOTICE_DAYS * options.day_seconds)))
        if with_updates and number % 2:
            await provider.tell(change, installation.url, made)
        elif not with_updates:
            _send(people, provider.document(change))
        if number % 50 == 49:
            print(f"  day {change.at:4.1f}: {number + 1} changes", file=say, flush=True)
    await asyncio.gather(*forced)
    await _settled(installation, with_updates)
    stop.set()
    received = await calling
    _close(people)
    return MonthPlayed(received, installation.counts())


async def _settled(installation: PracticeInstallation, with_updates: bool) -> None:
    """Let what is on its way arrive; a minute and a half at the most."""
    deadline = time.monotonic() + 90
    while with_updates and time.monotonic() < deadline:
        states = (await asyncio.to_thread(installation.counts))["states"]
        if not any(states.get(name) for name in ("seen", "testing", "approved", "rolling")):
            break
        await asyncio.sleep(3)
    await asyncio.sleep(SETTLE_SECONDS)


def summary(month: MonthOfChanges, seconds: float, with_: MonthPlayed, without: MonthPlayed) -> dict[str, Any]:
    """The result as one object."""
    states = with_.counts["states"]
    reviewed = with_.counts["reviewed"]
    return {
        "changes": len(month.changes),
        "hot_fixed": with_.counts["hot_fixed"],
        "reviewed": reviewed,
        "rejected": states.get("rejected", 0),
        "rolled_back": states.get("rolled_back", 0),
        "caller_errors_with": with_.errors,
        "caller_errors_without": without.errors,
        "outages_with": len(with_.received.outages()),
        "outages_without": len(without.received.outages()),
        "seconds": round(seconds, 1),
        "updates": with_.counts["updates"],
        "states": states,
        "nobody_percent": round(100 * (1 - reviewed / max(1, with_.counts["updates"])), 1),
        "calls_with": sum(with_.received.calls.values()),
        "calls_without": sum(without.received.calls.values()),
    }


def main(arguments: list[str]) -> int:
    """Parse `arguments`, play both halves, print what came of them."""
    parser = argparse.ArgumentParser(prog="manage.py practice month", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--models", type=int, default=SIZE)
    parser.add_argument("--day-seconds", type=float, default=6.0, help="how long a day takes here")
    parser.add_argument("--rate", type=float, default=60.0, help="calls a second, of all callers together")
    parser.add_argument("--days", type=float, default=changes.DAYS, help="stop after these days")
    parser.add_argument("--data", type=Path, help="folder with real edits of model files")
    parser.add_argument("--keep", action="store_true", help="keep the installations' folders")
    options = parser.parse_args(arguments)
    say = sys.stderr if options.json else sys.stdout
    folder = options.data or next((one for one in FOLDERS if (one / changes.FILE).is_file()), None)
    month = changes.until(changes.month(options.seed, specs.changing(options.models), folder), options.days)
    began = time.monotonic()
    with_ = play(options.seed, month, options, say, with_updates=True)
    without = play(options.seed, month, options, say, with_updates=False)
    result = summary(month, time.monotonic() - began, with_, without)
    _keep(result)
    print(json.dumps(result) if options.json else _told(result, with_, without))
    return 0


def _told(result: dict[str, Any], with_: MonthPlayed, without: MonthPlayed) -> str:
    lines = [f"{name:>22}  {value}" for name, value in result.items()]
    for name, played in (("with", with_), ("without", without)):
        for model, first, last in played.received.outages()[:10]:
            lines.append(f"outage {name} updates: model {model}, days {first} to {last}")
            lines.append(f"    {played.received.examples[model]}")
    lines += [f"stopped: {line}" for line in with_.counts["stopped"]]
    return "\n".join([*lines, *(f"reviewed: {line}" for line in with_.counts["why_reviewed"])])


def _keep(result: dict[str, Any]) -> None:
    """Leave the result where the console of this installation shows it."""
    data = Path(PracticeInstallation.data_here())
    if data.is_dir():
        with suppress(OSError):
            write_private(data / RESULT, json.dumps(result))


def _send(people: subprocess.Popen[str], document: dict[str, Any]) -> None:
    assert people.stdin is not None
    people.stdin.write(json.dumps(document) + "\n")
    people.stdin.flush()


def _close(people: subprocess.Popen[str]) -> None:
    assert people.stdin is not None
    people.stdin.close()
    people.wait(60)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
