"""The impact of an update: which keys, owners and aliases would notice which finding, over 7 and 30 days of calls."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from registry.models import ApiKey, ReleaseAlias
from routing.calls.uses import EVERY_CALL
from routing.models import ParameterUse
from versions.impact.noticing import GivenValues, noticed
from versions.models import Update

WINDOWS = (7, 30)
MOST_CALLERS = 500
Uses = dict[int | None, dict[str, GivenValues]]
"""What each key gave, by parameter."""


@dataclass
class Hurt:
    """One caller that would notice something. Numbers are by window, in days."""

    key_id: int | None
    calls: dict[int, int] = field(default_factory=dict)
    hurt: dict[int, int] = field(default_factory=dict)
    findings: set[str] = field(default_factory=set)
    at_most: bool = False


def impact_of(update: Update) -> dict[str, Any]:
    """Who would notice, as JSON: totals, each caller, owner and finding, and the names under which it is called."""
    serious = [item for item in update.report.get("findings", ()) if item.get("severity") != "compatible"]
    hurt: dict[int | None, Hurt] = {}
    findings: dict[str, dict[str, Any]] = {str(item["fingerprint"]): {} for item in serious}
    totals: dict[str, Any] = {}
    for days in WINDOWS:
        uses = uses_within(update.model.name, timezone.now().date() - timedelta(days=days - 1))
        totals[f"callers_{days}"] = len(uses)
        totals[f"calls_{days}"] = sum(_calls(given) for given in uses.values())
        for finding in serious:
            counted = _count(update, finding, uses, hurt, days)
            findings[str(finding["fingerprint"])].update(counted)
    rows = _rows(hurt)
    return {
        "at": timezone.now().isoformat(timespec="seconds"),
        "callers": totals[f"callers_{WINDOWS[0]}"],
        **totals,
        "hurt": rows[:MOST_CALLERS],
        "left_off": max(len(rows) - MOST_CALLERS, 0),
        "owners": _owners(rows),
        "findings": findings,
        "aliases": _aliases(update),
    }


def uses_within(model: str, first: date) -> Uses:
    """What each key gave of each parameter of a model since a day."""
    found: Uses = defaultdict(dict)
    for row in ParameterUse.objects.filter(model=model, day__gte=first).order_by("day").iterator():
        before = found[row.api_key_id].get(row.parameter, GivenValues())
        found[row.api_key_id][row.parameter] = GivenValues(
            calls=before.calls + row.calls,
            low=_least(before.low, row.low),
            high=_most(before.high, row.high),
            values=[*before.values, *((value, count) for value, count in row.values)],
            more=before.more or row.more,
        )
    return dict(found)


def _count(
    update: Update, finding: Mapping[str, Any], uses: Uses, hurt: dict[int | None, Hurt], days: int
) -> dict[str, Any]:
    """Count one finding over one window, and note each caller that would notice it."""
    name, body = _parameter(update, finding)
    callers = calls = total = 0
    for key_id, given in uses.items():
        every = _calls(given)
        total += every
        told = noticed(finding, given.get(name, GivenValues()) if name is not None else None, every, body)
        if not told.calls:
            continue
        callers += 1
        calls += told.calls
        row = hurt.setdefault(key_id, Hurt(key_id))
        row.calls[days] = every
        row.hurt[days] = max(row.hurt.get(days, 0), told.calls)
        row.findings.add(str(finding["fingerprint"]))
        row.at_most |= told.at_most
    return {
        f"callers_{days}": callers,
        f"calls_{days}": calls,
        f"share_{days}": round(calls / total, 4) if total else 0.0,
    }


def _parameter(update: Update, finding: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Any] | None]:
    """The parameter that a finding is about, by its old name, and as it would be; None if it is about none."""
    name = str(finding.get("path") or "").split(".")[0].split("[")[0]
    old = (update.base.spec if update.base else {}).get("params", {})
    new = (update.release.spec if update.release else {}).get("params", {})
    if finding.get("source") != "spec" or name not in {*old, *new}:
        return None, None
    body = new.get(name)
    return name, body if body is not None and body.get("sent") is not False else None


def _rows(hurt: Mapping[int | None, Hurt]) -> list[dict[str, Any]]:
    """Callers with names and owners, those with most calls first."""
    keys = {
        row.pk: row for row in ApiKey.objects.filter(pk__in=[key for key in hurt if key]).select_related("created_by")
    }
    found = []
    for row in hurt.values():
        key = keys.get(row.key_id or 0)
        counts = {f"calls_{days}": row.hurt.get(days, 0) for days in WINDOWS}
        shares = {f"share_{days}": round(row.hurt.get(days, 0) / row.calls[days], 4) for days in row.calls}
        found.append(
            {
                "key_id": row.key_id, "name": key.name if key else "", "prefix": key.prefix if key else "",
                "owner": key.created_by.username if key else "", **counts, **shares,
                "findings": sorted(row.findings), "at_most": row.at_most,
            }
        )  # fmt: skip
    return sorted(found, key=lambda item: (-item["calls_7"], -item["calls_30"], item["name"]))


def _owners(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    owners: dict[str, dict[str, int]] = {}
    for row in rows:
        owner = owners.setdefault(row["owner"], {"callers": 0, "calls_7": 0, "calls_30": 0})
        owner["callers"] += 1
        for days in WINDOWS:
            owner[f"calls_{days}"] += row[f"calls_{days}"]
    return owners


def _aliases(update: Update) -> list[dict[str, Any]]:
    """Other names under which the model is called: those of its spec, and those that keep one release."""
    named = [{"name": name, "release": None} for name in (update.base.spec if update.base else {}).get("aliases", ())]
    pinned = (
        ReleaseAlias.objects.filter(release__model=update.model).order_by("name").values_list("name", "release__number")
    )
    return [*named, *({"name": name, "release": number} for name, number in pinned)]


def _calls(given: Mapping[str, GivenValues]) -> int:
    return given.get(EVERY_CALL, GivenValues()).calls


def _least(one: float | None, other: float | None) -> float | None:
    return min((value for value in (one, other) if value is not None), default=None)


def _most(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)
