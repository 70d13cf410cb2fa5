"""Assembles the data plane of one process and runs its background tasks."""

import time
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from controlplane.base import redis_names
from controlplane.base.service_loop import Service
from registry.transports.drive import Turn
from registry.transports.egress import Egress
from registry.transports.http import Client
from routing.dataplane.board import Board
from routing.dataplane.breaker import Breakers
from routing.dataplane.builder import Builder, unsealing
from routing.dataplane.colours import Colours
from routing.dataplane.cors import CrossOrigin
from routing.dataplane.counts import IN_FLIGHT, Counts, SharedCounts, taken
from routing.dataplane.flying import CallsInFlight
from routing.dataplane.forwarding import Forwarder
from routing.dataplane.gateway import Gateway
from routing.dataplane.hooks import Hooks, SubmitJob
from routing.dataplane.keeping import CallKeeper
from routing.dataplane.ledger import Ledger
from routing.dataplane.limits import CallLimits
from routing.dataplane.link import Link
from routing.dataplane.measures import Measures
from routing.dataplane.recorder import Recorder
from routing.dataplane.watcher import RowSource, Watcher
from routing.table import Table

FIRST_READ_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """What the data plane needs to know. `own` holds (ip, port) of our own services, never reachable as upstreams;
    `browsers` the origins whose pages may call /v1; `gateways` how many processes share the limits of keys, as long as
    Redis has not told.
    """

    data_dir: Path
    redis_url: str
    pepper: bytes
    master_key: bytes
    own: frozenset[tuple[str, int]] = frozenset()
    browsers: tuple[str, ...] = ()
    number: int | None = None
    gateways: int = 1


class Plane:
    """The data plane of one event loop: `await start()`, call `door`, `await stop()`."""

    def __init__(self, settings: PlaneSettings, rows: RowSource, submit_job: SubmitJob | None = None) -> None:
        """Serves what is read of `rows`. Nothing runs or connects before `start`."""
        self._own, self._gateways = settings.own, settings.gateways
        self._egress = Egress((), settings.own)
        self.client = Client(lambda: self._egress)
        self.breakers = Breakers(time.monotonic)
        self.link = Link(settings.redis_url)
        self.recorder = Recorder(self.link.deliver, settings.data_dir / "spool")
        self.measures = Measures()
        self.forwarder = Forwarder(self.client, self.breakers)
        self.limits = CallLimits(time.monotonic, Ledger(self.link.evaluate), settings.gateways)
        self.board = Board(self.link.exchange, self.breakers, self.forwarder.retries, lambda: self.limits.processes)
        self.gateway = Gateway(self.forwarder, self.recorder, self.measures, settings.pepper, self.limits)
        self.gateway.keeper = CallKeeper(settings.master_key)
        self.gateway.colours = Colours(self.link.tell_colours)
        self.door = CrossOrigin(self.gateway, settings.browsers)
        builder = Builder(unsealing(settings.master_key))
        self.watcher = Watcher(rows, builder, settings.data_dir / "snapshot.json", self.serve)
        self.gateway.hooks = Hooks(self.watcher.catch_up, submit_job)
        notices = {redis_names.REVISION: self.watcher.notice, redis_names.CIRCUITS_MOVED: self.board.notice}
        self.services: tuple[Service, ...] = (
            Service("the reader of the table", self.watcher.run),
            Service("the listener to notices", lambda: self.link.listen(notices)),
            Service("the sender of call records", self.recorder.run),
            Service("the keeper of limits", self.limits.run),
            Service("the teller of rollouts", self.gateway.colours.run),
            Service("the board of circuits", self.board.run),
            Service("the teller of calls in flight", CallsInFlight(self.link.exchange, self.in_flight).run),
        )
        self.shared_counts: SharedCounts | None = None
        if settings.number is not None:
            (settings.data_dir / "run").mkdir(mode=0o700, exist_ok=True)
            self.shared_counts = SharedCounts(settings.data_dir / "run", settings.number, self.counts)
            self.services += (Service("the writer of counts", self.shared_counts.run),)

    async def start(self) -> None:
        """Serve the last good copy, then what PostgreSQL says, waiting four seconds for it at the most."""
        await self.watcher.load()
        for service in self.services:
            service.start()
        await self.watcher.first_look(FIRST_READ_SECONDS)

    def join(self, turn: Turn) -> None:
        """Do the work of all calls of a turn of the loop together, stage by stage."""
        self.client.turn = self.gateway.turn = turn

    def counts(self) -> Counts:
        """What this process has counted since its start, and what it holds now."""
        recorder = self.recorder
        fates = {name: getattr(recorder, name) for name in ("recorded", "delivered", "spooled", "dropped")}
        moment = {
            "outstanding": self.forwarder.outstanding,
            "connections": self.client.connections,
            "circuits_open": len(self.breakers.open()),
            "records_waiting": recorder.waiting,
        }
        moment |= {f"{IN_FLIGHT}{model}": count for model, count in self.in_flight().items()}
        table = self.watcher.table
        revision = table.revision if table is not None else 0
        return replace(taken(self.measures, fates, moment, time.time()), revision=revision)

    def in_flight(self) -> dict[str, int]:
        """Calls that wait for an upstream now, by model."""
        table = self.watcher.table
        return {} if table is None else self.forwarder.in_flight(table)

    def revisions(self) -> list[int]:
        """The revision that each gateway of this data folder serves, this one's first."""
        shared = self.shared_counts
        return shared.revisions(self._gateways) if shared is not None else [self.counts().revision]

    async def stop(self) -> None:
        """Stop the tasks, deliver or spool what is queued, close connections."""
        for service in self.services:
            await service.stop()
        await self.recorder.flush()
        await self.gateway.colours.tell_now()
        await self.limits.stop()
        if self.shared_counts is not None:
            self.shared_counts.write()
        await self.client.close()
        await self.link.close()
        self.watcher.close()

    def serve(self, table: Table) -> None:
        """Put a new Table in service."""
        if table.egress_allow != self._egress.allow:
            self._egress = Egress(table.egress_allow, self._own)
        self.gateway.serve(table)
