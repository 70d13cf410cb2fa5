"""Steps 4 to 7 of a call: choose a replica, encode, call it, decode; over at most three replicas."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from controlplane.base.messages import Sentence, cut
from registry.canon import CallContext, Failure, FailureKind, Request, context_of
from registry.predict_form import to_reply
from registry.protocols.adapter import BoundOperation, Encoded, StreamDecoder
from registry.reasons import after_model
from registry.transports.http import Client
from registry.transports.masking import mask_failure
from registry.transports.response import Response
from registry.upstreams.exchange import name_model
from routing.dataplane.apart import apart
from routing.dataplane.breaker import Breakers
from routing.dataplane.call import Call, Resolved
from routing.dataplane.caller import Answering, CallerLeft
from routing.dataplane.endpoints import EVENT_STREAM, JSON, REPLICA_FAULTS, Headers
from routing.dataplane.extras import Extras, without_extras
from routing.dataplane.fields import LARGE_BYTES
from routing.dataplane.retries import RetryBudgets
from routing.dataplane.shares import ConnectionShares
from routing.policies import least_outstanding
from routing.policies.choice import Candidate, DecisionPoint, Policy
from routing.table import Caller, Replica, ServedModel, Table

ATTEMPTS = 3
DRAIN_SECONDS = 0.05
COMMENTS_AFTER_MS = 5000.0


class Outgoing(Struct, frozen=True):
    """What is asked of a model, whichever of its replicas is asked. `deadline` is on the loop's clock."""

    caller: Caller
    model: ServedModel
    request: Request
    operation: BoundOperation
    encoded: Encoded
    context: CallContext
    deadline: float


class Forwarder:
    """Carries calls to replicas. Holds what is shared between calls: circuits, retry budgets, calls in flight."""

    def __init__(self, client: Client, breakers: Breakers, policy: Policy = least_outstanding.choose) -> None:
        """`policy` chooses where a model has several usable replicas."""
        self._client = client
        self._breakers = breakers
        self._policy = policy
        self.retries = RetryBudgets()
        self._outstanding: dict[str, int] = defaultdict(int)
        self._extras = Extras(time.monotonic)
        self._shares = ConnectionShares(client.most)
        self._number = 0

    async def forward(self, call: Call, resolved: Resolved, operation: BoundOperation, to: Answering) -> None:
        """Answer `call` from one of the model's replicas. Raises Failure if none answered.

        After the first byte has gone to the caller there is no second attempt.
        """
        model, request = resolved.model, resolved.request
        asked = Outgoing(
            caller=resolved.caller,
            model=model,
            request=request,
            operation=operation,
            encoded=operation.encode(request, model.spec.upstream_model)
            if call.size <= LARGE_BYTES
            else await apart(operation.encode, request, model.spec.upstream_model),
            context=context_of(request, model.name, call.request_id, int(call.at)),
            deadline=self._client.now() + model.timeouts.total,
        )
        several = len(model.replicas) > 1
        ask = self._ask if request.stream and operation.optional else self._attempt
        if several:
            self.retries.earn((model.name, model.release_id))
        tried: list[Replica] = []
        while True:
            replica = self._choose(call, model, tried)
            tried.append(replica)
            try:
                await ask(call, asked, replica, to)
                return
            except Failure as failure:
                if not (several and self._again(call, model, failure, tried)):
                    _explain(failure, model)
                    raise

    def keep(self, table: Table) -> None:
        """Forget what was learned of every model and replica that is not in `table`."""
        self.retries.keep({(served.name, served.release_id) for served in table.served() if len(served.replicas) > 1})
        replicas = {replica.key for served in table.served() for replica in served.replicas}
        self._breakers.forget(replicas)
        self._extras.forget(replicas)

    def _choose(self, call: Call, model: ServedModel, tried: Sequence[Replica]) -> Replica:
        """A replica that was not tried; one that leaves, or whose circuit is open, only if there is no other."""
        if len(model.replicas) == 1:
            return model.replicas[0]
        staying = [replica for replica in model.replicas if not replica.leaving] or model.replicas
        usable = [replica for replica in self._breakers.usable(staying) if replica not in tried]
        if not usable:
            usable = [replica for replica in staying if replica not in tried]
        if not usable:
            usable = [replica for replica in model.replicas if replica not in tried]
        self._number += 1
        candidates = [Candidate(replica, self._outstanding.get(replica.key, 0)) for replica in usable]
        return self._policy(call.table, DecisionPoint(model, self._number), candidates).replica

    def _again(self, call: Call, model: ServedModel, failure: Failure, tried: Sequence[Replica]) -> bool:
        """Whether another replica may be asked: nothing was sent yet, some are left, the budget allows it."""
        left = len(tried) < min(ATTEMPTS, len(model.replicas))
        return failure.retryable and not call.started and left and self.retries.spend((model.name, model.release_id))

    async def _ask(self, call: Call, asked: Outgoing, replica: Replica, to: Answering) -> None:
        """Ask one replica for a stream; once more without the fields that we added, if it may have refused those."""
        with_extras = True
        if self._extras.leaves_out(replica.key):
            asked, with_extras = _plainer(asked), False
        try:
            await self._attempt(call, asked, replica, to)
        except Failure as failure:
            cause = with_extras and self._extras.may_be_cause(replica.key, asked.operation, asked.request, failure)
            if call.started or not cause:
                raise
        else:
            if with_extras:
                self._extras.accept(replica.key)
            return
        try:
            await self._attempt(call, _plainer(asked), replica, to)
        except Failure:
            self._extras.accept(replica.key)
            raise
        self._extras.refuse(replica.key)

    async def _attempt(self, call: Call, asked: Outgoing, replica: Replica, to: Answering) -> None:
        """Ask one replica and pass its answer on. Tells its circuit how it went."""
        call.encoded = asked.encoded
        call.attempts += 1
        call.replica = replica
        key = replica.key
        self._shares.take(asked.caller, asked.model.name)
        self._breakers.started(key)
        self._outstanding[key] += 1
        response: Response | None = None
        try:
            extra = b"x-request-id: %b\r\n" % call.request_id.encode()
            response = await self._client.send(
                replica.target, asked.encoded.wire, asked.model.timeouts, extra, asked.deadline
            )
            await self._pass_on(call, asked, response, to)
            self._breakers.succeeded(key)
        except Failure as failure:
            mask_failure(failure, replica.target.secret)
            if failure.kind in REPLICA_FAULTS:
                self._breakers.failed(key)
            else:
                self._breakers.succeeded(key)
            raise
        except UnicodeDecodeError as error:
            self._breakers.failed(key)
            raise _not_text(replica, error) from error
        except CallerLeft:
            self._breakers.succeeded(key)
            raise
        except asyncio.CancelledError:
            self._breakers.abandoned(key)
            raise
        finally:
            self._shares.give(asked.caller, asked.model.name)
            self._done(key)
            if response is not None:
                response.close()

    async def _pass_on(self, call: Call, asked: Outgoing, response: Response, to: Answering) -> None:
        decoder = asked.operation.decoder if asked.request.stream and 200 <= response.status < 300 else None
        if decoder is not None:
            await _relay(call, decoder(asked.context), response, to)
            return
        body = await response.read()
        call.first_byte_ms = call.elapsed_ms()
        reply = asked.operation.decode(response.status, response.headers, body, asked.context)
        if call.address.task is None:
            reply = to_reply(asked.operation.task, asked.context.model, reply)
        call.usage = reply.usage
        call.status = 200
        await to.answer(200, [JSON, *reply_headers(call)], reply.body)

    def _done(self, key: str) -> None:
        count = self._outstanding[key] - 1
        if count:
            self._outstanding[key] = count
        else:
            del self._outstanding[key]

    @property
    def outstanding(self) -> int:
        """Calls that wait for a replica now."""
        return sum(self._outstanding.values())

    def in_flight(self, table: Table) -> dict[str, int]:
        """The same by model, without those that have none."""
        found: dict[str, int] = {}
        if self._outstanding:
            names = {replica.key: served.name for served in table.served() for replica in served.replicas}
            for key, count in self._outstanding.items():
                name = names.get(key, "")
                found[name] = found.get(name, 0) + count
        return found


def reply_headers(call: Call) -> Headers:
    """Headers of every answer to a call that was understood."""
    headers: Headers = [
        (b"x-request-id", call.request_id.encode()),
        (b"x-patchbay-revision", b"%d" % call.table.revision),
    ]
    told = call.told().header
    if told:
        headers.append((b"x-patchbay-adapted", told))
    if call.model is not None and call.model.lifecycle:
        headers.extend(call.model.lifecycle)
    return headers


async def _relay(call: Call, decoder: StreamDecoder, response: Response, to: Answering) -> None:
    """Pass a stream on, one write for each read. Raises Failure, before or after the first byte."""
    while True:
        data = await response.read_some()
        ended = not data
        fragment = decoder.close() if ended else decoder.feed(data, response.parts)
        response.parts = ()
        del data
        call.usage = fragment.usage or call.usage
        call.tokens += fragment.tokens
        if fragment.failure is None and (fragment.finished or ended):
            break
        if fragment.output and not _only_keeps_alive(call, fragment.output):
            if not call.started:
                await _start(call, to)
            await to.write(fragment.output)
        if fragment.failure is not None:
            raise fragment.failure
    if not call.started:
        await _start(call, to)
    call.status = 200
    await to.finish(fragment.output)
    if not response.complete:
        await _drain(response)


def _only_keeps_alive(call: Call, output: bytes) -> bool:
    """Whether comments came before anything else and so early that an answer need not begin for them.

    Until it begins another replica may be asked, and a failure has its own status.
    """
    return not call.started and b"data: " not in output and call.elapsed_ms() < COMMENTS_AFTER_MS


async def _start(call: Call, to: Answering) -> None:
    call.started = True
    call.first_byte_ms = call.elapsed_ms()
    headers = [*EVENT_STREAM, *reply_headers(call)]
    await to.start(200, headers)


async def _drain(response: Response) -> None:
    """Give a finished stream a moment to end its framing, so that the connection can be kept."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.read_some()
    except (TimeoutError, Failure):
        response.close()


def _plainer(asked: Outgoing) -> Outgoing:
    """The same without the fields that we added."""
    return replace(asked, encoded=without_extras(asked.encoded, asked.operation, asked.request))


def _not_text(replica: Replica, error: UnicodeDecodeError) -> Failure:
    words = Sentence(
        "upstream {origin} sent bytes that are not UTF-8: {reason}", origin=replica.target.origin, reason=error.reason
    )
    return Failure(FailureKind.UPSTREAM_INVALID, words, retryable=True)


def _explain(failure: Failure, model: ServedModel) -> None:
    """Add the model's name, and what its last probe said where that had failed too."""
    name_model(failure, model.name)
    if model.state == "unreachable" and model.unavailable:
        failure.message = Sentence(
            "{message} (its last probe failed too: {found})",
            message=failure.message,
            found=cut(after_model(model.unavailable), 300),
        )
