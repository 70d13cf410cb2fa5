"""REST: history of devices and of models in model servers, and what those servers tell now."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, described, who
from routing.history import asked
from routing.history.charts import SeriesChart
from routing.latest import engines
from routing.samples.dimensions import DIMENSION_OF, SERIES
from routing.serializers import LatestShape

_WANTED = [
    OpenApiParameter("series", OpenApiTypes.STR, description="names with commas between them; ten at the most"),
    OpenApiParameter("from", OpenApiTypes.STR, description="ISO 8601 or Unix seconds; an hour before `to` if left out"),
    OpenApiParameter("to", OpenApiTypes.STR, description="ISO 8601 or Unix seconds; now if left out"),
    OpenApiParameter("points", OpenApiTypes.INT, description="the most steps, up to 2000; 600 if left out"),
    OpenApiParameter("format", OpenApiTypes.STR, enum=["json", "csv"]),
]


class ChartSeriesShape(serializers.Serializer[Any]):
    """One series: value i is of the step that begins i × step_s after start; null where nothing was measured."""

    name = serializers.CharField()
    dimension = serializers.CharField()
    unit = serializers.CharField()
    kind = serializers.ChoiceField(
        ["gauge", "state", "counter"], help_text="a gauge's values are means of their steps, others the last value"
    )
    values = serializers.ListField(child=serializers.FloatField(allow_null=True))


class ChartShape(serializers.Serializer[Any]):
    """A chart: even steps, and a value of each series for each."""

    start = serializers.DateTimeField()
    step_s = serializers.IntegerField(help_text="how long a step is: the resolution")
    series = ChartSeriesShape(many=True)


class EngineShape(serializers.Serializer[Any]):
    """A model in a model server, and the newest value of each of its series."""

    subject = serializers.CharField()
    source: Any = serializers.CharField()
    latest = serializers.DictField(child=LatestShape())


class EnginesShape(serializers.Serializer[Any]):
    """All that were heard of within ten minutes, and how many."""

    results = EngineShape(many=True)
    total = serializers.IntegerField()


class CsvRenderer(JSONRenderer):
    """Lets a caller ask for CSV, which the endpoint writes itself; errors are JSON all the same."""

    media_type = "text/csv"
    format = "csv"


class DeviceHistory(Endpoint):
    """GET gives series of a device over time."""

    verbs = {"GET": "fleet.read"}
    renderer_classes = (JSONRenderer, CsvRenderer)

    @described({(200, "application/json"): ChartShape, (200, "text/csv"): OpenApiTypes.STR}, parameters=_WANTED)
    def get(self, request: Request, uuid: str) -> Response | HttpResponse:
        """Up to 31 days, in the finest steps that history and `points` allow. Gaps stay gaps."""
        return _answer(request, asked.device_chart(who(request), uuid, request.query_params))


class EngineHistory(Endpoint):
    """GET gives series of a model in a model server over time."""

    verbs = {"GET": "fleet.read"}
    renderer_classes = (JSONRenderer, CsvRenderer)

    @described({(200, "application/json"): ChartShape, (200, "text/csv"): OpenApiTypes.STR}, parameters=_WANTED)
    def get(self, request: Request, subject: str) -> Response | HttpResponse:
        """Up to 31 days, in the finest steps that history and `points` allow. Gaps stay gaps."""
        return _answer(request, asked.engine_chart(who(request), subject, request.query_params))


class Engines(Endpoint):
    """GET lists models in model servers with their latest values."""

    verbs = {"GET": "fleet.read"}

    @described(EnginesShape)
    def get(self, request: Request) -> Response:
        """By subject. What a server does not tell is absent."""
        found = [{"subject": name, "source": source, "latest": told} for name, source, told in engines(who(request))]
        return Response({"results": found, "total": len(found)})


def _answer(request: Request, chart: SeriesChart) -> Response | HttpResponse:
    renderer: Any = request.accepted_renderer
    if renderer.format == CsvRenderer.format:
        return HttpResponse(asked.as_csv(chart), content_type="text/csv; charset=utf-8")
    series = [_series(name, values) for name, values in chart.series.items()]
    begin = datetime.fromtimestamp(chart.start, UTC)
    return Response(ChartShape({"start": begin, "step_s": chart.step, "series": series}).data)


def _series(name: str, values: list[float | None]) -> dict[str, Any]:
    one = SERIES[name]
    return {"name": name, "dimension": DIMENSION_OF[name].name, "unit": one.unit, "kind": one.kind, "values": values}
