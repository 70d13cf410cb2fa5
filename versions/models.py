"""Tables of versions: where models come from, what was seen there, and each update on its way to callers."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from controlplane.base.message_fields import SentenceJSONField, SentenceTextField
from registry.models import Credential, Model, Release


class SourceKind(models.TextChoices):
    """What a source watches; each has one file in versions.sources."""

    HUGGINGFACE = "huggingface", "Hugging Face hub"
    OLLAMA = "ollama", "Ollama registry"
    OCI = "oci", "OCI registry"
    GIT = "git", "git repository"
    DIRECTORY = "directory", "directory"
    LISTING = "listing", "S3-style listing"
    SPECIFICATION = "specification", "specification at a URL"
    LIVE = "live", "the live model"


class SignaturePolicy(models.TextChoices):
    """What happens if a model's files are not signed by the expected identity."""

    IGNORE = "ignore", "ignore"
    WARN = "warn", "warn"
    REQUIRE = "require", "require"


class Source(models.Model):
    """A watched place that a model comes from. `location` is a repository, a folder or an address, by `kind`.

    `cursor` is what the last conditional request gave back (an ETag, a commit); `revision` names what was scanned last.
    """

    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=16, choices=SourceKind.choices)
    location = models.CharField(max_length=500)
    reference = models.CharField(max_length=200, blank=True, help_text="branch, tag or revision; empty: the default")
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="sources")
    credential = models.ForeignKey(Credential, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    enabled = models.BooleanField(default=True)
    poll_seconds = models.PositiveIntegerField(default=900)
    signature_policy = models.CharField(max_length=8, choices=SignaturePolicy.choices, default=SignaturePolicy.IGNORE)
    identity = models.CharField(max_length=300, blank=True, help_text="who must have signed, or the public key's name")
    webhook_secret = models.BinaryField(null=True, help_text="sealed; without one the webhook's address answers 404")
    probe_budget = models.PositiveIntegerField(default=60, help_text="calls that one scan of a live model may make")
    cursor = models.JSONField(default=dict)
    owner_id = models.CharField(max_length=100, blank=True, help_text="the repository owner's id where the hub has one")
    revision = models.CharField(max_length=200, blank=True)
    state_reason = SentenceTextField(blank=True, help_text="why the last scan failed; empty if it did not")
    failed_scans = models.PositiveIntegerField(default=0, help_text="failed scans in a row")
    due_at = models.DateTimeField(help_text="when it is asked again; later while its upstream limits us")
    full_at = models.DateTimeField(null=True, help_text="when every file was last hashed again")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="source_due", condition=models.Q(enabled=True))]


class Manifest(models.Model):
    """Every file of one revision: path, size and SHA-256, immutable. `digest` is SHA-256 over its sorted lines.

    `files` is zlib-compressed text, one line a file: SHA-256, size and path with spaces between. `contents` holds the
    small files whose change breaks callers (configuration, tokenizer, chat template, specification) by path.
    """

    digest = models.CharField(max_length=64, unique=True)
    files = models.BinaryField()
    file_count = models.PositiveIntegerField()
    total_bytes = models.BigIntegerField()
    contents = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)


class Scan(models.Model):
    """One reading of a source's revision. The same revision of a source is scanned once, unless asked for again.

    `progress` holds the files that are hashed already, so that a killed scan goes on where it was. `findings` are facts
    about files (see versions.evidence): unsafe weights, a signature that vanished, a changed template.
    """

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="scans")
    revision = models.CharField(max_length=200)
    trigger = models.CharField(max_length=16, help_text="beat, poll, webhook or person")
    job_id = models.UUIDField(null=True)
    manifest = models.ForeignKey(Manifest, null=True, on_delete=models.PROTECT, related_name="scans")
    progress = models.JSONField(default=dict)
    findings = SentenceJSONField(default=list)
    requests = models.PositiveIntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    reason = SentenceTextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["source", "-id"], name="scan_source")]


class UpdateState(models.TextChoices):
    """Where an update is on its way. Only versions.flow moves it."""

    SEEN = "seen", "seen"
    UNREADABLE = "unreadable", "unreadable"
    TESTING = "testing", "testing"
    REVIEW = "review", "in review"
    APPROVED = "approved", "approved"
    ROLLING = "rolling", "rolling out"
    PAUSED = "paused", "paused"
    LIVE = "live", "live"
    REJECTED = "rejected", "rejected"
    EXPIRED = "expired", "expired"
    SUPERSEDED = "superseded", "superseded"
    ROLLED_BACK = "rolled_back", "rolled back"


class Update(models.Model):
    """One proposed release of a model, from being seen to live or back.

    `base` is the release that served when it was seen. `release` is missing while the new spec cannot be read; then
    `reason` says why. `report` is a classifier's report as JSON with the findings of the scan; `plan` the adaptation's
    steps, `plan_digest` their SHA-256. `fingerprint` is equal for equal changes of many models. `impact` and `tests`
    are what versions.impact and versions.compat found, as JSON.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="updates")
    base = models.ForeignKey(Release, null=True, on_delete=models.CASCADE, related_name="+")
    release = models.OneToOneField(Release, null=True, on_delete=models.CASCADE, related_name="update")
    source = models.ForeignKey(Source, null=True, on_delete=models.SET_NULL, related_name="updates")
    scan = models.ForeignKey(Scan, null=True, on_delete=models.SET_NULL, related_name="updates")
    origin = models.CharField(max_length=16, help_text="scan, webhook, gitops or person")
    state = models.CharField(max_length=16, choices=UpdateState.choices, default=UpdateState.SEEN)
    reason = SentenceTextField(
        blank=True, help_text="why it is where it is: what broke, who decided, what cannot be read"
    )
    proposed = models.JSONField(default=dict, help_text="the new spec as it came, before any adaptation")
    verdict = models.CharField(max_length=12, blank=True, help_text="compatible, review or breaking")
    report: "models.JSONField[Any, Any]" = SentenceJSONField(default=dict)
    plan = models.JSONField(default=list)
    plan_digest = models.CharField(max_length=64, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    hot_fix = models.BooleanField(default=False, help_text="went through without a person")
    emergency = models.BooleanField(default=False, help_text="approved by one admin alone; to be looked at afterwards")
    impact = models.JSONField(default=dict)
    callers_hurt = models.PositiveIntegerField(default=0)
    calls_hurt = models.PositiveIntegerField(default=0, help_text="calls of the last 7 days that would notice")
    tests: "models.JSONField[Any, Any]" = SentenceJSONField(default=dict)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    plan_author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+",
        help_text="who edited the adaptation",
    )  # fmt: skip
    commit = models.JSONField(default=dict, help_text="of a push: the forge, repository, SHA, and author")
    deadline = models.DateTimeField(null=True, help_text="until when people must have decided")
    created_at = models.DateTimeField(auto_now_add=True)
    moved_at = models.DateTimeField(auto_now_add=True)
    live_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "deadline"], name="update_state"),
            models.Index(fields=["model", "-created_at"], name="update_model"),
            models.Index(fields=["fingerprint", "state"], name="update_fingerprint"),
            models.Index(fields=["-created_at"], name="update_created"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["model"], condition=models.Q(state__in=["rolling", "paused"]), name="update_one_rolls"
            )
        ]


class Approval(models.Model):
    """One person's decision on an update, bound to the three digests that this person saw.

    `finding` is a finding's fingerprint, empty for the whole update. It counts while `voided_at` is empty, the digests
    are the update's, and `expires_at` lies ahead.
    """

    update = models.ForeignKey(Update, on_delete=models.CASCADE, related_name="approvals")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    finding = models.CharField(max_length=64, blank=True)
    approves = models.BooleanField()
    old_digest = models.CharField(max_length=64)
    new_digest = models.CharField(max_length=64)
    plan_digest = models.CharField(max_length=64)
    reason = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    voided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["update", "user", "finding"], condition=models.Q(voided_at=None), name="approval_once"
            )
        ]


class Rollout(models.Model):
    """How an update goes live: shares of calls in steps, a bake time each, and what the guard lines last said.

    `steps` are per cents of calls, `bake_seconds` one time a step. `position` is the step that runs, from 0.
    """

    update = models.OneToOneField(Update, on_delete=models.CASCADE, related_name="rollout")
    steps = ArrayField(models.PositiveSmallIntegerField())
    bake_seconds = ArrayField(models.PositiveIntegerField())
    position = models.PositiveSmallIntegerField(default=0)
    sticky = models.BooleanField(default=False, help_text="one caller stays on one colour")
    guards = models.JSONField(default=dict, help_text="limits of the guard lines")
    readings: "models.JSONField[Any, Any]" = SentenceJSONField(default=dict)
    broken_at = models.DateTimeField(null=True, help_text="when a guard line was found broken")
    started_at = models.DateTimeField(auto_now_add=True)
    step_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)


class GoldenAnswer(models.Model):
    """A request whose answer a team pins: every candidate must answer it so. `expected` says how it is compared."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="golden_answers")
    name = models.CharField(max_length=200)
    request = models.JSONField()
    expected = models.JSONField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "name"], name="golden_answer_name")]


class Behaviour(models.Model):
    """How a live model answered the fixed probe set at temperature 0: one row a day, compared by a sequential test."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="behaviours")
    at = models.DateTimeField(auto_now_add=True)
    features = models.JSONField()
    evidence = models.FloatField(default=0.0, help_text="of the sequential test, in nats; above its bound is a finding")


class WebhookDelivery(models.Model):
    """One delivery that had its effect, so that copies of it have none. `message_id` is the sender's own id."""

    place = models.CharField(max_length=64, help_text="which webhook, for example source:12")
    message_id = models.CharField(max_length=200)
    at = models.DateTimeField(auto_now_add=True)
    effect = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["place", "message_id"], name="webhook_once")]


class SpecRepository(models.Model):
    """A git repository that holds specs: a push to `branch` is planned, tested, rolled out and reported back."""

    name = models.CharField(max_length=200, unique=True)
    url = models.CharField(max_length=500)
    branch = models.CharField(max_length=200, default="main")
    folder = models.CharField(max_length=300, blank=True)
    forge = models.CharField(max_length=16, help_text="github, gitlab or plain")
    status_api = models.CharField(max_length=500, blank=True, help_text="where commit statuses are reported")
    credential = models.ForeignKey(Credential, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    webhook_secret = models.BinaryField(null=True)
    revision = models.CharField(max_length=64, blank=True)
    state_reason = SentenceTextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)


class Push(models.Model):
    """One push to a repository of specs: what its plan says, how far it has come, and what its forge was told.

    `plan` has `counts` by action, `rows` (file, line, name, action, errors) and `updates`, ids by model. `state` is a
    commit status: pending, success, failure or error. `reported` is the last one that the forge was told.
    """

    repository = models.ForeignKey(SpecRepository, on_delete=models.CASCADE, related_name="pushes")
    sha = models.CharField(max_length=64)
    author = models.CharField(max_length=200, blank=True)
    message = models.CharField(max_length=200, blank=True)
    console = models.CharField(max_length=300, help_text="where this console was asked, for links in the forge")
    job_id = models.UUIDField(null=True)
    plan: "models.JSONField[Any, Any]" = SentenceJSONField(default=dict)
    planned_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=8, default="pending")
    words = SentenceTextField(blank=True)
    settled = models.BooleanField(default=False, help_text="nothing is to happen any more")
    reported: "models.JSONField[Any, Any]" = SentenceJSONField(default=dict)
    report_error = SentenceTextField(blank=True, help_text="why the forge did not take the status")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["repository", "-id"], name="push_repository"),
            models.Index(fields=["id"], name="push_open", condition=models.Q(settled=False)),
        ]


class Outage(models.Model):
    """Caller errors above the objective within hours after a change of that model. `cause` is what changed it."""

    model = models.CharField(max_length=200)
    update_id = models.UUIDField(null=True)
    cause = models.CharField(max_length=32, help_text="update, edit, upstream or gateway")
    changed_at = models.DateTimeField()
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    calls = models.PositiveIntegerField()
    errors = models.PositiveIntegerField()
    objective = models.FloatField(help_text="the share of errors that is allowed, from 0 to 1")

    class Meta:
        indexes = [models.Index(fields=["-began_at"], name="outage_began")]
        constraints = [models.UniqueConstraint(fields=["model", "changed_at"], name="outage_once")]
