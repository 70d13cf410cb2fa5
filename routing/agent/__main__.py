"""`python -m routing.agent` (or `manage.py agent`): the agent of a GPU node. `--help` tells its options."""

import signal
import socket
import sys
import threading
import time
from pathlib import Path

from routing.agent import options
from routing.agent.devices import NvmlAbsent, NvmlDevices
from routing.agent.options import OptionsInvalid, PushTarget
from routing.agent.outbox import Outbox
from routing.agent.pushing import DoorConnection, Pusher
from routing.samples import frames
from routing.samples.pushes import NodeFacts

WAIT_SECONDS = 10.0
MACHINE_ID = Path("/etc/machine-id")
LAST_PUSH_SECONDS = 2.0


def say(words: str) -> None:
    """One line for the journal."""
    print(f"agent: {words}", file=sys.stderr, flush=True)


def node_of(devices: NvmlDevices) -> NodeFacts:
    """This machine as it is now."""
    try:
        machine = MACHINE_ID.read_text().strip()[:100]
    except OSError:
        machine = ""
    labels = {"driver": devices.driver} if devices.driver else {}
    return NodeFacts(machine, socket.gethostname()[:300], labels, devices.facts())


def opened(wait: bool, ended: threading.Event) -> NvmlDevices | None:
    """The devices of this machine. Without one, says so in a sentence; then None, or waits until there is one."""
    devices, told = NvmlDevices(), ""
    while not ended.is_set():
        try:
            devices.open()
        except NvmlAbsent as absent:
            if str(absent) != told:
                told = str(absent)
                say(f"this machine has no NVIDIA GPU to watch: {absent}." + (" Waiting for one." if wait else ""))
            if not wait:
                return None
            ended.wait(WAIT_SECONDS)
        else:
            return devices
    return None


def work(given: PushTarget, every: float, devices: NvmlDevices, ended: threading.Event) -> None:
    """Collect here, at whole multiples of `every` seconds, and push in a thread of its own, until `ended`."""
    outbox = Outbox()
    known = [node_of(devices)]
    pusher = Pusher(DoorConnection(given.address, given.key, given.tls), outbox, lambda: known[0], say)
    thread = threading.Thread(target=pusher.run, args=(ended,), daemon=True)
    thread.start()
    say(f"watching {len(known[0].devices)} devices, pushing to {given.address}")
    sequence = 0
    while not ended.wait(every - time.time() % every):
        reading = devices.read()
        known[0] = node_of(devices)
        sequence += 1
        outbox.put(frames.pack("agent", 0, sequence, time.time(), reading))
    thread.join(LAST_PUSH_SECONDS)
    devices.close()


def show(devices: NvmlDevices) -> None:
    """Print what every device gives, by series."""
    devices.read()
    time.sleep(1.0)
    reading = devices.read()
    for facts in devices.facts():
        print(f"{facts.uuid}  {facts.model}")
        for name, value in sorted(reading.subjects[facts.uuid].values.items()):
            print(f"  {name:36} {value:.15g}")
    for one in reading.complaints:
        print(f"complaint: {one.fault} {one.metric} {one.subject} {one.value}")
    devices.close()


def main(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    given = options.read(arguments)
    ended = threading.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: ended.set())
    devices = None if given.wait else opened(False, ended)
    if devices is None and not given.wait:
        return 1
    if given.show and devices is not None:
        show(devices)
        return 0
    try:
        to = options.target(given)
    except OptionsInvalid as error:
        say(str(error))
        return 2
    devices = devices or opened(True, ended)
    if devices is not None:
        work(to, given.every, devices, ended)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
