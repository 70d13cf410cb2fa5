"""Django's command line for Patchbay."""

import os
import runpy
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run the management command named on the command line. The agent of GPU nodes starts without Django's settings."""
    if sys.argv[1:2] == ["agent"]:
        del sys.argv[1]
        runpy.run_module("routing.agent", run_name="__main__", alter_sys=True)
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
