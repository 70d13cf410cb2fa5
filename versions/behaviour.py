"""The behaviour of a live model: a small fixed set of probes at temperature 0, compared day by day; never a block.

The first days of a release are its own yardstick: how often it repeats itself. Then a sequential test looks for fewer
matches, and a moved count of prompt tokens is told at once, for equal prompts have equal counts.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Raw, structs
from msgspec.json import encode

from controlplane.base.messages import Sentence
from registry.canon import Task, context_of
from registry.transports.egress import Egress
from registry.transports.http import Client
from registry.upstreams.exchange import client_timeouts, exchange, probe_request
from versions.evidence import sequential
from versions.evidence.finding import COMPATIBLE, FileFinding
from versions.models import Behaviour, Source
from versions.reading.interface import LiveSubject

PROBES = (
    "Name the capital of Australia. Answer with one word.",
    "What is 17 times 23? Answer with the number alone.",
    "Continue the series: 2, 3, 5, 7, 11,",
    "Translate into German: The cat sleeps on the sofa.",
    "List the first five letters of the Greek alphabet.",
    "Is a tomato a fruit? Answer yes or no.",
    "Write a haiku about rain.",
    "Return a JSON object with the keys a and b, both 1.",
)
CALIBRATION = 3
"""Days on which a release is only watched."""
LONGEST_ANSWER = 48
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What one probe came to: a hash of the answer, the prompt's tokens (0 if untold) and the served model's name."""

    text: str
    tokens: int
    served: str


def share(budget: int) -> int:
    """The calls that the probes take of a scan's budget; none of a small one."""
    return len(PROBES) if budget >= 2 * len(PROBES) else 0


def observe(source: Source, subject: LiveSubject, egress: Egress) -> list[FileFinding]:
    """Ask the probes once, keep the day, and say what is odd. No answer or another kind of model says nothing."""
    if Task.CHAT not in subject.upstream.spec.tasks:
        return []
    answers = asyncio.run(_asked(subject, egress))
    if answers is None:
        return []
    release = source.model.release_id
    days = [one for one in source.model.behaviours.order_by("pk") if one.features.get("release") == release]
    features, evidence = _day(days, answers)
    Behaviour.objects.create(model=source.model, features={**features, "release": release}, evidence=evidence)
    return _findings(days, answers, evidence)


def _day(days: Sequence[Behaviour], answers: Sequence[ProbeAnswer]) -> tuple[dict[str, Any], float]:
    """What is kept of a day: the answers, the matches, and where the test stands."""
    told = [[one.text, one.tokens, one.served] for one in answers]
    first = days[0].features["answers"] if days else told
    matches = sum(one[0] == other[0] for one, other in zip(told, first, strict=True))
    kept: dict[str, Any] = {"answers": told, "matches": matches}
    if len(days) < CALIBRATION:
        return kept, 0.0
    seen = [one.features["matches"] for one in days[1:CALIBRATION]]
    known = sequential.known_rate(sum(seen), len(seen) * len(told))
    ratios = days[-1].features.get("ratios") or sequential.begun()
    kept["ratios"] = sequential.after(ratios, matches, len(told), known)
    return kept, sequential.evidence(kept["ratios"])


def _findings(days: Sequence[Behaviour], answers: Sequence[ProbeAnswer], evidence: float) -> list[FileFinding]:
    found = []
    if evidence > sequential.BOUND:
        words = Sentence(
            "the model answers the fixed probes otherwise than at first (evidence {evidence} nats, bound {bound}):"
            " somebody may have changed it behind its name",
            evidence=f"{evidence:.1f}",
            bound=f"{sequential.BOUND:.1f}",
        )
        found.append(FileFinding("behaviour.changed", COMPATIBLE, "", words))
    before = days[-1].features["answers"] if days else []
    for old, new in zip(before, answers, strict=False):
        if old[1] and new.tokens and old[1] != new.tokens:
            words = Sentence("an equal prompt has {new} tokens, and had {old}: the tokenizer or the template moved",
                             new=new.tokens, old=old[1])  # fmt: skip
            found.append(FileFinding("behaviour.tokens", COMPATIBLE, "", words))
            break
    names = {old[2] for old in before if old[2]}
    served = {one.served for one in answers if one.served}
    if names and served and names != served:
        words = Sentence("the upstream serves {new}, and served {old}", new=", ".join(sorted(served))[:200],
                         old=", ".join(sorted(names))[:200])  # fmt: skip
        found.append(FileFinding("behaviour.served", COMPATIBLE, "", words))
    return found


async def _asked(subject: LiveSubject, egress: Egress) -> list[ProbeAnswer] | None:
    """Every probe's answer, one after the other so that callers feel nothing; None if one was not answered."""
    client, answers = Client(lambda: egress), []
    spec = subject.upstream.spec
    plain = probe_request(spec, subject.upstream.adapter)
    declared = {one.name for one in spec.params}
    try:
        for probe in PROBES:
            fields: dict[str, Any] = {"messages": [{"role": "user", "content": probe}]}
            fields |= {name: value for name, value in (("temperature", 0), ("seed", 1)) if name in declared}
            fields |= {"max_tokens": LONGEST_ANSWER} if "max_tokens" in declared else {}
            request = structs.replace(plain, fields={name: Raw(encode(value)) for name, value in fields.items()})
            context = context_of(request, spec.name, "behaviour", int(time.time()))
            told = await exchange(client, subject.upstream, request, context, client_timeouts(spec.timeouts, SECONDS))
            if told.reply is None:
                return None
            answers.append(_read(told.reply.body, told.response_body))
    finally:
        await client.close()
    return answers


def _read(body: bytes, raw: bytes) -> ProbeAnswer:
    try:
        document = json.loads(body)
        text = " ".join(str(document["choices"][0]["message"].get("content") or "").split())
        tokens = int((document.get("usage") or {}).get("prompt_tokens") or 0)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        text, tokens = "", 0
    return ProbeAnswer(hashlib.sha256(text.encode()).hexdigest()[:16], tokens, _served(raw))


def _served(raw: bytes) -> str:
    """The model's name and build as the upstream itself writes them."""
    try:
        document = json.loads(raw)
        told = [str(document.get(name) or "") for name in ("model", "system_fingerprint")]
    except (ValueError, AttributeError):
        return ""
    return " ".join(one for one in told if one)[:200]
