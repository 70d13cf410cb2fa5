"""Tables of the registry: models, their releases, upstream credentials and callers' keys."""

import hashlib

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Value
from django.db.models.functions import Concat, Lower

from controlplane.base.message_fields import SentenceTextField
from registry import reasons
from registry.lifecycle import Lifecycle


class Credential(models.Model):
    """A secret for one upstream. The ciphertext is bound to this row and to `origin`: it cannot be sent elsewhere."""

    name = models.CharField(max_length=200, unique=True)
    origin = models.CharField(max_length=300, help_text="scheme://host:port")
    ciphertext = models.BinaryField()
    hint = models.CharField(max_length=16, blank=True, help_text="the last characters, for recognition")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)


class ModelState(models.TextChoices):
    """What a caller may expect of a model."""

    PROBING = "probing", "probing"
    READY = "ready", "ready"
    UNREACHABLE = "unreachable", "unreachable"
    DISABLED = "disabled", "disabled"


class Model(models.Model):
    """A name that applications call. Type, protocol, endpoint and tags copy its release's spec, for listing."""

    name = models.CharField(max_length=200, unique=True)
    type = models.CharField(max_length=32)
    protocol = models.CharField(max_length=64)
    endpoint = models.CharField(max_length=500)
    state = models.CharField(max_length=16, choices=ModelState.choices, default=ModelState.PROBING)
    state_reason = SentenceTextField(blank=True, help_text="the upstream's own words after a failed probe")
    tags = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    owner = models.CharField(max_length=150, blank=True)
    release = models.ForeignKey("Release", null=True, on_delete=models.PROTECT, related_name="+")
    credential = models.ForeignKey(Credential, null=True, blank=True, on_delete=models.PROTECT, related_name="models")
    probed_at = models.DateTimeField(null=True)
    failed_probes = models.PositiveIntegerField(default=0, help_text="failed probes in a row since it was last ready")
    probe_ms = models.FloatField(null=True)
    deprecated_at = models.DateTimeField(null=True, help_text="as its spec says, else its upstream (RFC 9745)")
    sunset_at = models.DateTimeField(null=True, help_text="its end, as its spec says, else its upstream (RFC 8594)")
    upstream_deprecated_at = models.DateTimeField(null=True, help_text="as its upstream said in a header")
    upstream_sunset_at = models.DateTimeField(null=True, help_text="as its upstream said in a header")
    example = models.JSONField(null=True, help_text="inputs of a probe that worked, where the upstream describes them")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    sought = models.GeneratedField(
        expression=Lower(Concat("name", Value("\n"), "endpoint", Value("\n"), "owner")),
        output_field=models.TextField(),
        db_persist=True,
        help_text="what the search box looks in",
    )

    class Meta:
        indexes = [
            GinIndex(fields=["sought"], opclasses=["gin_trgm_ops"], name="model_sought"),
            models.Index(fields=["state", "name"], name="model_state_name"),
            models.Index(fields=["type", "name"], name="model_type_name"),
            models.Index(fields=["protocol", "name"], name="model_protocol_name"),
            models.Index(fields=["-updated_at"], name="model_updated"),
        ]

    @property
    def upstream_ends(self) -> Lifecycle:
        """The dates of its end that its upstream said."""
        return Lifecycle(self.upstream_deprecated_at, self.upstream_sunset_at)

    @property
    def reason(self) -> str:
        """Why it is unreachable, for a place where its name stands already."""
        return reasons.without_name(self.state_reason)

    @property
    def cause(self) -> str:
        """Which cure its reason asks for, as words.FAMILIES["cause"] names it; empty if none is known."""
        return reasons.cure(self.state_reason).kind


class Release(models.Model):
    """One immutable version of a model: its spec, the spec's SHA-256, and that of the manifest of its files.

    `manifest` is empty if no source watches the model. Which release serves is the model's; how a proposed one gets
    there is an update's (versions.flow).
    """

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="releases")
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    digest = models.CharField(max_length=64)
    manifest = models.CharField(max_length=64, blank=True, default="", db_default="")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="release_number")]

    @property
    def address(self) -> str:
        """The SHA-256 that stands for the spec and the manifest together."""
        return hashlib.sha256(f"{self.digest}\n{self.manifest}".encode()).hexdigest()


class ReleaseAlias(models.Model):
    """A name that calls one release of a model, whichever release the model itself serves."""

    name = models.CharField(max_length=200, unique=True)
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="aliases")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)


class ApiKey(models.Model):
    """A caller. Only the HMAC of the key is kept; `prefix` is for display."""

    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=16)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=16), default=list)
    model_patterns = ArrayField(models.CharField(max_length=200), default=list, help_text="empty means every model")
    strict = models.BooleanField(default=False)
    calls_per_minute = models.PositiveIntegerField(null=True, blank=True)
    max_concurrency = models.PositiveIntegerField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    created_at = models.DateTimeField(auto_now_add=True)
    replay = models.BooleanField(default=False, help_text="its calls may be kept, encrypted, to try new releases on")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=200, null=True, help_text="of the request that made it")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["created_by", "idempotency_key"], name="api_key_made_once")]
