"""A connection of its own for a thread that must not wait for pages: it is counted, but it is outside the pool."""

from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections
from django.db.utils import load_backend

KEPT_SECONDS = 60


def connect_alone() -> None:
    """Let this thread use a connection of its own from now on, and close one that is old or broken.

    Only for threads that live as long as their process: each of them counts beside the pool.
    """
    if connections[DEFAULT_DB_ALIAS].settings_dict["OPTIONS"].get("pool"):
        connections[DEFAULT_DB_ALIAS].close()
        shared = connections.settings[DEFAULT_DB_ALIAS]
        options = {name: value for name, value in shared["OPTIONS"].items() if name != "pool"}
        own = {**shared, "CONN_MAX_AGE": KEPT_SECONDS, "OPTIONS": options}
        connections[DEFAULT_DB_ALIAS] = load_backend(shared["ENGINE"]).DatabaseWrapper(own, DEFAULT_DB_ALIAS)
    close_old_connections()
