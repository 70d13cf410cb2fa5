"""Ports for programs that a test starts later."""

import socket

RESERVED: list[socket.socket] = []


def reserved_port() -> int:
    """A loopback port that the system gives to nobody else until this process ends, however late it is used.

    It is bound and not listened on; a server that sets SO_REUSEADDR, as all servers here do, may listen there.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    RESERVED.append(kept)
    port: int = kept.getsockname()[1]
    return port
