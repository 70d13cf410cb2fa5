"""Tables of the floor: people, settings, the audit chain, jobs and the revision that the data plane follows."""

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse
from django.utils import timezone

from controlplane.base import job_outcomes
from controlplane.base.message_fields import SentenceCharField, SentenceJSONField


class Role(models.TextChoices):
    """The four roles, each including the one before it except that only reviewers and admins approve."""

    VIEWER = "viewer", "viewer"
    ENGINEER = "engineer", "engineer"
    REVIEWER = "reviewer", "reviewer"
    ADMIN = "admin", "admin"


class Theme(models.TextChoices):
    """How a page is coloured."""

    SYSTEM = "system", "system"
    LIGHT = "light", "light"
    DARK = "dark", "dark"


class User(AbstractUser):
    """A person who signs in to the console."""

    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    language = models.CharField(max_length=16, default="en")
    theme = models.CharField(max_length=8, choices=Theme.choices, default=Theme.SYSTEM)


LINK_STATES = ("open", "used", "withdrawn", "expired")


class SetupLink(models.Model):
    """A one-time link that makes an account with `role`: the first admin's, or an invitation. Only its hash is kept."""

    token_hash = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=150, blank=True, help_text="whom it is for, in the inviter's words")
    role = models.CharField(max_length=16, choices=Role.choices)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    @property
    def state(self) -> str:
        """Whether it can still be used, and if not, why: one of LINK_STATES."""
        if self.used_at is not None:
            return "used"
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "expired" if self.expires_at is not None and self.expires_at <= timezone.now() else "open"


class Setting(models.Model):
    """One named value of the installation, for example `egress_allow`."""

    key = models.CharField(max_length=64, primary_key=True)
    value = models.JSONField()


class SavedView(models.Model):
    """A list as an account keeps it. Without a name it is the list itself, for when no view is open."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    place = models.CharField(max_length=16, help_text="the name of the list's page")
    name = models.CharField(max_length=60, blank=True)
    query = models.TextField(blank=True, help_text="filter and order, as in an address")
    columns = ArrayField(
        models.CharField(max_length=32), default=list, blank=True, help_text="empty: the standard ones"
    )
    dense = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "place", "name"], name="saved_view_name")]

    @property
    def address(self) -> str:
        """Where the view is open."""
        return f"{reverse(self.place)}?{self.query}{'&' if self.query else ''}view={self.pk}"


class Change(models.Model):
    """One audit entry. `hash` = SHA-256(previous hash || canonical JSON of the entry), so an edit shows."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    verb = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=200)
    detail = SentenceJSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["object_type", "object_id", "-id"], name="change_object")]


class Revision(models.Model):
    """The single row whose `number` moves in the same transaction as anything that the data plane serves."""

    number = models.BigIntegerField(default=1)
    changed_at = models.DateTimeField(auto_now=True)


class JobState(models.TextChoices):
    """States of a job; the last three are final."""

    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


class Job(models.Model):
    """A durable piece of work. This row is the truth; a Celery message is only a wake-up.

    A worker owns the job while `lease_until` is ahead of the database's clock, and may write only under its `fence`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.QUEUED)
    title = SentenceCharField(max_length=200, blank=True)
    input = models.JSONField(default=dict)
    result: "models.JSONField[Any, Any]" = SentenceJSONField(null=True)
    error: "models.JSONField[Any, Any]" = SentenceJSONField(null=True)
    progress = SentenceJSONField(default=dict)
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    idempotency_key = models.CharField(max_length=200, null=True)
    input_digest = models.CharField(max_length=64, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    api_key_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="job_due", condition=models.Q(state__in=["queued", "running"])),
            models.Index(fields=["-created_at"], name="job_created"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "idempotency_key", "api_key_id", "created_by"],
                name="job_idempotency",
                condition=models.Q(idempotency_key__isnull=False),
                nulls_distinct=False,
            )
        ]

    @property
    def outcome(self) -> str:
        """How it stands, failed steps counted: one of job_outcomes.OUTCOMES."""
        return job_outcomes.outcome(self.state, self.progress or {})
