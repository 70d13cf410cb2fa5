"""What benchmarks/gateway.py prints: tables in Markdown, so that they can be taken over into documents."""

import subprocess
from collections.abc import Iterator
from typing import Any

from benchmarks.gateway_measures import CASES, Case, Results, median, ratio
from benchmarks.gateway_rivals import ENVOY
from benchmarks.gateway_targets import two_processes
from benchmarks.gateway_ways import DIRECT, NGINX, OURS, ROOT

NOTHING = "–"


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
    return 0 if value >= 100 else 1 if value >= 10 else 2


def times(by_way: dict[str, list[dict[str, float]]], way: str, other: str, figure: str) -> str:
    """The ratio of one way to another; a dash if one is absent, or uses no processor."""
    if not by_way.get(other) or way == DIRECT:
        return NOTHING
    return number(ratio(by_way[way], by_way[other], figure))


def table(case: Case, by_way: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    """One case: a row a way."""
    rate, cost = ("events_per_second", "cpu_us_per_event") if case.streams else ("per_second", "cpu_us")
    unit = "chunk" if case.streams else "call"
    titles = [f"{unit}s/s", "÷ nginx", f"CPU µs a {unit}", "÷ nginx", "÷ Envoy", "p50 ms", "p99 ms"]
    titles.append("first chunk p50 ms" if case.streams else "added p50 ms")
    yield f"\n{case.name}: {case.words}\n"
    yield f"| {case.name} | " + " | ".join(titles) + " |"
    yield "| --- " * (len(titles) + 1) + "|"
    for way, rounds in by_way.items():
        cells = [spread(rounds, rate), times(by_way, way, NGINX, rate)]
        cells.append(NOTHING if way == DIRECT else spread(rounds, cost))
        cells += [times(by_way, way, other, cost) for other in (NGINX, ENVOY)]
        cells += [number(median(rounds, "p50_ms")), number(median(rounds, "p99_ms"))]
        bare = median(by_way[DIRECT], "p50_ms")
        last = median(rounds, "first_p50_ms") if case.streams else median(rounds, "p50_ms") - bare
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
    for case in CASES:
        if case.name in results:
            lines += table(case, results[case.name])
    lines += browsing(report["browsing"])
    lines += targets(report)
    lines += ["", *two_processes(results, report["cores"])]
    lines += [f"Absent: {name}: {why}" for name, why in report["absent"].items()]
    return "\n".join(lines)
