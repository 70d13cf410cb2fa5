"""Models, sources, scans and updates for tests of the way from a change to a verdict."""

import hashlib
import zlib
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from controlplane.base.jobs import engine
from controlplane.base.models import User
from registry.catalog import releases
from registry.models import Model
from registry.specfile import file as spec_file
from versions import judging, proposing
from versions.models import Manifest, Scan, Source, SourceKind, Update

PARAMS: dict[str, Any] = {
    "guidance": {"type": "float", "range": [1, 20], "default": 7},
    "quality": {"type": "string", "options": ["HD", "low"]},
    "steps": {"type": "int", "range": [1, 50]},
}


def document(name: str = "m", params: Any = None, **more: Any) -> dict[str, Any]:
    fixed = {"name": name, "type": "llm", "protocol": "openai", "endpoint": "http://127.0.0.1:9", "upstream_model": "u"}
    return {**fixed, "params": PARAMS if params is None else params, **more}


def with_params(**params: Any) -> dict[str, Any]:
    """PARAMS with some replaced; None removes one."""
    return {name: body for name, body in {**PARAMS, **params}.items() if body is not None}


def a_model(spec: dict[str, Any] | None = None) -> Model:
    spec = spec or document()
    with transaction.atomic():
        read = spec_file.read(spec)
        releases.store([releases.Entry(read, spec_file.digest(spec))], None)
    return Model.objects.select_related("release").get(name=spec["name"])


def an_engineer(name: str = "eve") -> User:
    return User.objects.create_user(name, password="x", role="engineer")


def a_source(model: Model, **more: Any) -> Source:
    return Source.objects.create(
        name=f"source of {model.name}",
        kind=SourceKind.DIRECTORY,
        location="/x",
        model=model,
        due_at=timezone.now(),
        **more,
    )


def a_scan(source: Source, contents: dict[str, str], findings: Any = (), **files: str) -> Scan:
    """A finished scan of these small files, and of `files` of which only the digest counts."""
    digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in {**files, **contents}.items()}
    text = "".join(f"{digest} 1 {path}\n" for path, digest in sorted(digests.items()))
    manifest, _ = Manifest.objects.get_or_create(
        digest=hashlib.sha256(text.encode()).hexdigest(),
        defaults={
            "files": zlib.compress(text.encode()), "file_count": len(digests), "total_bytes": 1, "contents": contents,
        },
    )  # fmt: skip
    return Scan.objects.create(
        source=source, revision=manifest.digest[:12], trigger="beat", manifest=manifest, findings=list(findings),
        finished_at=timezone.now(),
    )  # fmt: skip


def judged(update: Update | None) -> Update:
    """The update once its job has run."""
    assert update is not None
    for lease in engine.claim(10, Q(kind=proposing.KIND)):
        lease.finish(judging.run(lease))
    return Update.objects.select_related("model", "base", "release").get(pk=update.pk)


def keys(update: Update) -> list[str]:
    """The keys of the findings that a person would have to look at."""
    return [item["key"] for item in update.report["findings"] if item["severity"] != "compatible"]
