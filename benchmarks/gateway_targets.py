"""What our gateway promises beside other gateways, and whether a run kept it."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.gateway_measures import Results, median, ratio
from benchmarks.gateway_rivals import ENVOY, LITELLM, PORTKEY
from benchmarks.gateway_ways import DIRECT, NGINX, OURS, PAIR


@dataclass(frozen=True)
class Promise:
    """A figure of one way divided by the same figure of another, and its bound: at most, or at least."""

    case: str
    figure: str
    way: str
    other: str
    at_most: float | None = None
    at_least: float | None = None


@dataclass(frozen=True)
class Verdict:
    """One promise, in words, with what was measured; `met` is None where a part of it is absent."""

    words: str
    goal: str
    measured: float | None
    met: bool | None


UNITS = {
    "cpu_us": "CPU a call",
    "cpu_us_per_event": "CPU a chunk",
    "per_second": "calls a second",
    "events_per_second": "chunks a second",
}
PROMISES = (
    Promise("json-64", "cpu_us", OURS, NGINX, at_most=4),
    Promise("json-16", "cpu_us", OURS, NGINX, at_most=4),
    Promise("json-64", "cpu_us", OURS, ENVOY, at_most=1),
    Promise("json-16", "cpu_us", OURS, ENVOY, at_most=1),
    Promise("json-1", "cpu_us", OURS, NGINX, at_most=3.5),
    Promise("big-16", "cpu_us", OURS, NGINX, at_most=4.5),
    Promise("burst-8", "events_per_second", OURS, NGINX, at_least=0.6),
    Promise("paced-8", "cpu_us_per_event", OURS, NGINX, at_most=4),
    Promise("paced-32", "cpu_us_per_event", OURS, NGINX, at_most=4),
    Promise("json-64", "per_second", PAIR, OURS, at_least=1.8),
    Promise("json-64", "per_second", OURS, LITELLM, at_least=180),
    Promise("json-64", "per_second", OURS, PORTKEY, at_least=14),
)
MOST_ADDED_MS = 0.2
MOST_DISTURBED = 2.0


def judge(promise: Promise, results: Results) -> Verdict:
    """Hold one promise against a run."""
    words = f"{promise.case}, {UNITS[promise.figure]}: {promise.way} ÷ {promise.other}"
    goal = f"≤ {promise.at_most:g}" if promise.at_most is not None else f"≥ {promise.at_least:g}"
    by_way = results.get(promise.case, {})
    ours, theirs = by_way.get(promise.way), by_way.get(promise.other)
    if not ours or not theirs:
        return Verdict(words, goal, None, None)
    found = ratio(ours, theirs, promise.figure)
    met = found <= promise.at_most if promise.at_most is not None else found >= (promise.at_least or 0)
    return Verdict(words, goal, found, met)


def added_ms(results: Results) -> Verdict:
    """What a gateway adds to the median of one connection."""
    words, goal = f"json-1, added p50 in ms: {OURS} − {DIRECT}", f"≤ {MOST_ADDED_MS:g}"
    by_way = results.get("json-1", {})
    ours, bare = by_way.get(OURS), by_way.get(DIRECT)
    if not ours or not bare:
        return Verdict(words, goal, None, None)
    found = statistics.median(one["p50_ms"] - other["p50_ms"] for one, other in zip(ours, bare, strict=False))
    return Verdict(words, goal, found, found <= MOST_ADDED_MS)


def disturbed(rounds: list[dict[str, float]]) -> Verdict:
    """The slowest calls while pages are loaded, beside the same calls undisturbed."""
    words, goal = "p99 at 1,500 calls/s while four browsers load pages ÷ undisturbed", f"≤ {MOST_DISTURBED:g}"
    if not rounds:
        return Verdict(words, goal, None, None)
    found = statistics.median(one["p99_ms"] / one["calm_p99_ms"] for one in rounds)
    return Verdict(words, goal, found, found <= MOST_DISTURBED)


def verdicts(results: Results, browsing: list[dict[str, float]]) -> list[Verdict]:
    """Every promise."""
    return [*(judge(each, results) for each in PROMISES), added_ms(results), disturbed(browsing)]


def two_processes(results: Results, cores: int) -> Iterator[str]:
    """What the figure for two processes means on this machine."""
    by_way = results.get("json-64", {})
    one, two = by_way.get(OURS), by_way.get(PAIR)
    if not one or not two:
        return
    gateway, both = median(one, "cpu_us"), median(two, "cpu_us")
    beside = median(two, "load_cpu_us") + median(two, "upstream_cpu_us")
    alone = 1e6 / gateway
    yield (
        f"Two processes: the load generator and the upstream share the {cores} cores with the gateways and take "
        f"{beside:.1f} µs a call beside the gateways' {both:.1f}."
    )
    most = cores * 1e6 / (both + beside) / alone
    if most < 2:
        yield f"So these cores allow two processes at most {most:.2f} × what one full core allows one process."
    yield (
        f"A call costs {both / gateway:.2f} × as much CPU in two processes as in one: with a core each, and the load "
        f"elsewhere, that is {2 * gateway / both:.2f} × the rate of one. This is reckoned, not measured."
    )
