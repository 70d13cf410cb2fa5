"""`python -m controlplane.services run | clean`."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from controlplane.services import home, place, run
from controlplane.services.console import Console
from controlplane.services.launcher import Launcher
from controlplane.services.lock import Lock
from controlplane.services.place import RunRefused


def clean(folder: Path) -> int:
    """Delete the data folder, and the database if it lives elsewhere."""
    home.forget(folder / "postgres")
    shutil.rmtree(folder)
    print(f"deleted {folder}")
    return 0


def main(arguments: list[str]) -> int:
    """Do what the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m controlplane.services", description="Patchbay's processes.")
    parser.add_argument("what", choices=("run", "clean"))
    parser.add_argument("--under-make", action="store_true", help="end when the program that started this one ends")
    given = parser.parse_args(arguments)
    launcher = Launcher() if given.under_make else None
    try:
        here = place.from_environment(os.environ)
        if given.what == "run":
            return run.run(here, Console(), launcher)
        Lock(here).take()
        return clean(here.data)
    except RunRefused as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
