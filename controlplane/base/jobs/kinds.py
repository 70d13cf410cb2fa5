"""Kinds of jobs: every app declares its own, and the worker and the pages of jobs read them all."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

from controlplane.base.jobs.engine import Lease
from controlplane.base.models import Job


def nothing_more(job: Job) -> Mapping[str, Any]:
    """The context of a kind whose part of the page needs none."""
    return {}


@dataclass(frozen=True)
class JobKind:
    """A kind of job. One worker runs `at_once` of them side by side, `per_asker` of them for one key or person.

    `actions` and `part` are templates that a job's page shows among its buttons and below its progress; `context` gives
    what they need.
    """

    name: str
    words: str | Promise
    run: Callable[[Lease], dict[str, Any]]
    at_once: int
    per_asker: int
    actions: str = ""
    part: str = ""
    context: Callable[[Job], Mapping[str, Any]] = nothing_more


_kinds: dict[str, JobKind] = {}


def add(kinds: Iterable[JobKind]) -> None:
    """Keep kinds that an app declares."""
    _kinds.update({kind.name: kind for kind in kinds})


def every() -> tuple[JobKind, ...]:
    """Every declared kind, in the order of declaration."""
    return tuple(_kinds.values())


def find(name: str) -> JobKind | None:
    """The kind of this name; None if no app declares it."""
    return _kinds.get(name)
