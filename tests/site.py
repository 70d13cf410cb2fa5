"""Fixtures: the console's static files, people signed in, programs with keys, and many models at once."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from controlplane.base.models import Job, User
from registry.access import callers, credentials
from registry.models import Model, Release, ReleaseAlias
from routing.alerts import rules
from routing.alerts.models import Alert, AlertMessage, AlertReceiver, Silence
from routing.models import CallRecord
from routing.pushed import keys
from versions.models import Manifest, Outage, Scan, Source, Update
from versions.review import decisions
from versions.scan import ManifestLine, digest_of, packed

PAGES = (
    "/",
    "/models",
    "/models/new",
    "/models/import",
    "/playground",
    "/calls",
    "/jobs",
    "/gpus",
    "/gpus?view=table",
    "/gpus/import",
    "/gpus/agents",
    "/alerts",
    "/alerts?view=resolved",
    "/alerts/rules",
    "/alerts/rules/edit",
    "/alerts/receivers",
    "/gpus/nodes/new",
    "/gpus/new",
    "/gpus/telemetry",
    "/gpus/models",
    "/gpus/models?by=device",
    "/energy",
    "/energy?by=day&span=30d",
    "/energy/prices",
    "/routing/lab",
    "/routing/lab/compare",
    "/reviews",
    "/rollouts",
    "/reviews?state=all",
    "/outages",
    "/keys",
    "/credentials",
    "/audit",
    "/sources",
    "/calendar",
    "/repositories",
    "/settings",
    "/api/docs",
)
"""Every page that needs no object."""
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(scope="session")
def static_files() -> None:
    """Collects the static files into the test's own folder, as a start of the product does."""
    call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture
def visitor(static_files: None, person: Callable[..., User]) -> Callable[..., Client]:
    """Makes a signed-in browser: `visitor("engineer")`; `visitor()` is signed out. `language` is the cookie."""

    def make(role: str = "", language: str = "en") -> Client:
        client = Client()
        client.cookies["django_language"] = language
        if role:
            client.force_login(person(role), backend=BACKEND)
        return client

    return make


@pytest.fixture
def key_client(person: Callable[..., User]) -> Callable[..., Client]:
    """Makes a client with a key: `key_client("manage")`; the key's account is an admin unless given."""

    def make(*scopes: str, owner: User | None = None) -> Client:
        _, secret = callers.create(owner or person("admin"), "program", scopes)
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return make


@pytest.fixture
def many_models(db: None) -> Callable[[int], list[Model]]:
    """Writes models straight into the tables: `many_models(5000)`."""
    return write_models


def write_models(count: int) -> list[Model]:
    """`count` models of changing type, protocol, state, owner and tags, each with one release."""
    kinds = [("chat", "llm", "openai"), ("embed", "embedding", "ollama"), ("score", "tensor", "kserve_v2")]
    states = ["ready", "ready", "ready", "unreachable", "disabled"]
    models = []
    for number in range(count):
        word, kind, protocol = kinds[number % 3]
        models.append(
            Model(
                name=f"{word}-{number:05d}",
                type=kind,
                protocol=protocol,
                endpoint=f"http://10.0.{number % 200}.7:8000",
                state=states[number % 5],
                state_reason="connection refused" if number % 5 == 3 else "",
                tags=[f"tag-{number % 7}"],
                owner=f"team-{number % 4}",
            )
        )
    saved = Model.objects.bulk_create(models, batch_size=1000)
    releases = Release.objects.bulk_create(
        [Release(model=model, number=1, spec=spec_of(model), digest=f"{model.pk:064x}") for model in saved],
        batch_size=1000,
    )
    for model, release in zip(saved, releases, strict=True):
        model.release = release
    Model.objects.bulk_update(saved, ["release"], batch_size=1000)
    return saved


def bare(markup: str) -> str:
    """A page without the white space beside its tags, which says nothing."""
    return re.sub(r"\s*(<[^>]*>)\s*", r"\1", markup)


def furnish(owner: User) -> None:
    """One of everything that pages show."""
    models = write_models(12)
    callers.create(owner, "support bot", ["call"], callers.KeyLimits(models=["chat-*"], calls_per_minute=60))
    keys.create(owner, "gpu-node-07")
    credentials.create(owner, "gateway", "https://gpu.example:8443", "hf_0123456789abcdef")
    now = timezone.now()
    for number, model in enumerate(models):
        status = 502 if number == 3 else 200
        CallRecord.objects.create(
            id=f"00000000-0000-4000-8000-{number:012d}",
            at=now,
            model=model.name,
            task="chat",
            status=status,
            failure="upstream_error" if status == 502 else "",
            duration_ms=120.5,
            revision=1,
            adapted=[{"parameter": "temperature", "action": "clamp"}],
        )
    furnish_updates(models[0], owner)
    furnish_alerts()
    furnish_sources(models[1])
    failed = {"state": "failed", "finished_at": now, "error": {"message": "worker died"}}
    Job.objects.create(kind="import", title="Import a.yaml", due_at=now, **failed)
    Job.objects.create(kind="probe", state="running", due_at=now, progress={"done": 3, "failed": 1, "total": 9})


def furnish_alerts() -> None:
    """Rules, an alert in each state, a silence, and a receiver that was switched off."""
    rules.ensure_shipped()
    now = timezone.now()
    for number, state in enumerate(("pending", "firing", "firing", "resolved")):
        at = now - timedelta(minutes=5 * number + 1)
        Alert.objects.create(
            rule="DeviceHot", kind="device", subject=f"GPU-{number}", state=state, severity="critical", value=91.0,
            labels={"node": "rack-7-node-1", "emulated": "true"}, expr="temperature_celsius > 85", unit="celsius",
            annotations={"summary": "GPU-1 is hot", "summary_zh": "GPU-1 过热"}, threshold="> 85", since=at,
            fired_at=at if state != "pending" else None, resolved_at=now if state == "resolved" else None,
            end="subject" if state == "resolved" else "", acknowledged_by="ada" if number == 2 else "",
        )  # fmt: skip
    matchers = [{"name": "subject", "op": "=", "value": "GPU-1"}]
    ends = now + timedelta(hours=2)
    Silence.objects.create(matchers=matchers, starts_at=now, ends_at=ends, reason="fans", created_by="ada")
    receiver = AlertReceiver.objects.create(
        name="pager", form="standard", origin="https://hooks.example:443", address=b"", secret=b"", enabled=False,
        state_reason="it answered 410: it is gone and wants no more messages", group_by=["node"], matchers=matchers,
    )  # fmt: skip
    for number, state in enumerate(("failed", "sent", "queued")):
        AlertMessage.objects.create(
            receiver=receiver, event="firing", group="DeviceHot, node=rack-7-node-1", body="{}", alerts=8 * number,
            state=state, due_at=now, error="the receiver answered 410: gone" if state == "failed" else "",
        )  # fmt: skip


def furnish_sources(model: Model) -> None:
    """A watched source with two scans, a finding, and an end in sight."""
    now = timezone.now()
    Model.objects.filter(pk=model.pk).update(
        deprecated_at=now, sunset_at=now + timedelta(days=40), upstream_sunset_at=now + timedelta(days=20)
    )
    source = Source.objects.create(
        name="weights", kind="huggingface", location="org/model", model=model, due_at=now + timedelta(days=9),
        revision="ab" * 20, state_reason="the hub answered 502: bad gateway",
    )  # fmt: skip
    finding = {"key": "file.tampered", "severity": "breaking", "path": "a", "message": "a changed", "fingerprint": "1"}
    for number in range(2):
        lines = [ManifestLine("config.json", 8 + number, f"{number}" * 64), ManifestLine("w.bin", 5, "f" * 64)]
        manifest = Manifest.objects.create(
            digest=digest_of(lines), files=packed(lines), file_count=2, total_bytes=13 + number
        )
        Scan.objects.create(
            source=source, revision="ab" * 20, trigger="poll", manifest=manifest, findings=[finding], finished_at=now
        )


def furnish_updates(model: Model, owner: User) -> None:
    """An update in review with a narrower limit, and an outage."""
    finding = {
        "severity": "breaking", "path": "temperature", "key": "maximum-lowered", "fingerprint": "f1",
        "old_pointer": "/params/temperature", "new_pointer": "/params/temperature",
        "message": {"en": "temperature may be at most 1", "zh": "temperature 最多为 1"},
        "witness": {"value": 2, "accepted_by": "old", "refused_by": "new", "whole": False},
        "adaptation": {"do": "clamp", "path": ["temperature"], "low": 0, "high": 1},
    }  # fmt: skip
    spec = spec_of(model)
    spec["params"] = {"temperature": {"type": "float", "default": 0.7, "range": [0, 1]}}
    release = Release.objects.create(model=model, number=2, spec=spec, digest="c" * 64)
    assert model.release is not None
    ReleaseAlias.objects.create(name="old-chat", release=model.release)
    hurt = {
        "key_id": 1,
        "name": "support bot",
        "prefix": "pb-0123456",
        "owner": "ada",
        "calls_7": 1204,
        "calls_30": 4000,
        "findings": ["f1"],
    }
    impact = {"callers": 14, "hurt": [hurt], "aliases": [{"name": "old-chat", "release": 1}]}
    update = Update.objects.create(
        model=model, base=model.release, release=release, origin="scan", state="review", verdict="breaking",
        report={"verdict": "breaking", "findings": [finding]}, proposed=spec, plan=[finding["adaptation"]],
        plan_digest="d" * 64, fingerprint="e" * 16, callers_hurt=3, calls_hurt=1204, impact=impact,
        deadline=timezone.now() + timedelta(hours=50),
    )  # fmt: skip
    decisions.ask_owner(owner, update.pk, "do your jobs need more than 1?")
    moment = timezone.now() - timedelta(hours=3)
    Outage.objects.create(
        model=model.name, cause="edit", changed_at=moment, began_at=moment, calls=400, errors=60, objective=0.01
    )


def spec_of(model: Model) -> dict[str, object]:
    """A spec document that fits the row."""
    return {
        "name": model.name,
        "type": model.type,
        "protocol": model.protocol,
        "endpoint": model.endpoint,
        "tags": model.tags,
        "owner": model.owner,
        "params": {"temperature": {"type": "float", "default": 0.7, "range": [0, 2], "outside": "clamp"}},
    }
