"""Has a model changed behind its name? A test that may be looked at every day without crying wolf. Pure.

Each day some fixed probes match their first answers, or do not. The likelihood of each of several lower match rates is
held against the known one and multiplied up; the mean of these is an e-process: if nothing changed, it exceeds 1/α ever
with a probability of at most α, however often one looks.
"""

import math
from collections.abc import Sequence

RATES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Match rates that a changed model may have, as shares of the known one."""
BOUND = math.log(1000.0)
"""In nats: a false alarm in a thousand models, over all days together."""
MOST_KNOWN = 0.98
LEAST_KNOWN = 0.2


def known_rate(matches: int, count: int) -> float:
    """How often an unchanged model repeats itself at temperature 0, of what was seen, on the cautious side."""
    return min(max((matches + 0.5) / (count + 1.0), LEAST_KNOWN), MOST_KNOWN)


def begun() -> list[float]:
    """The log likelihood ratios before the first day."""
    return [0.0] * len(RATES)


def after(ratios: Sequence[float], matches: int, count: int, known: float) -> list[float]:
    """The log likelihood ratios after a day on which `matches` of `count` probes gave their first answers."""
    return [
        ratio + matches * math.log(rate) + (count - matches) * math.log((1.0 - rate * known) / (1.0 - known))
        for ratio, rate in zip(ratios, RATES, strict=True)
    ]


def evidence(ratios: Sequence[float]) -> float:
    """The log of the mean of the likelihood ratios, in nats; above BOUND it is a finding."""
    top = max(ratios)
    return top + math.log(sum(math.exp(one - top) for one in ratios) / len(ratios))
