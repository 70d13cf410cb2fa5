"""Tables of routing: what was called."""

from django.db import models

from controlplane.base.message_fields import SentenceJSONField, SentenceTextField
from registry.models import Model, Release
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
    release_id = models.BigIntegerField(null=True, help_text="the release that served it")
    fell_back = models.CharField(
        max_length=64, blank=True, default="", db_default="",
        help_text="how a release that was being rolled out failed, so that the one before it was asked",
    )  # fmt: skip
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


class Colour(models.TextChoices):
    """Which of two deployments: blue served before, green is the new one."""

    BLUE = "blue", "blue"
    GREEN = "green", "green"


class Deployment(models.Model):
    """A release being served beside another: its colour and its share of calls in per cent.

    Rows exist while a model is rolled out, and then both colours have one. Without rows the model's release serves
    every call.
    """

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="deployments")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="+")
    colour = models.CharField(max_length=8, choices=Colour.choices)
    weight = models.PositiveSmallIntegerField()
    sticky = models.BooleanField(default=False, help_text="one caller stays on one colour")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "colour"], name="deployment_colour")]


class ParameterUse(models.Model):
    """What one caller sent of one parameter on one day: how often, and the range of values. Never a body.

    `low` and `high` are of numbers; `values` are pairs of a short value and how many calls gave it, for at most 20
    values, `more` if some calls gave others. The parameter "" counts all calls of that caller.
    """

    day = models.DateField()
    api_key_id = models.BigIntegerField(null=True)
    model = models.CharField(max_length=200)
    parameter = models.CharField(max_length=200)
    calls = models.PositiveIntegerField(default=0)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    values = models.JSONField(default=list)
    more = models.BooleanField(default=False)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "day", "api_key_id", "parameter"], nulls_distinct=False, name="parameter_use_once"
            )
        ]


class KeptCall(models.Model):
    """A call whose owner opted in, kept to be replayed: its neutral form sealed, deleted after some days.

    `path` is its task.
    """

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    model = models.CharField(max_length=200)
    api_key_id = models.BigIntegerField()
    path = models.CharField(max_length=200)
    body = models.BinaryField()
    status = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["model", "-at"], name="kept_call_model")]


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
