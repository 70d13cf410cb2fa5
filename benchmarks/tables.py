"""What many models cost a gateway: the Table's builds, the loop's waits beside them, and memory.

Rows come out of an embedded PostgreSQL. The longest wait is that of a 1 ms ticker in the same event loop; the line
"idle" says what the machine alone does to it. How long a gateway takes to start: benchmarks/start.py.

    .venv/bin/python -m benchmarks.tables [--models 10000] [--shapes 5000] [--json FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.gateway_ways import ROOT, stores
from controlplane.services.ports import free_port

Figures = dict[str, float]


def process(environment: dict[str, str], *arguments: str) -> str:
    """What benchmarks/tables_process.py prints."""
    command = [sys.executable, "-m", "benchmarks.tables_process", *arguments]
    return subprocess.run(command, check=True, env=environment, cwd=ROOT, capture_output=True, text=True).stdout


def measure(models: int, shapes: int) -> Figures:
    """All figures, in the order of the report."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-tables-")))
        folder.chmod(0o711)
        environment = stores(stack, folder) | {"PYTHONPATH": str(ROOT), "PORT": str(free_port())}
        migrate = [sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"]
        subprocess.run(migrate, check=True, env=environment, cwd=ROOT)
        process(environment, "seed", str(models), str(shapes), "9")
        found: Figures = json.loads(process(environment, "build"))
        return found


def main() -> None:
    """Measure, print, perhaps write JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", type=int, default=10_000)
    options.add_argument("--shapes", type=int, default=5_000, help="sets of parameters that differ")
    options.add_argument("--json", type=Path, help="write the figures here")
    given = options.parse_args()
    before = os.getloadavg()[0]
    found = measure(given.models, given.shapes)
    print(f"{given.models:,} models of {given.shapes:,} shapes; {os.cpu_count()} cores, load {before:.1f} before it")
    for name, value in found.items():
        print(f"  {name:<44} {value:>12,.2f}")
    if given.json:
        given.json.write_text(json.dumps({"load": before, **found}, indent=1))


if __name__ == "__main__":
    main()
