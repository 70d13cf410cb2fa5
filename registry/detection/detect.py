"""Which protocol an address speaks, with the evidence in words, its models, and spec documents to start from.

Every protocol document says which requests tell it from the others; all of them are sent at once, each answered within
3 s or given up.
A status alone proves nothing: a protocol is found only if some answer has the content that its document names.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from controlplane.base.messages import Sentence, joined, mapped
from registry.addresses import base_of
from registry.detection.suggest import suggest
from registry.protocols.adapter import Wire
from registry.protocols.auth import MINTED, authorization
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.protocols.document import Document
from registry.protocols.recognition import Probe
from registry.transports.egress import parse_endpoint
from registry.transports.http import Client
from registry.transports.masking import masked
from registry.transports.target import Target
from registry.upstreams.looking import CAP_S, Sight, at, look
from registry.upstreams.offers import listed

MOST_PAGES = 32
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Evidence:
    """One request and what it showed. `words` is a sentence such as "/v1/models returned 3 models in 41 ms"."""

    path: str
    status: int | None
    ms: float
    words: str
    protocol: str = ""
    matched: bool = False


@dataclass(frozen=True, slots=True)
class Detection:
    """What an address turned out to be.

    `protocol` is None if nothing fits. `suggested` holds one spec document a model, `origins` beside it what of it
    was detected or assumed. `confidence` is its share of the evidence, 0 to 1; `candidates` are all protocols that
    fit, best first. `needs_key` says that the upstream asked for another key or for any. `endpoint` is the address
    without the paths that belong to protocols. `key_words` is what the upstream said about the key.
    """

    protocol: str | None
    evidence: tuple[Evidence, ...]
    models: tuple[str, ...] = ()
    suggested: tuple[dict[str, Any], ...] = ()
    confidence: float = 0.0
    origins: tuple[dict[str, str], ...] = ()
    candidates: tuple[str, ...] = ()
    needs_key: bool = False
    endpoint: str = ""
    key_words: str = ""

    @property
    def verdict(self) -> str:
        """In one word: "speaks" a protocol, "wants_key", "silent" if nothing answered, else "unknown"."""
        if self.key_words and not self.models:
            return "wants_key"
        if self.protocol:
            return "speaks"
        return "silent" if all(item.status is None for item in self.evidence) else "unknown"


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """An upstream's address as parts, and the secret to show it."""

    scheme: str
    host: str
    port: int
    path: str
    secret: str = ""

    @property
    def url(self) -> str:
        """The address as one text."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}{'' if self.port == default else f':{self.port}'}{self.path}"

    def target(self, document: Document) -> Target:
        """Where requests go that a protocol's document asks for. Raises ValueError for a secret that no header can
        hold.
        """
        headers = tuple((name.encode(), value.encode()) for name, value in document.headers.items())
        query = b""
        if self.secret and document.auth.kind not in MINTED:
            signed, query = authorization(document.auth)(self.secret)
            headers += signed
        return Target(self.scheme, self.host, self.port, self.path, headers, query, self.secret)


async def detect(client: Client, address: str, secret: str | None = None) -> Detection:
    """Probe `address` for every known protocol. Raises EndpointInvalid for what is no address, ValueError for a secret
    that cannot travel in a header; whatever the upstream does is evidence.
    """
    place = _place(address, secret or "")
    asked = [(document, probe) for document in PROTOCOLS.values() for probe in document.detection]
    sights = await _look_at_all(client, place, asked)
    judged = [
        (document, probe, sight, fits(probe, sight)) for (document, probe), sight in zip(asked, sights, strict=True)
    ]
    told = (_evidence(document, probe, sight, fit) for document, probe, sight, fit in judged)
    evidence = tuple(replace(item, words=mapped(item.words, partial(masked, secret=place.secret))) for item in told)
    known_by = {document.name for document, probe, _, fit in judged if fit and (probe.has or probe.equals)}
    scores: dict[str, float] = {}
    for document, probe, _, fit in judged:
        if fit and document.name in known_by:
            scores[document.name] = scores.get(document.name, 0.0) + probe.weight
    ranked = sorted(scores, key=lambda name: -scores[name])
    best = PROTOCOLS[ranked[0]] if ranked else None
    locked = [(document, sight) for document, _, sight, _ in judged if sight.status in (401, 403)]
    asked_by = [sight for document, sight in locked if best in (None, document)]
    key_words = _with_words(str(asked_by[0].status), asked_by[0]) if asked_by else ""
    found = Detection(
        None,
        _once(evidence),
        needs_key=bool(locked),
        endpoint=place.url,
        key_words=mapped(key_words, partial(masked, secret=secret or "")),
    )
    if best is None:
        return found
    weight = scores[best.name]
    confidence = round(min(1.0, weight) * weight / sum(scores.values()), 2)
    found = replace(found, protocol=best.name, confidence=confidence, candidates=tuple(ranked))
    known = {probe.path: sight for document, probe, sight, _ in judged if document is best}
    return await _with_models(client, place, best, known, found)


def _place(address: str, secret: str) -> UpstreamAddress:
    """The address without a path that belongs to a protocol, so that one pasted with /v1/chat/completions is
    understood.
    """
    endpoint = parse_endpoint(base_of(address.strip()))
    bases = (document.base_path for document in PROTOCOLS.values())
    own = next((base for base in bases if base and endpoint.path.endswith(base)), "")
    return UpstreamAddress(endpoint.scheme, endpoint.host, endpoint.port, endpoint.path.removesuffix(own), secret)


async def _look_at_all(client: Client, place: UpstreamAddress, asked: list[tuple[Document, Probe]]) -> list[Sight]:
    """One sight a probe; probes that would send the same bytes share one request."""
    tasks: dict[bytes, asyncio.Task[Sight]] = {}
    keys = []
    async with asyncio.TaskGroup() as group:
        for document, probe in asked:
            target, wire = place.target(document), Wire(probe.method, probe.path)
            key = target.head(wire) + wire.body
            keys.append(key)
            if key not in tasks:
                tasks[key] = group.create_task(look(client, target, wire))
    return [tasks[key].result() for key in keys]


def fits(probe: Probe, sight: Sight) -> bool:
    """Whether an answer is what a probe of a protocol document looks for."""
    if sight.trouble or sight.status not in probe.status:
        return False
    present = all(at(sight.value, path) is not None for path in probe.has)
    return present and all(at(sight.value, path) == wanted for path, wanted in probe.equals.items())


def _evidence(document: Document, probe: Probe, sight: Sight, fit: bool) -> Evidence:
    """A probe's outcome as a sentence."""
    time = f"{sight.ms:.0f} ms" if sight.ms >= 1 else f"{sight.ms:g} ms"
    listing = document.discovery
    words: str
    if fit and sight.status == 200 and listing and listing.path == probe.path and listing.items:
        count = len(listed(listing, sight.value))
        words = _listing(sight.path, count, time)
    elif sight.status is None:
        words = joined([sight.path, sight.trouble], ": ")
    elif sight.trouble:
        words = Sentence(
            "{path} answered {status} in {time}: {trouble}",
            path=sight.path,
            status=sight.status,
            time=time,
            trouble=sight.trouble,
        )
    elif fit and sight.status == 200:
        words = Sentence(
            "{path} answered {status} in {time}: {evidence}",
            path=sight.path,
            status=sight.status,
            time=time,
            evidence=Sentence(probe.evidence) if probe.evidence else document.title,
        )
    else:
        words = _answered(sight, time)
    return Evidence(sight.path, sight.status, sight.ms, words, document.name if fit else "", fit)


def _listing(path: str, count: int, time: str) -> Sentence:
    if count == 1:
        return Sentence("{path} returned {count} model in {time}", path=path, count=count, time=time)
    return Sentence("{path} returned {count} models in {time}", path=path, count=count, time=time)


def _answered(sight: Sight, time: str) -> str:
    told = Sentence("{path} answered {status} in {time}", path=sight.path, status=sight.status or 0, time=time)
    return _with_words(told, sight)


def _with_words(told: str, sight: Sight) -> str:
    """`told`, and the upstream's own words about an error, cut short, or that its answer has another shape."""
    for path in ("error.message", "message", "error", "detail"):
        words = at(sight.value, path)
        if isinstance(words, str) and words:
            return joined([told, words[:200]], ": ")
    if sight.status == 200:
        return Sentence("{answered}, but not as this protocol does", answered=told)
    return told


def _once(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Matches first; of several findings about one path those that matched, else the first."""
    kept: dict[tuple[str, str], Evidence] = {}
    for item in sorted(evidence, key=lambda item: not item.matched):
        if item.matched or not any(path == item.path for path, _ in kept):
            kept.setdefault((item.path, item.protocol), item)
    return tuple(kept.values())


async def _with_models(
    client: Client, place: UpstreamAddress, best: Document, known: Mapping[str, Sight], found: Detection
) -> Detection:
    """`found` with the upstream's models and a suggestion for each."""
    listing = best.discovery
    cards: dict[str, Any] = {}
    evidence = found.evidence
    if listing:
        sight = known.get(listing.path)
        if sight is None or listing.method != "GET":
            sight = await look(client, place.target(best), Wire(listing.method, listing.path))
            count = len(listed(listing, sight.value))
            trouble = Sentence("{path} {trouble}", path=sight.path, trouble=sight.trouble)
            words = trouble if sight.trouble else _listing(sight.path, count, f"{sight.ms:.0f} ms")
            evidence += (Evidence(sight.path, sight.status, sight.ms, words, best.name, count > 0),)
        cards = listed(listing, sight.value)
    pages = await _pages(client, place, best, list(cards))
    drafts = [suggest(best, place.url, name, card, pages.get(name)) for name, card in cards.items()]
    return replace(
        found,
        evidence=evidence,
        models=tuple(cards),
        suggested=tuple(draft.document for draft in drafts),
        origins=tuple(draft.origins for draft in drafts),
    )


async def _pages(client: Client, place: UpstreamAddress, best: Document, names: list[str]) -> dict[str, Any]:
    """Each model's own metadata if the protocol has such a page, for the first 32 models and for 3 s in all."""
    if not best.discovery or not best.discovery.metadata_path:
        return {}
    path = best.discovery.metadata_path
    gate = asyncio.Semaphore(_AT_ONCE)
    pages: dict[str, Any] = {}

    async def read(name: str) -> None:
        if "{model}" in path:
            wire = Wire("GET", path.replace("{model}", quote(name, safe="")))
        else:
            wire = Wire("POST", path, msgspec.json.encode({"model": name}))
        async with gate:
            pages[name] = (await look(client, place.target(best), wire)).value

    try:
        async with asyncio.timeout(CAP_S), asyncio.TaskGroup() as group:
            for name in names[:MOST_PAGES]:
                group.create_task(read(name))
    except TimeoutError:
        return pages
    return pages
