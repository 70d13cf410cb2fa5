"""REST: models that end."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, Pages, described, page_of, paged, who
from versions import calendar


class CalendarShape(serializers.Serializer[Any]):
    """A model that is deprecated or ends, and its use in the last seven days."""

    model = serializers.CharField()
    deprecated_at = serializers.DateTimeField(allow_null=True)
    sunset_at = serializers.DateTimeField(allow_null=True)
    upstream_deprecated_at = serializers.DateTimeField(allow_null=True)
    upstream_sunset_at = serializers.DateTimeField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)
    callers = serializers.IntegerField()
    calls = serializers.IntegerField()


class Calendar(Endpoint):
    """GET lists models with an end in sight."""

    verbs = {"GET": "update.read"}

    @described(page_of(CalendarShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """The most urgent first: callers over the days that are left."""
        return paged(request, calendar.entries(who(request)), CalendarShape)
