"""Fair shares of the connections to upstreams, so that one key's or one model's hanging calls leave some for others."""

from collections import defaultdict

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind
from routing.table import Caller

MODEL_PART = 2
"""A model may have twice as many connections as are free, a key as many: one of them alone two thirds, and half."""


class ConnectionShares:
    """Counts calls that hold a connection, by key and by model.

    A share is measured by what is free: the more is in use, the smaller it is, so that something is always left.
    """

    def __init__(self, most: int) -> None:
        """`most` connections are there."""
        self._most = most
        self._keys: dict[int, int] = defaultdict(int)
        self._models: dict[str, int] = defaultdict(int)
        self.in_use = 0

    def take(self, caller: Caller, model: str) -> None:
        """Count a call in. Raises Failure: rate_limited if its key has its share, unavailable if its model has."""
        key, free = caller.key_id, self._most - self.in_use
        if self._keys.get(key, 0) >= free:
            raise _key_has_its_share(caller, self._keys.get(key, 0), self._most)
        if self._models.get(model, 0) >= MODEL_PART * free:
            raise _model_has_its_share(model, self._models.get(model, 0), self._most)
        self._keys[key] += 1
        self._models[model] += 1
        self.in_use += 1

    def give(self, caller: Caller, model: str) -> None:
        """Count a call out that was counted in."""
        self.in_use -= 1
        self._keys[caller.key_id] -= 1
        if not self._keys[caller.key_id]:
            del self._keys[caller.key_id]
        self._models[model] -= 1
        if not self._models[model]:
            del self._models[model]


def _key_has_its_share(caller: Caller, running: int, most: int) -> Failure:
    words = Sentence(
        "Key {caller} has {running} calls that wait for upstreams, its share of this gateway's {most} connections. Wait"
        " for some to end, or give the model that hangs a shorter time limit.",
        caller=repr(caller.name),
        running=running,
        most=most,
    )
    return Failure(FailureKind.RATE_LIMITED, words, code="connections_share", retry_after=1.0)


def _model_has_its_share(model: str, running: int, most: int) -> Failure:
    words = Sentence(
        "Model {model} has {running} calls that wait for its upstreams, its share of this gateway's {most} connections."
        " Retry soon; if it hangs, give it a shorter time limit or more replicas.",
        model=repr(model),
        running=running,
        most=most,
    )
    return Failure(FailureKind.UNAVAILABLE, words, code="connections_share", retry_after=1.0)
