"""The data plane's door: every call under /v1, from the caller's bytes to the record that is left."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from msgspec import Raw
from msgspec.json import encode

from registry import resolve
from registry.access import keys
from registry.canon import Failure, Request
from registry.protocols.adapter import BoundOperation
from registry.transports.drive import Turn
from registry.upstreams.exchange import operation_for
from routing.dataplane import endpoints, parts, refusals
from routing.dataplane.call import Call, Resolved
from routing.dataplane.caller import Answering, CallerLeft, CallerSide, Collected, read_body
from routing.dataplane.colours import Colours
from routing.dataplane.endpoints import JSON, Address, Head, address, read_head
from routing.dataplane.fields import LARGE_BYTES, MODEL_NAME, read_fields, read_large, take, text
from routing.dataplane.first_calls import FirstCalls, adapter_of
from routing.dataplane.forwarding import Forwarder, reply_headers
from routing.dataplane.hooks import Answer, Hooks, Submission
from routing.dataplane.keeping import CallKeeper
from routing.dataplane.limits import CallLimits
from routing.dataplane.measures import Measures
from routing.dataplane.recorder import Recorder
from routing.dataplane.telling import tell, turn_away
from routing.dataplane.understanding import request_of
from routing.table import Caller, ServedModel, Table

log = logging.getLogger(__name__)

KNOWN_KEYS = 10_000


class Gateway:
    """Answers requests under /v1. Reads one frozen Table; touches no database."""

    def __init__(
        self,
        forwarder: Forwarder,
        recorder: Recorder,
        measures: Measures,
        pepper: bytes,
        limits: CallLimits | None = None,
    ) -> None:
        """`pepper` is the secret with which keys are hashed; without `limits` this process counts alone."""
        self.colours = Colours()
        self._forwarder = forwarder
        self._recorder = recorder
        self._measures = measures
        self._pepper = pepper
        self._limits = limits or CallLimits(time.monotonic)
        self._first_calls = FirstCalls()
        self._listings: dict[tuple[str, ...], bytes] = {}
        self._known: dict[bytes, Caller] = {}
        self.table: Table | None = None
        self.hooks = Hooks()
        self.keeper: CallKeeper | None = None
        self.turn: Turn | None = None

    def serve(self, table: Table) -> None:
        """Serve `table` from now on. Calls in flight keep the one they began with."""
        self.table = table
        self._listings, self._known = {}, {}
        self._measures.keep(table.models)
        self._forwarder.keep(table)
        self.colours.keep(table)
        self._limits.forget({caller.key_id for caller in table.callers.values()})

    async def __call__(self, side: CallerSide) -> None:
        """Answer one HTTP request: find its address, check its method, then call or list."""
        head, place = side.memo.get("call") or _understood(side)
        table = self.table
        if table is None or place is None or side.method not in place.methods:
            await turn_away(side, place, head.request_id)
            return
        call = Call(place, head, table)
        if not place.call:
            await self._list(call, side)
            return
        try:
            await self._answer(call, side)
        except CallerLeft:
            call.cancel()
        except asyncio.CancelledError:
            if not side.left:
                if not side.answered:
                    call.fail(refusals.stopped())
                raise
            side.forgive()
            call.cancel()
        finally:
            self._end(call)

    async def _answer(self, call: Call, side: CallerSide) -> None:
        """Steps 1 to 7, and the answer to a call that fails in one of them. Raises CallerLeft."""
        try:
            caller, body = await self._enter(call, side)
            side.listen()
            await self._steps(call, caller, side.path, body, side)
        except CallerLeft:
            raise
        except Failure as failure:
            call.fail(failure)
            await tell(call, failure, side)
        except Exception:
            log.exception("call %s of model %r broke", call.request_id, call.asked_for)
            await self._give_up(call, side)
        finally:
            self._release(call)

    async def _give_up(self, call: Call, to: Answering) -> None:
        """Answer for a defect of ours, whose details are in the log only."""
        failure = refusals.defect(call.request_id)
        call.fail(failure)
        await tell(call, failure, to)

    async def perform(self, caller: Caller, path: str, body: bytes, *, request_id: str, job_id: str) -> Answer:
        """Make a durable call for a worker: the same steps, without a connection and without streaming.

        It counted against its key's calls per minute when it was taken on; now it counts as a call in flight alone.
        """
        place = address(path)
        if self.table is None or place is None or not place.call:
            missing = refusals.no_call(path)
            return Answer(503, (), endpoints.error_body(missing), missing)
        call = Call(
            place, read_head([(b"x-request-id", request_id.encode())]), self.table, job_id=job_id, caller=caller
        )
        sent = Collected()
        try:
            parts.check(body)
            await self._admit(call, replace(caller, calls_per_minute=None))
            await self._steps(call, caller, path, body, sent)
        except Failure as failure:
            call.fail(failure)
            await tell(call, failure, sent)
        finally:
            self._release(call)
            self._end(call)
        return Answer(sent.status, tuple(sent.headers), b"".join(sent.parts), call.failure)

    async def _enter(self, call: Call, side: CallerSide) -> tuple[Caller, bytes]:
        """1 authenticate, 2 admit; then read the body. Nobody unknown or over a limit makes us read one."""
        caller = call.caller = await self.authenticate(call.head.authorization)
        if not side.belongs(caller.key_id):
            raise refusals.too_many_connections(caller)
        if "call" not in caller.scopes:
            raise refusals.scope_missing(caller, "call")
        if caller.limited:
            await self._admit(call, caller)
        return caller, await read_body(side, call.head)

    async def _admit(self, call: Call, caller: Caller) -> None:
        """Step 2: count the call in, for as long as it lasts. Raises Failure."""
        waiting = self._limits.admit(caller)
        if waiting is not None:
            await waiting
        call.admitted = caller

    def _release(self, call: Call) -> None:
        if call.admitted is not None:
            self._limits.release(call.admitted)

    async def _steps(self, call: Call, caller: Caller, path: str, body: bytes, to: Answering) -> None:
        """3 resolve, then 4 to 7 in the forwarder, or a job in place of them."""
        model, fields = await self._resolve(call, caller, body)
        if call.head.respond_async:
            await self._ready(model)
            self._understand(call, caller, model, fields)
            order = Submission(caller, path, body, model.name, call.request_id, call.head.idempotency_key)
            await self._submit(call, order, to)
            return
        if model.split is not None:
            trial = self.colours.begin(call, model.split)
            if trial.colour == "green" and await self._by_green(call, caller, model.split.green, fields, to):
                return
        await self._forward(call, caller, model, fields, to)

    async def _by_green(
        self, call: Call, caller: Caller, green: ServedModel, fields: dict[str, Raw], to: Answering
    ) -> bool:
        """Whether a release that is being rolled out answered. If not, nothing was sent: the one before it is asked."""
        try:
            await self._forward(call, caller, green, dict(fields), to)
            return True
        except CallerLeft:
            raise
        except Failure as found:
            failure = found
        except Exception:
            log.exception("call %s of model %r broke in release %d", call.request_id, green.name, green.release_id)
            failure = refusals.defect(call.request_id)
        if call.started or call.trial is None:
            raise failure
        self.colours.fall_back(call, call.trial, failure)
        return False

    async def _forward(
        self, call: Call, caller: Caller, model: ServedModel, fields: dict[str, Raw], to: Answering
    ) -> None:
        """Steps 4 to 7 with one release of a model. Raises Failure."""
        call.model = model
        if model.adapter is None or not model.adapter.ready:
            await self._ready(model)
        request, operation = self._understand(call, caller, model, fields)
        await self._forwarder.forward(call, Resolved(caller, model, request), operation, to)

    async def _ready(self, model: ServedModel) -> None:
        """Make the code of a model that may be called. Raises Failure."""
        adapter = adapter_of(model)
        if not adapter.compiled:
            await self._first_calls.compile(model, adapter)

    def _understand(
        self, call: Call, caller: Caller, model: ServedModel, fields: dict[str, Raw]
    ) -> tuple[Request, BoundOperation]:
        """The request in neutral form, and the model's operation that takes it. Raises Failure."""
        request = call.request = request_of(call, caller, model, fields)
        assert model.adapter is not None
        return request, operation_for(model.adapter, request)

    async def authenticate(self, authorization: bytes) -> Caller:
        """The caller behind a key. Raises Failure: 401 only if the key is surely unknown, else 503."""
        known = self._known.get(authorization)
        if known is not None and (known.expires_at is None or known.expires_at > time.time()):
            return known
        caller = await self._look_up(authorization)
        if len(self._known) < KNOWN_KEYS:
            self._known[authorization] = caller
        return caller

    async def _look_up(self, authorization: bytes) -> Caller:
        key = keys.bearer(authorization)
        if key is None:
            raise refusals.key_missing()
        digest = keys.digest(key, self._pepper)
        caller = self._callers().get(digest)
        sure = caller is not None or await self.hooks.catch_up()
        caller = caller or self._callers().get(digest)
        if caller is None:
            raise refusals.key_unknown(sure=sure)
        if caller.expires_at is not None and caller.expires_at <= time.time():
            raise refusals.key_expired(caller)
        return caller

    def _callers(self) -> Mapping[str, Caller]:
        return self.table.callers if self.table is not None else {}

    async def _resolve(self, call: Call, caller: Caller, body: bytes) -> tuple[ServedModel, dict[str, Raw]]:
        """Step 3: the model that is called, and the body's other fields. Raises Failure."""
        fields = read_fields(body) if len(body) <= LARGE_BYTES else await read_large(body)
        name = call.address.model
        if name is None:
            name = take(fields, "model", text, MODEL_NAME)
        call.asked_for = name
        call.size = len(body)
        call.model = await self._find(call, caller, name)
        return call.model, fields

    async def _find(self, call: Call, caller: Caller, name: str) -> ServedModel:
        found = resolve.canonical(name, call.table.models, call.table.aliases)
        if found is None and self.table is not None:
            await self.hooks.catch_up()
            call.table = self.table
            found = resolve.canonical(name, call.table.models, call.table.aliases)
        if caller.models and not resolve.permitted(found or name, caller.models):
            raise refusals.model_not_allowed(caller, name)
        if found is None:
            raise endpoints.not_found(name)
        return call.table.models[found] if found == name else call.table.pins.get(name) or call.table.models[found]

    async def _submit(self, call: Call, order: Submission, to: Answering) -> None:
        """Store the call as a job and answer 202 with its address."""
        if self.hooks.submit_job is None:
            raise refusals.no_durable_calls()
        job = await self.hooks.submit_job(order)
        call.status = 202
        headers = [JSON, *reply_headers(call), (b"location", f"/api/jobs/{job}".encode())]
        headers.append((b"preference-applied", b"respond-async"))
        await to.answer(202, headers, encode({"id": job, "object": "job", "status": "queued"}))

    async def _list(self, call: Call, side: CallerSide) -> None:
        """GET /v1/models and /v1/models/{name}: what this key may call."""
        try:
            caller = await self.authenticate(call.head.authorization)
            if not side.belongs(caller.key_id):
                raise refusals.too_many_connections(caller)
            if not caller.scopes & {"call", "read"}:
                raise refusals.scope_missing(caller, "call")
            name = call.address.model
            call.table = self.table or call.table
            body = self._listing(call.table, caller) if name is None else await self._one(call, caller, name)
            await side.answer(200, [JSON, *reply_headers(call)], body)
        except Failure as failure:
            await tell(call, failure, side)

    def _listing(self, table: Table, caller: Caller) -> bytes:
        listing = self._listings.get(caller.models)
        if listing is None:
            names = [name for name in table.models if resolve.permitted(name, caller.models)]
            listing = self._listings[caller.models] = endpoints.listing(map(table.models.__getitem__, names))
        return listing

    async def _one(self, call: Call, caller: Caller, name: str) -> bytes:
        return encode(endpoints.model_object(await self._find(call, caller, name)))

    def _end(self, call: Call) -> None:
        """Step 8: hand the record to the queue; behind the bytes of all calls of this turn, if there are turns."""
        if call.trial is not None:
            self.colours.end(call, call.trial)
        if not call.status:
            return
        if self.turn is None:
            self._record(call)
        else:
            self.turn.last(partial(self._record, call))

    def _record(self, call: Call) -> None:
        record = call.record()
        if call.caller is not None and call.caller.replay and self.keeper is not None:
            record.kept = self._kept(self.keeper, call)
        self._recorder.add(record)
        self._measures.count(record, call.model.name if call.model is not None else "")

    def _kept(self, keeper: CallKeeper, call: Call) -> bytes | None:
        """An answered call, sealed."""
        if call.status != 200 or call.request is None or call.model is None:
            return None
        return keeper.sealed(call.id, call.model.name, call.request)


def _understood(side: CallerSide) -> tuple[Head, Address | None]:
    """What the gateway reads of a request's head, and its address."""
    understood = side.memo["call"] = read_head(side.headers), address(side.path)
    return understood
