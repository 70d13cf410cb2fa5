"""Which models an upstream says it has."""

from typing import Any

from registry.protocols.adapter import Wire
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.protocols.recognition import Discovery
from registry.transports.http import Client
from registry.upstreams.binding import Upstream
from registry.upstreams.looking import at, look

MOST_MODELS = 200


def listed(listing: Discovery, value: Any) -> dict[str, Any]:
    """Model names in a discovery answer, each with its entry; at most 200."""
    entries = at(value, listing.items)
    found: dict[str, Any] = {}
    for entry in (entries if isinstance(entries, list) else [entries])[:10_000]:
        name = at(entry, listing.id) if listing.id else entry
        if isinstance(name, str) and 0 < len(name) <= 200 and name.isprintable() and len(found) < MOST_MODELS:
            found.setdefault(name, entry)
    return found


async def offered(client: Client, upstream: Upstream) -> tuple[str, ...]:
    """The names that the upstream lists, by its protocol's discovery path; none if it lists none. Never raises."""
    listing = PROTOCOLS[upstream.adapter.protocol].discovery
    if listing is None:
        return ()
    path = listing.path.removeprefix(upstream.adapter.base_path)
    sight = await look(client, upstream.target, Wire(listing.method, path))
    return tuple(listed(listing, sight.value)) if sight.status == 200 else ()
