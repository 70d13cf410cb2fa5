"""A database with a month of history, made by COPY, and how long charts of it take; called by benchmarks.telemetry."""

import os
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import psutil
from django.db import connection

from routing.history import charts, partitions, store
from routing.history.partitions import MINUTE, TEN_MINUTES, TEN_SECONDS, Tier, stamp
from routing.samples import chunks
from routing.samples.dimensions import SERIES
from routing.samples.frames import pack
from routing.samples.readings import Observed, SourceReading
from routing.telemetry import DEVICE_SOURCES

PER_NODE, POOL = 8, 96
DAY = 86_400
STILL = frozenset({
    "bar1_used_bytes", "decoder_active_ratio", "ecc_corrected_errors_total", "ecc_uncorrected_errors_total",
    "encoder_active_ratio", "fan_speed_ratio", "last_error", "memory_clock_hertz", "memory_total_bytes",
    "mig_enabled", "pcie_generation", "pcie_replays_total", "pcie_width", "performance_state", "power_limit_watts",
    "remapped_rows_corrected_total", "remapped_rows_uncorrected_total", "slowdown_temperature_celsius",
    "thermal_violation_seconds_total", "throttle_reasons",
})  # fmt: skip
"""Series that hardly ever change on a healthy device."""
CHARTS = {
    "10 minutes": 600,
    "6 hours": 6 * 3600,
    "a day": DAY,
    "2 days": 2 * DAY,
    "a week": 7 * DAY,
    "30 days": 30 * DAY,
}
FOUR = ("power_watts", "temperature_celsius", "utilization_ratio", "memory_used_bytes")


def uuid(number: int) -> str:
    """A device's."""
    return f"GPU-{number:08}-0000-4000-8000-000000000000"


def _chunk(rng: np.random.Generator) -> bytes:
    """Sixty points: what moves is noise, which packs worst."""
    points = np.full((chunks.POINTS, len(chunks.COLUMNS)), np.nan)
    for name in {rule.series for rules in DEVICE_SOURCES["dcgm"].rules.values() for rule in rules}:
        series = SERIES[name]
        column = chunks.COLUMNS[series.position]
        if name in STILL:
            points[:, column] = 1.0
        elif series.kind == "counter":
            points[:, column] = 1e9 + np.cumsum(rng.random(chunks.POINTS) * 400)
        else:
            points[:, column] = rng.random(chunks.POINTS) * (1.0 if series.unit in ("ratio", "volts") else 500.0)
    return chunks.packed(points)


def _fill(tier: Tier, devices: int, begin: int, end: int, pool: list[bytes]) -> None:
    for start in range(begin // tier.partition * tier.partition, end, tier.partition):
        partitions.ensure(tier, start)
    starts = range(begin // tier.chunk * tier.chunk, end // tier.chunk * tier.chunk, tier.chunk)
    with connection.cursor() as cursor, cursor.copy(f"copy {tier.table} from stdin (format binary)") as copy:
        copy.set_types(["text", "text", "timestamptz", "bytea"])
        for at in starts:
            for device in range(devices):
                body = pool[(at // tier.chunk * 7 + device * 3) % POOL]
                copy.write_row((uuid(device), f"node-{device // PER_NODE}", stamp(at), body))
    with connection.cursor() as cursor:
        cursor.execute("insert into telemetry_rolled values (%s, %s)", [tier.table, stamp(starts[-1] + tier.chunk)])


def _recent(devices: int, until: float) -> None:
    """Twenty minutes of frames, a second each, of the first node alone: a chart reads one source."""
    rng = random.Random(1)
    for at in range(int(until) - 1200, int(until)):
        said = {
            uuid(one): Observed(values={name: rng.random() for name in FOUR}) for one in range(min(PER_NODE, devices))
        }
        store.store([(at, pack("node-0", 1, at, at, SourceReading(said)))])


def _times(devices: int, end: float, cold: bool) -> Iterator[tuple[str, float]]:
    rng = random.Random(7)
    for (words, seconds), names in product(CHARTS.items(), (FOUR[:1], FOUR)):
        subjects = [uuid(0 if seconds == CHARTS["10 minutes"] else rng.randrange(devices)) for _ in range(7)]
        took = [_time(subject, names, end - seconds, end, cold) for subject in subjects]
        kind = f"chart of {words}, {len(names)} series, {'from disk' if cold else 'in memory'}"
        yield f"{kind}, median ms", statistics.median(took)
        yield f"{kind}, worst of 7 ms", max(took)


def _time(subject: str, names: Sequence[str], start: float, end: float, cold: bool) -> float:
    """Milliseconds that one chart takes."""
    if cold:
        _forget_pages()
    began = time.perf_counter()
    charts.chart(subject, names, start, end, end, 600)
    return 1000 * (time.perf_counter() - began)


def _forget_pages() -> None:
    """Let the system forget what it has read of the database; PostgreSQL's own 32 MB hold little of it."""
    folders = (Path(store.cwd()) for store in psutil.Process(os.getppid()).children())
    whole = [folder / "base" for folder in folders if (folder / "PG_VERSION").exists()]
    for path in (path for base in whole for path in base.rglob("*") if path.is_file()):
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def history(devices: int, days: int) -> dict[str, float]:
    """Make the history of so many days and time charts; the figures."""
    end = int(time.time()) // 3600 * 3600
    began = time.monotonic()
    pool = [_chunk(np.random.default_rng(seed)) for seed in range(POOL)]
    _fill(MINUTE, devices, end - days * DAY, end, pool)
    _fill(TEN_MINUTES, devices, end - days * DAY, end, pool)
    _fill(TEN_SECONDS, devices, end - min(days, 1) * DAY, end, pool)
    _recent(devices, end)
    with connection.cursor() as cursor:
        cursor.execute("analyze")
    figures: dict[str, float] = {"making it, s": time.monotonic() - began}
    figures |= {f"{tier.table}, GB": _size(tier) for tier in (TEN_SECONDS, MINUTE, TEN_MINUTES)}
    os.sync()
    figures |= dict(_times(devices, end, cold=True))
    return figures | dict(_times(devices, end, cold=False))


def _size(tier: Tier) -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(sum(pg_total_relation_size(inhrelid)), 0)::float8 from pg_inherits "
            "where inhparent = %s::regclass",
            [tier.table],
        )
        return float(cursor.fetchone()[0]) / 1e9
