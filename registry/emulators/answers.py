"""Deterministic content: the same model asked the same thing says the same thing, whatever the wire and streamed or
not.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b, shake_128
from math import exp, sqrt

WORDS = re.findall(
    r"\w+",
    """
    amber anchor apple autumn basalt beacon birch bridge canyon cedar cloud copper coral crystal current delta
    ember falcon fern fjord forest garden glacier granite harbor hazel horizon island ivory jasmine juniper
    kernel lagoon lantern maple marble meadow meteor mosaic nectar nimbus north ocean olive orchid pebble pine
    prairie quartz quiet rain river saffron signal silver spruce stone summit thunder tide timber valley
    velvet willow winter
    """,
)
LONGEST_ANSWER = 20_000
NATURAL_LENGTH = 25
"""Tokens that an answer has at most if nobody asks for more."""
_TOKEN = re.compile(r"\s*\S+")
_WORD = re.compile(r"\w+")
_LENGTH_WISH = re.compile(r"\[practice words=(\d{1,6})\]")


@dataclass(frozen=True, slots=True)
class Speech:
    """A generated text as tokens, and why it ended: "stop", "length" or "sequence" (a stop sequence, named in
    `stopped_by`).
    """

    tokens: tuple[str, ...]
    finish: str
    stopped_by: str | None = None

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.tokens)


def seed(*parts: str) -> int:
    """A 64-bit number that depends on `parts` alone."""
    return int.from_bytes(blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).digest())


def speak(model: str, prompt: str, limit: int | None = None, stops: Iterable[str] = ()) -> Speech:
    """What `model` answers to `prompt`, at most `limit` tokens and without what follows a stop sequence.

    Natural length is 8 to 24 words; a prompt that holds `[practice words=N]` gets N (at most 20,000).
    """
    number = seed(model, prompt)
    wish = _LENGTH_WISH.search(prompt)
    length = min(int(wish[1]), LONGEST_ANSWER) if wish else 8 + number % 17
    said = [f"{model}:"]
    for _ in range(length):
        number = (number * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        said.append(f" {WORDS[(number >> 33) % len(WORDS)]}")
    said[-1] += "."
    return _shortened(tuple(said), limit, tuple(stop for stop in stops if stop))


def _shortened(tokens: tuple[str, ...], limit: int | None, stops: tuple[str, ...]) -> Speech:
    finish, stopped_by = "stop", None
    if stops:
        text = "".join(tokens)
        found = min(((text.find(stop), stop) for stop in stops if stop in text), default=None)
        if found:
            tokens, finish, stopped_by = tuple(_TOKEN.findall(text[: found[0]])), "sequence", found[1]
    if limit is not None and len(tokens) > limit:
        return Speech(tokens[: max(limit, 0)], "length")
    return Speech(tokens, finish, stopped_by)


def count(text: str) -> int:
    """Tokens in `text`: words parted by white space."""
    return len(text.split())


@lru_cache(maxsize=4096)
def _direction(word: str, dimensions: int) -> tuple[int, ...]:
    return tuple(byte - 128 for byte in shake_128(word.encode("utf-8", "replace")).digest(dimensions))


def vector(model: str, text: str, dimensions: int) -> list[float]:
    """A unit vector of `text`: the sum of its words' directions, so texts that share words lie close together."""
    words = _WORD.findall(text.lower()) or [text or model]
    total = [sum(column) for column in zip(*(_direction(word, dimensions) for word in words), strict=True)]
    norm = sqrt(sum(value * value for value in total)) or 1.0
    return [round(value / norm, 6) for value in total]


def scores(model: str, row: list[float], classes: int) -> list[float]:
    """Class probabilities of one row of numbers: softmax over fixed pseudo-random weights of `model`; they sum to 1."""
    logits = []
    for label in range(classes):
        weights = _direction(f"{model}/{label}", len(row)) if row else ()
        logits.append(sum(weight * value for weight, value in zip(weights, row, strict=True)) / 128 / len(row))
    top = max(logits)
    raised = [exp(max(logit - top, -60.0)) for logit in logits]
    return [round(value / sum(raised), 6) for value in raised]
