"""The console program: `python -m controlplane.console`. Pages, the REST API and live pages, behind the gateways."""

import argparse
import os
from pathlib import Path

import uvicorn

from controlplane.base.priority import step_back
from controlplane.services.ports import listen_at

NICENESS = 10
"""Calls before pages: on a busy machine the gateways get the processor first, pages about a tenth of it."""
ANYBODY = "*"


def main() -> None:
    """Serve until a signal ends it."""
    given = argparse.ArgumentParser(description=__doc__)
    where = given.add_mutually_exclusive_group(required=True)
    where.add_argument("--fd", type=int, help="an inherited unix socket that listens; only gateways reach it")
    where.add_argument("--unix", type=Path, help="a path to listen at, in a folder of this user alone")
    where.add_argument("--port", type=int, help="a TCP port; name the gateways' addresses in TRUSTED_PROXIES")
    given.add_argument("--host", default="127.0.0.1")
    options = given.parse_args()
    behind_gateway = options.port is None
    fd = listen_at(options.unix).detach() if options.unix is not None else options.fd
    step_back(NICENESS)
    uvicorn.run(
        "controlplane.asgi:application",
        host=options.host,
        port=options.port or 0,
        fd=fd,
        loop="uvloop",
        http="httptools",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
        proxy_headers=True,
        forwarded_allow_ips=ANYBODY if behind_gateway else os.environ.get("TRUSTED_PROXIES", ""),
    )


if __name__ == "__main__":
    main()
