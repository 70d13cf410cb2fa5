"""The real agent on an emulated NVML: `python -m tests.routing.pushed.emulated_agent CONTROL OPTION...`.

CONTROL is a JSON file that may change at any time: uuids of devices, and of those that are lost now.
"""

import json
import sys
from pathlib import Path

from routing.agent.__main__ import main
from tests.routing.telemetry.nvml_emulator import GPM, EmulatedGpu, EmulatedNvml

TICK = "nvmlEventSetWait_v2"


def emulate(control: Path) -> None:
    """Let nvidia-ml-py find the devices of the control file, which is read again at every tick."""
    given = json.loads(control.read_text())
    uuids = enumerate(given["devices"])
    library = EmulatedNvml([EmulatedGpu(uuid, bus=number, gpm=GPM, energy_mj=1_000_000) for number, uuid in uuids])

    def before(name: str) -> None:
        if name != TICK:
            return
        lost = json.loads(control.read_text())["lost"]
        for gpu in library.gpus:
            gpu.lost = gpu.uuid in lost
            gpu.energy_mj += 400_000

    library.before = before
    library.install()


if __name__ == "__main__":
    emulate(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
