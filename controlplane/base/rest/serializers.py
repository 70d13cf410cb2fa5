"""What the floor's REST API takes and gives, for checking bodies and for the OpenAPI document."""

from typing import Any

from rest_framework import serializers

from controlplane.base.job_outcomes import OUTCOMES
from controlplane.base.models import LINK_STATES, JobState, Role


class JobShape(serializers.Serializer[Any]):
    """A job without its input and result."""

    id = serializers.UUIDField()
    object = serializers.SerializerMethodField()
    kind = serializers.CharField()
    title = serializers.CharField()
    status = serializers.ChoiceField(JobState.choices, source="state")
    outcome = serializers.ChoiceField(OUTCOMES)
    progress = serializers.JSONField()
    error = serializers.JSONField(allow_null=True)
    attempts = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    cancel_requested = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_object(self, row: Any) -> str:
        """What kind of thing this is."""
        return "job"


class JobWhole(JobShape):
    """A job with its result."""

    result = serializers.JSONField(allow_null=True)


class ChangeShape(serializers.Serializer[Any]):
    """An audit entry."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    verb = serializers.CharField()
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    detail = serializers.JSONField()
    request_id = serializers.CharField(allow_blank=True)
    hash = serializers.CharField()


class ChainState(serializers.Serializer[Any]):
    """Whether the audit chain holds: `position` is its last entry, or its first broken one."""

    holds = serializers.BooleanField()
    position = serializers.IntegerField()
    checked_at = serializers.DateTimeField()


class EgressList(serializers.Serializer[Any]):
    """Where upstream calls may go: public, CIDR, host, *.domain, or one of those with :port."""

    entries = serializers.ListField(child=serializers.CharField(max_length=300), max_length=500)


class UserShape(serializers.Serializer[Any]):
    """An account."""

    id = serializers.IntegerField()
    username = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    is_active = serializers.BooleanField()
    language = serializers.CharField()
    last_login = serializers.DateTimeField(allow_null=True)


class UserChange(serializers.Serializer[Any]):
    """What an admin may change of an account."""

    role = serializers.ChoiceField(Role.choices, required=False)
    is_active = serializers.BooleanField(required=False)


class NewLink(serializers.Serializer[Any]):
    """The role that a set-up link gives, and whom it is for."""

    role = serializers.ChoiceField(Role.choices)
    name = serializers.CharField(max_length=150, required=False, allow_blank=True)


class LinkShape(serializers.Serializer[Any]):
    """An invitation without its link."""

    id = serializers.IntegerField()
    name = serializers.CharField(allow_blank=True)
    role = serializers.ChoiceField(Role.choices)
    state = serializers.ChoiceField(LINK_STATES)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)


class MadeLink(serializers.Serializer[Any]):
    """A one-time link, shown this once."""

    address = serializers.CharField()
    role = serializers.CharField()
