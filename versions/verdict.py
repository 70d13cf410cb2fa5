"""The verdict on an update: against every release that still has callers, and with what its scan found."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from controlplane.base.messages import Sentence
from registry.models import Model, Release, ReleaseAlias
from registry.specfile import file as spec_file
from registry.specfile.errors import SpecInvalid
from routing.models import CallRecord
from versions import proposing
from versions.descriptions import Description, narrowed
from versions.diff.classify import classify
from versions.diff.findings import WORST_FIRST, DiffFinding, Direction, Report, Severity, fingerprint
from versions.diff.rules import fact
from versions.files import file_findings, scan_findings
from versions.hotfix import HotFix, adapt, callers_side, carried
from versions.models import Update
from versions.respec import named_fields, respec, settled_by_spec
from versions.update_policy import UpdatePolicy

CALLED_WITHIN = timedelta(days=30)
MOST_BASES = 20
MOST_FINDINGS = 500
MOST_SCANS = 200
LONGEST_VALUE = 2000
Finding = dict[str, Any]


@dataclass(frozen=True)
class CalledRelease:
    """A release that still has callers, and why: it is live, an alias calls it, or calls of the last 30 days did."""

    release: Release
    why: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What is judged of an update. `document` is the spec that would go live, the adaptation written into it.

    `alone`: it may pass without a person if its tests are green.
    """

    severity: Severity
    report: dict[str, Any]
    plan: list[dict[str, Any]]
    document: Mapping[str, Any]
    alone: bool

    @property
    def plan_digest(self) -> str:
        """SHA-256 of the plan and of the spec that it makes."""
        return _sha256([self.plan, self.document])

    @property
    def fingerprint(self) -> str:
        """Equal for equal changes of many models."""
        return _sha256(sorted(item["fingerprint"] for item in self.report["findings"]))


def judge(update: Update, policy: UpdatePolicy, edited: Mapping[str, Any] | None = None) -> Verdict:
    """Judge an update; `edited` is a person's adaptation in place of ours. Raises SpecInvalid for what is no spec."""
    assert update.base is not None
    live = update.base
    described = _described(update)
    base, proposed = described.base, dict(update.proposed)
    if update.origin != "person":
        proposed = dict(carried(base, proposed))
    first = _classified(base, proposed, policy)
    plan = [step.data() for step in first.plan]
    fix = HotFix(edited) if edited is not None else _adapted(base, proposed, plan)
    bases = called_releases(update.model, live)
    gathered = _Gathered(policy)
    gathered.compare(base, proposed, fix.document, live.number)
    for other in bases:
        if other.release.pk != live.pk:
            gathered.compare(other.release.spec, proposed, fix.document, other.release.number, known_by=base)
    seen = _seen_since(update)
    told = [item["path"] for item in seen if str(item.get("key")).startswith(("tokenizer.", "chat_template."))]
    beside = [*described.findings, *file_findings(described.old, described.new, told), *seen]
    findings = _ordered([*gathered.findings.values(), *beside])
    severity = _worst(findings)
    report = {
        "verdict": severity.value,
        "raw_verdict": _worst([{"severity": item.get("was", item["severity"])} for item in findings]).value,
        "findings": findings[:MOST_FINDINGS],
        "left_off": max(len(findings) - MOST_FINDINGS, 0),
        "plan": plan,
        "left": [{**step, "why": why} for step, why in fix.left],
        "against": [{"release": item.release.number, "why": list(item.why)} for item in bases],
    }
    taken = {step["do"] for step in plan} <= set(policy.adapt)
    alone = policy.hot_fix and severity is Severity.COMPATIBLE and taken and not fix.left and edited is None
    return Verdict(severity, report, plan, fix.document, alone)


def called_releases(model: Model, live: Release) -> list[CalledRelease]:
    """The live release first, then older ones that an alias or a call of the last 30 days still asked for."""
    pinned = set(ReleaseAlias.objects.filter(release__model=model).values_list("release_id", flat=True))
    recent = CallRecord.objects.filter(model=model.name, at__gte=timezone.now() - CALLED_WITHIN)
    found = [CalledRelease(live, ("live",))]
    newer_made = live.created_at
    for row in model.releases.filter(number__lt=live.number).order_by("-number")[: 5 * MOST_BASES]:
        why = ["alias"] if row.pk in pinned else []
        if newer_made >= timezone.now() - CALLED_WITHIN and recent.filter(release_id=row.pk).exists():
            why.append("calls")
        newer_made = row.created_at
        if why and len(found) < MOST_BASES:
            found.append(CalledRelease(row, tuple(why)))
    return found


class _Gathered:
    """Findings of several comparisons by fingerprint, each with the releases that it holds for."""

    def __init__(self, policy: UpdatePolicy) -> None:
        self.policy = policy
        self.findings: dict[str, Finding] = {}

    def compare(
        self,
        base: Mapping[str, Any],
        proposed: Mapping[str, Any],
        adapted: Mapping[str, Any],
        number: int,
        known_by: Mapping[str, Any] | None = None,
    ) -> None:
        """Add what the proposal changes for one release, and whether its adaptation settles it.

        What the live release `known_by` had changed before is no news.
        """
        known: set[str] = set()
        if known_by is not None:
            known = {item.fingerprint for item in _classified(base, known_by, self.policy).findings}
        raw = _classified(base, proposed, self.policy).findings
        after = _classified(base, adapted, self.policy).findings
        open_ = {(item.key, item.path) for item in after if item.severity is not Severity.COMPATIBLE}
        for item in raw:
            if item.fingerprint not in known:
                serious = item.severity is not Severity.COMPATIBLE
                self._add(item, number, settled=serious and (item.key, item.path) not in open_)
        shown = {item.fingerprint for item in raw}
        for item in after:
            if item.severity is not Severity.COMPATIBLE and item.fingerprint not in shown | known:
                self._add(item, number, settled=False)

    def _add(self, item: DiffFinding, number: int, *, settled: bool) -> None:
        kept = self.findings.get(item.fingerprint)
        if kept is None:
            kept = self.findings[item.fingerprint] = {**told(item), "source": "spec", "releases": []}
        kept["releases"].append(number)
        if settled and kept["releases"] == [number]:
            kept.update(was=item.severity.value, severity=Severity.COMPATIBLE.value, settled=True)
        elif not settled and kept.pop("settled", False):
            kept["severity"] = kept.pop("was")


def told(item: DiffFinding) -> Finding:
    """A finding as a report keeps it, with the values that impact needs."""
    return {
        **{name: _plain(value) for name, value in item.data().items()},
        "keyword": item.keyword,
        "effect": item.effect.value,
        "old": _plain(item.old),
        "new": _plain(item.new),
    }


def _classified(old: Mapping[str, Any], new: Mapping[str, Any], policy: UpdatePolicy) -> Report:
    return classify(returned(old, new), callers_side(new), "spec", policy=policy.diff)


def returned(old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    """The callers' side of an old spec, with what it takes and drops if the new one would send that again.

    Callers gave such a parameter all the while, so a return with narrower values is a narrower range, not an offer.
    """
    side = callers_side(old)
    offered = callers_side(new)["params"]
    dropped = {name: body for name, body in old.get("params", {}).items() if body.get("sent") is False}
    back = {name: {**body} for name, body in dropped.items() if name in offered}
    for body in back.values():
        del body["sent"]
    return {**side, "params": {**side["params"], **back}}


def _adapted(base: Mapping[str, Any], proposed: Mapping[str, Any], plan: Sequence[Mapping[str, Any]]) -> HotFix:
    """The proposal with the plan in it; without it if that makes no spec."""
    fix = adapt(base, proposed, plan)
    try:
        return HotFix(spec_file.document(spec_file.read(fix.document)), fix.left)
    except SpecInvalid as error:
        words = Sentence("the adapted spec cannot be read: {error}", error=error.errors[0].placed)
        return HotFix(proposed, tuple((step, words) for step in plan))


@dataclass(frozen=True)
class _Described:
    """What the descriptions among a scan's files say: the base as it was in effect, and findings beside the spec's."""

    base: dict[str, Any]
    findings: list[Finding]
    old: Any = None
    new: Any = None


def _described(update: Update) -> _Described:
    assert update.base is not None
    base = dict(update.base.spec)
    if update.scan is None or update.scan.manifest is None or update.source is None:
        return _Described(base, [])
    old, new = proposing.accepted(update.source), update.scan.manifest
    if old is None:
        return _Described(base, [], old, new)
    findings: list[Finding] = []
    for before, after in proposing.changed_descriptions(old, new):
        findings += _beside(update, before, after)
        if before is not None and after.kind != "spec":
            base = respec(base, before, after, proposing.renames(before, after, base)).base
    return _Described(base, findings, old, new)


def _seen_since(update: Update) -> list[Finding]:
    """What the scans since the one that is served found; a scan in between may be the one that saw a change."""
    if update.scan is None or update.source is None:
        return []
    served, by = proposing.accepted_scan(update.source)
    scans = update.source.scans.filter(pk__lte=update.scan.pk, pk__gt=served.pk if served else 0).order_by("-pk")
    report = by.report if by is not None else {}
    decided = {item["fingerprint"] for item in report.get("findings", ()) if item.get("source") == "scan"}
    return scan_findings(scans[:MOST_SCANS], decided)


def _beside(update: Update, old: Description | None, new: Description) -> Iterable[Finding]:
    """Findings between two descriptions that the specs' own comparison cannot make."""
    if new.kind == "spec" or (old is None and not new.trouble):
        return []
    if new.trouble or old is None:
        unread = fact("unreadable", Direction.REQUEST, "", new.path, (None, new.trouble))
        return [{**told(unread), "source": new.path}]
    base = update.base.spec if update.base else {}
    known = named_fields({*base.get("params", {}), *update.proposed.get("params", {})}, base)
    old, new = narrowed(old, new, base)
    report = classify(old.data, new.data, new.kind if new.kind == old.kind else "", "request")
    found = []
    for item in report.findings:
        if not settled_by_spec(item, known):
            found.append({**told(item), "source": new.path})
    return found


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    unique = {(item.get("source"), item.get("fingerprint")): item for item in map(_marked, findings)}
    return sorted(unique.values(), key=lambda item: WORST_FIRST.index(Severity(item["severity"])))


def _marked(item: Finding) -> Finding:
    return item if item.get("fingerprint") else {**item, "fingerprint": fingerprint(item.get("key"), item.get("path"))}


def _worst(findings: Iterable[Mapping[str, Any]]) -> Severity:
    present = {item["severity"] for item in findings}
    return next((severity for severity in WORST_FIRST if severity.value in present), Severity.COMPATIBLE)


def _plain(value: Any) -> Any:
    """A value as short JSON; None for what is long, deep, or runs in a circle."""
    text = ""
    try:
        for part in json.JSONEncoder(default=_number, ensure_ascii=False).iterencode(value):
            text += part
            if len(text) > LONGEST_VALUE:
                return None
    except (ValueError, RecursionError):
        return None
    return json.loads(text.replace("\\u0000", "\ufffd"))


def _number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
