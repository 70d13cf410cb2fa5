"""Races of two policies on the simulated fleet, as jobs: asked for here, run by a child process, kept with the job.

The simulator compiles itself and needs hundreds of megabytes, so neither the web process nor the worker imports it:
the job's handler runs `manage.py lab race` and reads one JSON document a line.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.engine import JobFailed, Lease
from controlplane.base.messages import Sentence, cut
from controlplane.base.models import Job, JobState
from controlplane.base.priority import step_back
from controlplane.base.redaction import redact
from controlplane.base.refusals import Conflict, Invalid, Missing
from routing.lab.series import Series

KIND = "lab"
SCENARIOS = ("A", "B", "C", "D", "G", "together")
POLICIES = (
    "ppo", "spaced_tuned", "hrrn_tuned", "spaced", "hrrn", "sjf", "fcfs", "sect", "affinity", "energy", "rules",
    "least_outstanding", "power_of_two", "round_robin", "random", "static", "static_popularity",
)  # fmt: skip
"""What the simulator knows; tests/routing/lab/learn/test_race.py holds both against it."""
DEFAULT = {"scenario": "A", "policies": ("hrrn_tuned", "ppo"), "seed": 1}
SIDE_BY_SIDE = 2
MOST_SEED = 2**31 - 1
MOST_COMPARED = 4
MOST_AT_ONCE = 4
"""Races that wait or run; fewer than a worker's slots, so that imports and calls never stand behind them."""
COMMAND: tuple[str, ...] = (sys.executable, "manage.py", "lab", "race")
PHASES = ("starting", "compiling", "racing", "done")
SILENT_S, LOOK_S, TELL_S, LIMIT_S = 4.0, 0.25, 0.5, 900.0
"""A child that is silent for longer is compiling; how often to look, and to tell pages; when a race is given up."""
NICE = 10
MOST_WORDS = 2000


def start(
    actor: access.Actor | None,
    scenario: str,
    policies: Sequence[str],
    seed: int,
    idempotency: jobs.Idempotency | None = None,
    request_id: str = "",
) -> Job:
    """Let two policies race in a job. Raises Forbidden, Invalid, and Conflict if too many races wait already."""
    access.require(actor, "lab.run")
    order = {"scenario": scenario, "policies": list(policies), "seed": seed}
    check(scenario, policies, seed)
    title = Sentence(
        "Race {policy} against {other} in scenario {scenario}, seed {seed}",
        policy=policies[0],
        other=policies[1],
        scenario=scenario,
        seed=seed,
    )
    with transaction.atomic():
        job = jobs.enqueue(KIND, order, actor=actor, title=title, idempotency=idempotency)
        waiting = Job.objects.filter(kind=KIND, state__in=[JobState.QUEUED, JobState.RUNNING]).exclude(pk=job.pk)
        if waiting.count() >= MOST_AT_ONCE:
            words = Sentence("{most} races wait or run already; wait for one to end, or cancel one", most=MOST_AT_ONCE)
            raise Conflict("lab_busy", words, {"most": MOST_AT_ONCE})
        audit.record(actor, "lab.run", "job", job.pk, {"name": title, **order}, request_id)
    return job


def check(scenario: str, policies: Sequence[str], seed: int) -> None:
    """Raises Invalid, in words that say what to change."""
    if scenario not in SCENARIOS:
        raise Invalid(
            "scenario",
            Sentence(
                "there is no scenario {scenario}; expected one of {scenarios}",
                scenario=repr(scenario[:40]),
                scenarios=", ".join(SCENARIOS),
            ),
        )
    unknown = next((name for name in policies if name not in POLICIES), None)
    if unknown is not None:
        raise Invalid(
            "policy",
            Sentence(
                "there is no policy {unknown}; expected one of {policies}",
                unknown=repr(unknown[:40]),
                policies=", ".join(POLICIES),
            ),
        )
    if len(policies) != SIDE_BY_SIDE or len(set(policies)) != SIDE_BY_SIDE:
        raise Invalid(
            "policies",
            Sentence(
                "a race needs {count} different policies; got {policies}",
                count=SIDE_BY_SIDE,
                policies=", ".join(policies)[:200] or "none",
            ),
        )
    if not 0 <= seed <= MOST_SEED:
        raise Invalid(
            "seed", Sentence("seed is {seed}; expected a whole number from 0 to {most}", seed=seed, most=MOST_SEED)
        )


def seed_of(text: str) -> int:
    """The seed that somebody typed. Raises Invalid."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_SEED))):
        raise Invalid(
            "seed",
            Sentence("seed is {text}; expected a whole number from 0 to {most}", text=repr(text[:40]), most=MOST_SEED),
        )
    return int(text)


def visible(actor: access.Actor | None) -> QuerySet[Job]:
    """Everybody's races, newest first, each with `figures` and without its series. Raises Forbidden."""
    access.require(actor, "lab.read")
    rows = Job.objects.filter(kind=KIND).order_by("-created_at").select_related("created_by")
    return rows.defer("result").annotate(figures=F("result__figures"))


def listing(actor: access.Actor | None, scenario: str = "", policy: str = "") -> QuerySet[Job]:
    """Visible races, of one scenario or with one policy if those are named."""
    rows = visible(actor)
    if scenario:
        rows = rows.filter(input__scenario=scenario[:40].replace("\x00", ""))
    if policy:
        rows = rows.filter(input__policies__contains=[policy[:40].replace("\x00", "")])
    return rows


def get(actor: access.Actor | None, job_id: uuid.UUID) -> Job:
    """One race, whoever asked for it. Raises Forbidden, Missing."""
    access.require(actor, "lab.read")
    job = Job.objects.filter(kind=KIND, pk=job_id).select_related("created_by").first()
    if job is None:
        raise Missing(
            "race",
            Sentence(
                "there is no race {job_id}; races are kept for {days} days",
                job_id=repr(str(job_id)),
                days=jobs.KEPT.days,
            ),
        )
    return job


def chosen(actor: access.Actor | None, ids: Sequence[str]) -> list[Job]:
    """The races to compare, in the order asked for. Raises Forbidden, Invalid, Missing."""
    if len(ids) > MOST_COMPARED:
        raise Invalid(
            "too_many_races",
            Sentence("{count} races are ticked; compare at most {most}", count=len(ids), most=MOST_COMPARED),
        )
    try:
        wanted = list(dict.fromkeys(map(uuid.UUID, ids)))
    except ValueError as error:
        raise Missing("race", Sentence("{ids} is no list of races", ids=repr(", ".join(ids)[:60]))) from error
    found = {job.pk: job for job in visible(actor).filter(pk__in=wanted)}
    if len(found) < len(wanted):
        raise Missing(
            "race",
            Sentence("one of these races is not there any more; races are kept for {days} days", days=jobs.KEPT.days),
        )
    return [found[one] for one in wanted]


def next_seed(job: Job) -> int:
    """The seed to go on with: the next one, or the same if it gave no figures."""
    seed: int = job.input["seed"]
    return (seed + 1) % (MOST_SEED + 1) if job.state == JobState.SUCCEEDED else seed


def figures_of(job: Job) -> dict[str, Any] | None:
    """Each policy's figures, of a race that is over."""
    found: dict[str, Any] | None = vars(job)["figures"] if "figures" in vars(job) else (job.result or {}).get("figures")
    return found


def series_of(job: Job) -> dict[str, Any]:
    """What there is to draw of a race, whole or so far."""
    found: dict[str, Any] = (job.result or {}).get("series") or job.progress.get("series") or {}
    return found


def run(lease: Lease) -> dict[str, Any]:
    """The job's handler. A second attempt starts anew: the same seed gives the same race. Raises JobFailed."""
    board = _Board(lease)
    with tempfile.TemporaryFile() as complaints, _child(lease.job.input, complaints) as child:
        finished = _follow(child, board)
        code = child.wait(LIMIT_S) if finished else None
        if finished and (code or not board.figures):
            raise _failure(code, complaints)
    return board.result()


@contextmanager
def _child(order: dict[str, Any], complaints: IO[bytes]) -> "Iterator[subprocess.Popen[bytes]]":
    """The race as a process group of its own, last in the line for the processor; killed on leaving."""
    asked = ["--scenario", order["scenario"], "--policy", ",".join(order["policies"]), "--seed", str(order["seed"])]
    child = subprocess.Popen(
        [*COMMAND, *asked],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        start_new_session=True,
    )
    try:
        step_back(NICE, os.PRIO_PGRP, child.pid)
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _follow(child: "subprocess.Popen[bytes]", board: "_Board") -> bool:
    """Read the child's lines to the end; False if somebody asked to stop. Raises JobFailed, LeaseLost."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(child.stdout, lines.put), name="race-lines", daemon=True).start()
    until = time.monotonic() + LIMIT_S
    while not board.lease.cancelled():
        if time.monotonic() > until:
            raise JobFailed(
                "race_too_long",
                Sentence("the race took over {minutes} minutes and was stopped", minutes=f"{LIMIT_S / 60:.0f}"),
            )
        try:
            line = lines.get(timeout=LOOK_S)
        except queue.Empty:
            board.nothing()
            continue
        if not line:
            return True
        board.take(line)
    return False


def _read(stream: IO[bytes], put: Callable[[bytes], None]) -> None:
    with stream:
        for line in stream:
            put(line)
    put(b"")


def _failure(code: int | None, complaints: IO[bytes]) -> JobFailed:
    """Why the child failed, in its own last words."""
    complaints.seek(0)
    said = redact(complaints.read().decode("utf-8", "replace")).strip()
    last = said.splitlines()[-1].removeprefix("CommandError: ").removeprefix("ValueError: ") if said else ""
    if code is not None and code < 0:
        last = Sentence(
            "its process was killed by signal {signal}; the machine may have run out of memory", signal=-code
        )
    words = cut(last, MOST_WORDS) or Sentence("it ended without a result and without a word")
    return JobFailed(
        "race_failed", Sentence("the race failed: {words}", words=words), {"exit": code, "said": said[-MOST_WORDS:]}
    )


class _Board:
    """What the child has said so far, told to the job's pages in time with their eyes."""

    def __init__(self, lease: Lease) -> None:
        self.lease, self.began = lease, time.monotonic()
        self.told = 0.0
        self.opening: dict[str, Any] = {}
        self.figures: dict[str, Any] = {}
        self.series = Series()
        lease.progress(phase="starting", done=0, failed=0, total=0, series={})
        lease.flush()

    def nothing(self) -> None:
        """The child is silent."""
        silent = time.monotonic() - self.began > SILENT_S
        if silent and not self.opening and self.lease.job.progress.get("phase") == "starting":
            self._phase("compiling")

    def take(self, line: bytes) -> None:
        """One line. Raises JobFailed for what is no such document."""
        hear = {"compiling": self._compiling, "start": self._start, "sample": self._sample, "end": self._end}
        try:
            said = json.loads(line)
            hear[said["kind"]](said)
        except (ValueError, KeyError, TypeError) as error:
            shown = redact(line[:200].decode("utf-8", "replace")).strip()
            raise JobFailed(
                "race_failed", Sentence("the race printed what is no result: {shown}", shown=shown)
            ) from error

    def result(self) -> dict[str, Any]:
        """What is kept: the counts, the series, the figures; of a race that was stopped, what there is."""
        self.lease.progress(phase="done", series={})
        return {**self.opening, "series": self.series.thinned(), "figures": self.figures}

    def _phase(self, name: str) -> None:
        self.lease.progress(phase=name)
        self.lease.flush()

    def _compiling(self, said: dict[str, Any]) -> None:
        self._phase("compiling")

    def _start(self, said: dict[str, Any]) -> None:
        self.opening = {name: said[name] for name in ("calls", "devices", "models")}
        self.lease.progress(total=said["calls"] * len(said["policies"]))
        self._phase("racing")

    def _sample(self, said: dict[str, Any]) -> None:
        self.series.add(said)
        if time.monotonic() - self.told >= TELL_S:
            self.told = time.monotonic()
            self.lease.progress(done=self.series.answered(), series=self.series.for_pages())

    def _end(self, said: dict[str, Any]) -> None:
        self.figures = said["policies"]
        self.lease.progress(done=self.opening["calls"] * len(self.figures))
