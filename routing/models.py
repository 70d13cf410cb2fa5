"""Tables of routing: what was called, and on which machines it can run."""

from django.conf import settings
from django.db import models

from controlplane.base.message_fields import SentenceJSONField, SentenceTextField
from controlplane.base.web.words import word
from registry.models import Credential, Model, Release
from routing import adaptations, outcomes
from routing import energy_tables as energy_tables  # Django looks for tables here.


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


class DeviceState(models.TextChoices):
    """What a device may be given: anything; nothing new; nothing new, and what sits there leaves; it has vanished."""

    READY = "ready", "ready"
    CORDONED = "cordoned", "cordoned"
    DRAINING = "draining", "draining"
    GONE = "gone", "gone"


HELD_STATES = [choice for choice in DeviceState.choices if choice[0] != DeviceState.GONE]
"""What people decide. Whether a device is there is for collectors to say."""


class Node(models.Model):
    """A machine with devices. `machine_id` is its own, where a collector knows it: it survives another name.

    `corrected` names the fields that a person wrote, with who and when: collectors leave them alone.
    """

    name = models.CharField(max_length=200, unique=True)
    machine_id = models.CharField(max_length=100, null=True, unique=True)
    address = models.CharField(max_length=300, blank=True)
    labels = models.JSONField(default=dict)
    held = models.CharField(max_length=16, choices=HELD_STATES, default=DeviceState.READY)
    emulated = models.BooleanField(default=False, db_default=False, help_text="its devices are made up")
    corrected = models.JSONField(default=dict)
    complaints = SentenceJSONField(default=list, help_text="what made no sense in the collector's last report")
    seen_at = models.DateTimeField(null=True, help_text="the last report of a collector")
    created_at = models.DateTimeField(auto_now_add=True)


class Device(models.Model):
    """A GPU or another accelerator, or a slice of one (`parent`). It is known by its uuid, which is never reused.

    `held` is what people decided; a device that no report names any more has `gone_at`, and its row stays.
    """

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="devices")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="slices")
    uuid = models.CharField(max_length=100, unique=True)
    serial = models.CharField(max_length=100, blank=True)
    vendor = models.CharField(max_length=32)
    model = models.CharField(max_length=200)
    index = models.PositiveIntegerField(null=True, help_text="its number on the node")
    memory_bytes = models.BigIntegerField(null=True)
    power_limit_w = models.FloatField(null=True)
    links = models.JSONField(default=list, help_text="uuids of devices it is linked to, with the kind of link")
    labels = models.JSONField(default=dict)
    held = models.CharField(max_length=16, choices=HELD_STATES, default=DeviceState.READY)
    gone_at = models.DateTimeField(null=True)
    state = models.GeneratedField(
        expression=models.Case(
            models.When(gone_at__isnull=False, then=models.Value(DeviceState.GONE.value)), default=models.F("held")
        ),
        output_field=models.CharField(max_length=16),
        db_persist=True,
    )
    corrected = models.JSONField(default=dict)
    seen_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["state"], name="device_state")]

    @property
    def titled(self) -> str:
        """Its maker and model, as people read them: NVIDIA's own names begin with the maker already."""
        maker = word("vendor", self.vendor)
        return self.model if self.model.casefold().startswith(maker.casefold()) else f"{maker} {self.model}"


class EndpointState(models.TextChoices):
    """How the last look at a telemetry endpoint went: none yet; all told is sound; some is not; there was no answer."""

    NEW = "new", "new"
    WELL = "well", "well"
    COMPLAINING = "complaining", "complaining"
    UNREACHABLE = "unreachable", "unreachable"


class TelemetryEndpoint(models.Model):
    """An address that a collector scrapes. From `state` on it is the collector that writes.

    `serves` maps names that a model server serves to our models, where the one that fits by itself is the wrong one.
    """

    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=16, help_text="which collector reads it")
    url = models.CharField(max_length=500)
    interval_s = models.FloatField()
    node = models.CharField(max_length=200, blank=True, help_text="the node's name, if not the one that it tells")
    enabled = models.BooleanField(default=True)
    emulated = models.BooleanField(default=False, help_text="what it tells of is made up")
    credential = models.ForeignKey(Credential, null=True, on_delete=models.PROTECT, related_name="+")
    serves = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True, help_text="when a person changed it")
    state = models.CharField(max_length=16, choices=EndpointState.choices, default=EndpointState.NEW)
    looked_at = models.DateTimeField(null=True)
    complaints = SentenceJSONField(default=list)
    tells_of = models.JSONField(default=list, help_text="subjects of its last answer")
    nodes = models.JSONField(default=list, help_text="nodes that its last answer told of")


class AgentKey(models.Model):
    """What the agent of a GPU node is known by. Only the key's HMAC is kept; `node` is what it last told of."""

    name = models.CharField(max_length=200, help_text="the node's")
    prefix = models.CharField(max_length=16)
    key_hash = models.CharField(max_length=64, unique=True)
    node = models.ForeignKey(Node, null=True, on_delete=models.SET_NULL, related_name="agent_keys")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=models.Q(revoked_at=None), name="agent_key_of_node")
        ]


class ReplicaState(models.TextChoices):
    """How far a replica is: not loaded, kept in host memory, being loaded, answering, taking nothing new, broken."""

    COLD = "cold", "cold"
    ASLEEP = "asleep", "asleep"
    LOADING = "loading", "loading"
    WARM = "warm", "warm"
    DRAINING = "draining", "draining"
    FAILED = "failed", "failed"


class StoredReplica(models.Model):
    """A replica as the inventory knows it: one endpoint of a model, on zero or more devices."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="replicas")
    release = models.ForeignKey(Release, null=True, on_delete=models.CASCADE, related_name="+")
    endpoint = models.CharField(max_length=500)
    state = models.CharField(max_length=16, choices=ReplicaState.choices, default=ReplicaState.COLD)
    state_reason = SentenceTextField(blank=True)
    changed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "endpoint"], name="stored_replica_endpoint")]


class Placement(models.Model):
    """How much of a device's memory a replica holds."""

    replica = models.ForeignKey(StoredReplica, on_delete=models.CASCADE, related_name="placements")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="placements")
    memory_bytes = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["replica", "device"], name="placement_once")]


class PastPlacement(models.Model):
    """What sat on a device from a moment on, until another; a trigger of PostgreSQL keeps it beside Placement.

    `model` is its name then. Rows outlive their replica, their device and their model.
    """

    replica_id = models.BigIntegerField()
    device_id = models.BigIntegerField()
    model = models.CharField(max_length=200)
    memory_bytes = models.BigIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["device_id", "since"], name="past_placement_device")]
