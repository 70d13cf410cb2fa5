"""What the registry's REST API takes and gives, for checking bodies and for the OpenAPI document."""

from typing import Any

from rest_framework import serializers

from controlplane.base import access
from registry.catalog import importing
from registry.models import ModelState

MAX_TEXT = 60 * 1024 * 1024


class ModelRow(serializers.Serializer[Any]):
    """A model in a list."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    type = serializers.CharField()
    protocol = serializers.CharField()
    endpoint = serializers.CharField()
    state = serializers.ChoiceField(ModelState.choices)
    state_reason = serializers.CharField(allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField())
    owner = serializers.CharField(allow_blank=True)
    release = serializers.IntegerField(allow_null=True, source="release.number", default=None)
    digest = serializers.CharField(allow_null=True, source="release.digest", default=None)
    probed_at = serializers.DateTimeField(allow_null=True)
    probe_ms = serializers.FloatField(allow_null=True)
    deprecated_at = serializers.DateTimeField(allow_null=True)
    sunset_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ModelWhole(ModelRow):
    """A model with its spec in the YAML file's shape."""

    spec = serializers.JSONField(source="release.spec", default=None)


class ModelPage(serializers.Serializer[Any]):
    """One page of models; `facets` counts values with the other filters applied."""

    results = ModelRow(many=True, source="rows")
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    page_size = serializers.IntegerField(source="size")
    sort = serializers.CharField()
    facets = serializers.DictField(child=serializers.ListField(child=serializers.JSONField()))


class Names(serializers.Serializer[Any]):
    """Models by name."""

    names = serializers.ListField(child=serializers.CharField(max_length=200), min_length=1, max_length=5000)


class Tags(Names):
    """Tags to add to and remove from models."""

    add = serializers.ListField(child=serializers.CharField(max_length=64), max_length=64, default=list)
    remove = serializers.ListField(child=serializers.CharField(max_length=64), max_length=64, default=list)


class Changed(serializers.Serializer[Any]):
    """How many models a verb changed."""

    changed = serializers.IntegerField()


class SpecProblem(serializers.Serializer[Any]):
    """One error of a spec."""

    file = serializers.CharField()
    line = serializers.IntegerField()
    path = serializers.CharField()
    given = serializers.CharField()
    expected = serializers.CharField()
    message = serializers.CharField()


class ImportBody(serializers.Serializer[Any]):
    """A YAML file of specs as text."""

    yaml = serializers.CharField(max_length=MAX_TEXT, trim_whitespace=False, allow_blank=True)
    file = serializers.CharField(max_length=200, default="<request>")


class ImportRow(serializers.Serializer[Any]):
    """What would happen to one row."""

    index = serializers.IntegerField()
    line = serializers.IntegerField()
    name = serializers.CharField(allow_blank=True)
    action = serializers.ChoiceField(importing.ACTIONS)
    errors: Any = SpecProblem(many=True)


class ImportPlan(serializers.Serializer[Any]):
    """A dry run."""

    rows = ImportRow(many=True)
    counts = serializers.DictField(child=serializers.IntegerField())
    errors: Any = SpecProblem(many=True)


class CredentialRow(serializers.Serializer[Any]):
    """A credential; never its secret."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    origin = serializers.CharField()
    hint = serializers.CharField()
    used_by = serializers.IntegerField(default=0)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class NewCredential(serializers.Serializer[Any]):
    """A secret for one upstream."""

    name = serializers.CharField(max_length=200)
    origin = serializers.CharField(max_length=500, help_text="scheme://host:port")
    secret = serializers.CharField(max_length=8192, write_only=True, trim_whitespace=False)


class Secret(serializers.Serializer[Any]):
    """A new secret."""

    secret = serializers.CharField(max_length=8192, write_only=True, trim_whitespace=False)


class KeyRow(serializers.Serializer[Any]):
    """An API key; never the key itself."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    models = serializers.ListField(child=serializers.CharField(), source="model_patterns")
    strict = serializers.BooleanField()
    calls_per_minute = serializers.IntegerField(allow_null=True)
    max_concurrency = serializers.IntegerField(allow_null=True)
    owner = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    replay = serializers.BooleanField()


class Consent(serializers.Serializer[Any]):
    """Whether calls of a key may be kept, sealed, to try new releases on."""

    agreed = serializers.BooleanField()


class NewKey(serializers.Serializer[Any]):
    """A key to make."""

    name = serializers.CharField(max_length=200)
    scopes = serializers.ListField(child=serializers.ChoiceField(tuple(access.SCOPES)), min_length=1, max_length=8)
    models = serializers.ListField(child=serializers.CharField(max_length=200), max_length=500, default=list)
    strict = serializers.BooleanField(default=False)
    calls_per_minute = serializers.IntegerField(min_value=1, max_value=1_000_000, default=None, allow_null=True)
    max_concurrency = serializers.IntegerField(min_value=1, max_value=1_000_000, default=None, allow_null=True)
    expires_at = serializers.DateTimeField(default=None, allow_null=True)


class MadeKey(KeyRow):
    """A key just made; `key` is shown this once."""

    key = serializers.CharField()


class DetectBody(serializers.Serializer[Any]):
    """An upstream to look at. The secret is used once and not kept."""

    address = serializers.CharField(max_length=500)
    secret = serializers.CharField(max_length=8192, default="", allow_blank=True, write_only=True)


class TryBody(serializers.Serializer[Any]):
    """A spec to try with one call; `body` is in neutral form, by default what a probe sends."""

    spec = serializers.DictField()
    secret = serializers.CharField(max_length=8192, default="", allow_blank=True, write_only=True)
    body = serializers.DictField(default=dict)


class ProtocolRow(serializers.Serializer[Any]):
    """A wire format that models may speak."""

    name = serializers.CharField()
    title = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    types = serializers.ListField(child=serializers.CharField())
