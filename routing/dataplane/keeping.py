"""Calls whose owners opted in, sampled and sealed on the spot, to be replayed against a model's next release."""

import time
from collections.abc import Callable

from msgspec.json import encode

from controlplane.base.secrets import seal
from registry.canon import Request

SECONDS_APART = 1.0
LONGEST = 64 * 1024
"""Bytes of a call's fields; longer calls are not kept."""
MOST_MODELS = 10_000


def bound_to(call_id: str) -> str:
    """What a kept call's ciphertext is authenticated with."""
    return f"kept call {call_id}"


class CallKeeper:
    """Seals at most one call of each model a second. Nothing of a body leaves this process in the clear."""

    def __init__(self, master_key: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        self._master_key = master_key
        self._clock = clock
        self._next: dict[str, float] = {}

    def sealed(self, call_id: str, model: str, request: Request) -> bytes | None:
        """The call in neutral form, sealed; None if it is not kept."""
        now = self._clock()
        if now < self._next.get(model, 0.0) or sum(map(len, request.fields.values())) > LONGEST:
            return None
        if len(self._next) >= MOST_MODELS:
            self._next.clear()
        self._next[model] = now + SECONDS_APART
        text = encode({"stream": request.stream, "strict": request.strict, "fields": request.fields}).decode()
        return seal(text, self._master_key, bound_to(call_id))
