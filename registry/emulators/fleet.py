"""The practice fleet (emulated): which server answers at which path, with which latency and faults, and what was
counted.

/m/<n>/…            model n alone, speaking its protocol (TGI and Ollama answer OpenAI's /v1 there too, as the real
ones do)
/m/<n>~<fault>/…    the same model, failing; registry.emulators.faults lists the faults
/m/<n>~key-<key>/…  the same model, asking for that key
/m/<n>@<version>/…  one version of the model's contract (registry.emulators.contracts), /control/m/<n>… sets them
/all/<protocol>/…   every model of one protocol behind one address
/healthz, /counters, /   the fleet itself
/gpus/…, /m/<n>/metrics  its emulated GPUs and model servers (registry.emulators.gpus.fleet)
"""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from registry.emulators import anthropic, faults, huggingface, kserve_v2, ollama, openai
from registry.emulators.answers import NATURAL_LENGTH
from registry.emulators.contracts import EmulatedContract, control, described, without_effect
from registry.emulators.gpus.fleet import EmulatedGpus
from registry.emulators.latency import Latency
from registry.emulators.roster import emulated
from registry.emulators.server import ServedConnection, Timing, listen
from registry.emulators.wire import ServedWire, Site, WireAnswer, WireCall, WireRefusal, to_json

WIRES: Mapping[str, ServedWire] = {
    "openai": openai.WIRE,
    "anthropic": anthropic.WIRE,
    "huggingface": huggingface.WIRE,
    "ollama": ollama.WIRE,
    "kserve_v2": kserve_v2.WIRE,
}
_SPEAK_OPENAI_TOO = ("huggingface", "ollama")


@dataclass(slots=True)
class EmulatedFleet:
    """`size` models, numbered from 1."""

    size: int
    latency: Latency = field(default_factory=Latency)
    counters: Counter[str] = field(default_factory=Counter)
    contracts: dict[int, EmulatedContract] = field(default_factory=dict)
    gpus: EmulatedGpus | None = None

    def respond(self, call: WireCall) -> tuple[WireAnswer, Timing]:
        """The answer to any call; paths outside the fleet get 404 in words."""
        area, _, rest = call.path.lstrip("/").partition("/")
        address, _, path = rest.partition("/")
        if area == "m":
            found = self._one(call, address, f"/{path}")
            if found is not None:
                return found
        if self.gpus is not None and (area, address) in (("control", "gpus"), ("gpus", address)):
            return (self.gpus.respond(rest) if area == "gpus" else self.gpus.control(call)), Timing()
        if area == "control":
            return control(self.contracts, self.size, call), Timing()
        if area == "all" and address in WIRES:
            return self._served(_together(address, self.size), call, f"/{path}", "")
        return self._own(call), Timing()

    def _one(self, call: WireCall, address: str, path: str) -> tuple[WireAnswer, Timing] | None:
        """The answer of one model, by its contract if it has one; None if the fleet has no such model."""
        named, _, suffix = address.partition("~")
        number, _, version = named.partition("@")
        if not number.isdecimal() or len(number) >= 10 or not 1 <= int(number) <= self.size:
            return None
        told = self.gpus.engine(int(number)) if self.gpus is not None and path == "/metrics" else None
        if told is not None:
            return told, Timing()
        contract = self.contracts.get(int(number))
        if contract is not None:
            refused = self._contracted(contract, version, int(number), call, path)
            if refused is not None:
                return refused
            call = replace(call, body=without_effect(contract.rules(version), call.body))
        return self._served(_alone(int(number), suffix), call, path, suffix)

    def _served(self, site: Site, call: WireCall, path: str, suffix: str) -> tuple[WireAnswer, Timing]:
        model = site.models[0]
        wire = WIRES[model.protocol]
        if path.startswith("/v1/") and model.protocol in _SPEAK_OPENAI_TOO:
            wire = openai.WIRE
        call = WireCall(call.method, path, call.headers, call.body)
        answer = _answer(wire, site, call)
        fault = faults.asked(call, suffix)
        if fault:
            answer = faults.spoil(fault, answer, wire)
            self.counters[f"fault:{fault}"] += 1
        self.counters["calls"] += 1
        self.counters[f"calls:{model.protocol}"] += 1
        self.counters[f"status:{answer.status}"] += 1
        if answer.tokens is None:
            return answer, Timing()
        self.counters["inferences"] += 1
        return answer, self._timed(model.number, answer, answer.tokens)

    def _timed(self, number: int, answer: WireAnswer, tokens: tuple[int, int]) -> Timing:
        """When model `number` sends its answer; its devices work until then.

        A whole answer that is longer than models speak by themselves takes the time of every token more.
        """
        first, gap, written = self.latency.first(number), 0.0, tokens[1]
        writing = 0.0
        if answer.frames is not None:
            gap = self.latency.gap(number)
        elif written > NATURAL_LENGTH:
            writing = self.latency.gap(number) * (written - NATURAL_LENGTH)
        lasts = first + writing + gap * written
        ended = self.gpus.working(number, tokens, first, lasts) if self.gpus is not None else None
        return Timing(first + writing, gap, ended)

    def _contracted(
        self, contract: EmulatedContract, version: str, number: int, call: WireCall, path: str
    ) -> tuple[WireAnswer, Timing] | None:
        """The description, or the refusal of what the version does not take; None if the model is to answer."""
        if path == "/spec.yaml":
            return described(contract, call), Timing()
        words = contract.refusal(version, call.body) if call.method == "POST" else None
        if words is None:
            return None
        wire = openai.WIRE if path.startswith("/v1/") else WIRES[emulated(number).protocol]
        status, told = (400, words) if words else (404, "this version has ended")
        self.counters[f"status:{status}"] += 1
        self.counters["refused by contract"] += 1
        return wire.refusal(status, told), Timing()

    def _own(self, call: WireCall) -> WireAnswer:
        if call.path in ("/", "/healthz"):
            return WireAnswer(
                to_json({"name": "practice fleet (emulated)", "models": self.size, "paths": "/m/<number>/"})
            )
        if call.path == "/counters":
            return WireAnswer(to_json(dict(sorted(self.counters.items()))))
        words = (
            f"The practice fleet (emulated) has models at /m/1/ to /m/{self.size}/; there is nothing at {call.path}.\n"
        )
        return WireAnswer(words.encode(), 404, "text/plain")


def _answer(wire: ServedWire, site: Site, call: WireCall) -> WireAnswer:
    try:
        if site.key and wire.key(call.headers) != site.key:
            given = wire.key(call.headers)
            raise WireRefusal(
                wire.refusal(
                    401, f"Incorrect API key provided: {given[:3]}***." if given else "No API key was provided."
                )
            )
        return wire.answer(site, call)
    except WireRefusal as refused:
        return refused.answer
    except RecursionError:
        return wire.refusal(400, "the request is nested too deeply")


@lru_cache(maxsize=8192)
def _alone(number: int, suffix: str) -> Site:
    return Site((emulated(number),), suffix.removeprefix("key-") if suffix.startswith("key-") else "")


@lru_cache(maxsize=32)
def _together(protocol: str, size: int) -> Site:
    return Site(tuple(model for number in range(1, size + 1) if (model := emulated(number)).protocol == protocol))


def latency_from_environment() -> Latency:
    """PRACTICE_LATENCY_MS and PRACTICE_TOKEN_MS set every model's medians in milliseconds; 0 is no wait at all."""
    first, token = os.environ.get("PRACTICE_LATENCY_MS"), os.environ.get("PRACTICE_TOKEN_MS")
    return Latency(float(first) if first else None, float(token) if token else None)


async def start(
    host: str, port: int, size: int, latency: Latency | None = None, gpus: int = 0
) -> tuple[asyncio.Server, EmulatedFleet]:
    """A listening fleet; port 0 takes a free one (`server.sockets[0].getsockname()[1]`). Close the server to end it."""
    devices = EmulatedGpus(size, gpus) if gpus else None
    fleet = EmulatedFleet(size, latency or latency_from_environment(), gpus=devices)
    return await listen(lambda: ServedConnection(fleet), host, port), fleet


async def serve(host: str, port: int, size: int) -> None:
    """Serve `size` models on `host`:`port` until cancelled."""
    server, _ = await start(host, port, size)
    async with server:
        await server.serve_forever()
