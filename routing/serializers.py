"""Shapes that several addresses of the REST API share."""

from typing import Any

from rest_framework import serializers


class LatestShape(serializers.Serializer[Any]):
    """The newest value of a series."""

    value = serializers.FloatField()
    unit = serializers.CharField()
    age_s = serializers.FloatField(help_text="seconds since it arrived; older than 10 s is stale")
    dimension = serializers.CharField()
