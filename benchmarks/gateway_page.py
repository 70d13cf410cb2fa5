"""What benchmarks/gateway.py prints: tables in Markdown, so that they can be taken over into documents."""

import subprocess
from collections.abc import Iterator
from typing import Any

from benchmarks.gateway_measures import CASES, Case, Results, median, ratio
from benchmarks.gateway_rivals import ENVOY
from benchmarks.gateway_targets import two_processes
from benchmarks.gateway_ways import DIRECT, NGINX, OURS, ROOT

NOTHING = "–"
Rounds = dict[str, list[dict[str, float]]]
"""The rounds of one case, by way."""


def commit() -> str:
    """The commit that is measured, with a mark if files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    told = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    return told.stdout.strip() or "unknown"


def spread(rounds: list[dict[str, float]], figure: str) -> str:
    """The median, and the range over the rounds."""
    values = [each[figure] for each in rounds]
    return f"{median(rounds, figure):,.{digits(max(values))}f} ({number(min(values))}–{number(max(values))})"


def number(value: float) -> str:
    """A number with about three digits."""
    return f"{value:,.{digits(value)}f}"


def digits(value: float) -> int:
    """How many digits after the point a number of this size deserves."""
    return 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 or value == 0 else 4


def times(by_way: Rounds, way: str, other: str, figure: str) -> str:
    """The ratio of one way to another; a dash if one is absent, or uses no processor."""
    if not by_way.get(other) or way == DIRECT:
        return NOTHING
    return number(ratio(by_way[way], by_way[other], figure))


def overview(results: Results, absent: dict[str, str]) -> Iterator[str]:
    """All cases in three tables: a row a way, a column a case."""
    cases = [case for case in CASES if case.name in results]
    ways = list(dict.fromkeys(way for by_way in results.values() for way in by_way))
    kinds = {
        "CPU µs a call (of streams: a chunk), and ÷ nginx": cost_cell,
        "calls/s (of streams: chunks/s), and ÷ nginx": rate_cell,
        "p50 and p99 ms": latency_cell,
    }
    for title, cell in kinds.items():
        yield f"\n| {title} | " + " | ".join(case.name for case in cases) + " |"
        yield "| --- " * (len(cases) + 1) + "|"
        for way in ways:
            shown = [cell(case, results[case.name], way) if way in results[case.name] else NOTHING for case in cases]
            yield f"| {way} | " + " | ".join(shown) + " |"
        yield from (f"| {name} | absent: {why} |" + " |" * (len(cases) - 1) for name, why in absent.items())


def cost_cell(case: Case, by_way: Rounds, way: str) -> str:
    """CPU."""
    if way == DIRECT:
        return NOTHING
    return f"{number(median(by_way[way], case.cost))} ({times(by_way, way, NGINX, case.cost)})"


def rate_cell(case: Case, by_way: Rounds, way: str) -> str:
    """Rate."""
    return f"{number(median(by_way[way], case.rate))} ({times(by_way, way, NGINX, case.rate)})"


def latency_cell(case: Case, by_way: Rounds, way: str) -> str:
    """Latencies."""
    return f"{number(median(by_way[way], 'p50_ms'))}, {number(median(by_way[way], 'p99_ms'))}"


def table(case: Case, by_way: Rounds) -> Iterator[str]:
    """One case with the ranges over the rounds: a row a way."""
    rate, cost, unit = case.rate, case.cost, case.unit
    titles = [f"{unit}s/s", "÷ nginx", f"CPU µs a {unit}", "÷ nginx", "÷ Envoy", "p50 ms", "p99 ms"]
    titles.append("first chunk p50 ms" if unit == "chunk" else "added p50 ms")
    yield f"\n{case.name}: {case.words}\n"
    yield f"| {case.name} | " + " | ".join(titles) + " |"
    yield "| --- " * (len(titles) + 1) + "|"
    for way, rounds in by_way.items():
        cells = [spread(rounds, rate), times(by_way, way, NGINX, rate)]
        cells.append(NOTHING if way == DIRECT else spread(rounds, cost))
        cells += [times(by_way, way, other, cost) for other in (NGINX, ENVOY)]
        cells += [number(median(rounds, "p50_ms")), number(median(rounds, "p99_ms"))]
        bare = median(by_way[DIRECT], "p50_ms")
        last = median(rounds, "first_p50_ms") if unit == "chunk" else median(rounds, "p50_ms") - bare
        yield f"| {way} | " + " | ".join([*cells, number(last)]) + " |"


def browsing(rounds: list[dict[str, float]]) -> Iterator[str]:
    """Calls beside four browsers."""
    if not rounds:
        return
    yield f"\n{OURS} at 1,500 calls/s on 16 connections, alone and while four Chromium windows load pages\n"
    yield "| browsing | p50 ms | p99 ms | pages/s |"
    yield "| --- | --- | --- | --- |"
    yield f"| alone | {spread(rounds, 'calm_p50_ms')} | {spread(rounds, 'calm_p99_ms')} | {NOTHING} |"
    yield f"| beside | {spread(rounds, 'p50_ms')} | {spread(rounds, 'p99_ms')} | {spread(rounds, 'pages_per_second')} |"


def targets(report: dict[str, Any]) -> Iterator[str]:
    """Every promise with what was measured."""
    yield "\n| promise | goal | measured | |"
    yield "| --- | --- | --- | --- |"
    words = {True: "met", False: "**missed**", None: "not measured"}
    for each in report["targets"]:
        measured = NOTHING if each["measured"] is None else number(each["measured"])
        yield f"| {each['words']} | {each['goal']} | {measured} | {words[each['met']]} |"


def text(report: dict[str, Any], results: Results) -> str:
    """Everything."""
    before, after = (", ".join(f"{each:.1f}" for each in report[name]) for name in ("load_before", "load_after"))
    lines = [
        f"{report['began']}, commit {report['commit']}, {report['cores']} cores; load of the machine {before} before, "
        f"{after} after (the run itself included).",
        f"Medians of {report['rounds']} interleaved rounds of {report['seconds']:g} s (range); ratios are medians of "
        "the rounds' ratios.",
    ]
    lines += overview(results, report["absent"])
    lines += browsing(report["browsing"])
    lines += targets(report)
    lines += ["", *two_processes(results, report["cores"])]
    for case in CASES:
        if case.name in results:
            lines += table(case, results[case.name])
    return "\n".join(lines)
