"""The adapter of a model that is called. Its code is made at the first call, one adapter in a turn of the loop."""

import asyncio
import logging

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind
from registry.protocols.adapter import Adapter, CompileError
from routing.table import ServedModel

log = logging.getLogger(__name__)


class FirstCalls:
    """Makes code for those who call a model first. Others' calls go on between two of them."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def compile(self, model: ServedModel, adapter: Adapter) -> None:
        """Make the code of `adapter`, once for all calls that wait for it. Raises Failure if it cannot be made."""
        async with self._one:
            if not adapter.compiled:
                _compile(model.name, adapter)
                await asyncio.sleep(0)
        adapter_of(model)


def _compile(name: str, adapter: Adapter) -> None:
    try:
        adapter.compile()
    except CompileError as error:
        log.error("model %r cannot be called: %s", name, error)


def adapter_of(model: ServedModel) -> Adapter:
    """The adapter of a model that may be called. Raises Failure that says why it may not."""
    adapter = model.adapter
    if adapter is None and model.state == "disabled":
        raise Failure(FailureKind.NOT_FOUND, model.unavailable, parameter="model", code="model_disabled")
    if adapter is None or adapter.trouble:
        words = (
            model.unavailable
            if adapter is None
            else Sentence("model {name} cannot be called: {error}", name=repr(model.name), error=adapter.trouble)
        )
        raise Failure(FailureKind.UNAVAILABLE, words, parameter="model", code="model_unavailable")
    return adapter
