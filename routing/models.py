"""Tables of routing: what was called."""

from django.db import models

from controlplane.base.message_fields import SentenceJSONField, SentenceTextField
from routing import adaptations, outcomes


class CallRecord(models.Model):
    """One call through the gateway, written in batches by COPY. No foreign keys: a record outlives what it names."""

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    model = models.CharField(max_length=200)
    task = models.CharField(max_length=32)
    api_key_id = models.BigIntegerField(null=True)
    endpoint = models.CharField(max_length=500, blank=True)
    status = models.PositiveSmallIntegerField()
    failure = models.CharField(max_length=64, blank=True)
    message = SentenceTextField(blank=True)
    stream = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=1)
    duration_ms = models.FloatField()
    first_byte_ms = models.FloatField(null=True)
    prompt_tokens = models.IntegerField(null=True)
    completion_tokens = models.IntegerField(null=True)
    usage_basis = models.CharField(max_length=16, blank=True, help_text="reported, estimated or partial")
    adapted = SentenceJSONField(default=list)
    revision = models.BigIntegerField()
    job_id = models.UUIDField(null=True)
    request_id = models.CharField(
        max_length=128, blank=True, default="", db_default="", help_text="the caller's own; empty where it gave none"
    )

    class Meta:
        indexes = [
            models.Index(fields=["model", "-at"], name="call_model_at"),
            models.Index(fields=["api_key_id", "-at"], name="call_key_at"),
            models.Index(fields=["request_id"], name="call_request", condition=~models.Q(request_id="")),
            models.Index(fields=["at"], name="call_failed_at", condition=outcomes.WHERE[outcomes.FAILED]),
        ]

    @property
    def outcome(self) -> str:
        """How it ended: one of routing.outcomes.OUTCOMES."""
        return outcomes.outcome(self.status, self.failure)

    @property
    def told_id(self) -> str:
        """The request id that the caller was told: its own, else the record's without dashes."""
        return self.request_id or self.id.hex

    @property
    def changes(self) -> int:
        """How many parameters did not travel as given."""
        return adaptations.count(self.adapted)


class TrafficStep(models.Model):
    """The sums of one step of time that is over, so that a chart of 30 days reads 60 rows and not every call.

    They are kept by routing.steps and forgotten if a record of that time comes late; the records are the truth.
    """

    step_s = models.PositiveIntegerField()
    at = models.DateTimeField()
    answered = models.BigIntegerField()
    refused = models.BigIntegerField()
    failed = models.BigIntegerField()
    left = models.BigIntegerField()
    p95_ms = models.FloatField(null=True, help_text="of answered calls")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step_s", "at"], name="traffic_step")]
