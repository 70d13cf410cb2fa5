"""REST: energy and cost of own devices, and what they are paid by."""

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base import spreadsheet
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.rest.parsers import MAX_BYTES, StrictJSONParser
from controlplane.base.web.doors import request_id
from routing.energy import figures, intensity, listing, pricing, sums
from routing.energy_tables import EnergyTariff

_SPAN = [
    OpenApiParameter("by", OpenApiTypes.STR, enum=listing.GROUPS, description="model if left out"),
    OpenApiParameter("from", OpenApiTypes.DATE, description="the first day (UTC); today if left out"),
    OpenApiParameter("until", OpenApiTypes.DATE, description="the last day; today if left out"),
    OpenApiParameter("order", OpenApiTypes.STR, description="a field's name, with - for the greatest first"),
]


class EnergyRowShape(serializers.Serializer[Any]):
    """What a model, key, device or day used; null is not known. Money is in `currency`."""

    name = serializers.CharField(help_text="a model, a key's id (0: without a key), a device's uuid, or a day")
    calls = serializers.IntegerField(allow_null=True)
    prompt_tokens = serializers.IntegerField(allow_null=True)
    completion_tokens = serializers.IntegerField(allow_null=True)
    joules = serializers.FloatField(allow_null=True, help_text="all of a device or day, the busy ones of the others")
    idle_joules = serializers.FloatField(allow_null=True)
    joules_per_call = serializers.FloatField(allow_null=True)
    joules_per_token = serializers.FloatField(allow_null=True)
    cost = serializers.FloatField(allow_null=True)
    idle_cost = serializers.FloatField(allow_null=True)
    cost_per_thousand = serializers.FloatField(allow_null=True, help_text="of calls")
    currency = serializers.CharField()
    grams = serializers.FloatField(allow_null=True, help_text="of CO2")
    idle_grams = serializers.FloatField(allow_null=True)
    grams_per_call = serializers.FloatField(allow_null=True)
    measured = serializers.FloatField(allow_null=True, help_text="the part of the time that was measured, 0 to 1")
    emulated = serializers.FloatField(allow_null=True, help_text="the part of the energy that is emulated, 0 to 1")


class EnergyNowShape(serializers.Serializer[Any]):
    """The fleet at this moment, and what it has used today (UTC) as far as that is settled."""

    devices = serializers.IntegerField()
    measured = serializers.IntegerField(help_text="devices that say what they draw")
    emulated = serializers.IntegerField()
    priced = serializers.IntegerField()
    watts = serializers.FloatField(allow_null=True)
    cost_per_hour = serializers.FloatField(allow_null=True)
    currency = serializers.CharField()
    grams_per_hour = serializers.FloatField(allow_null=True)
    today = EnergyRowShape()


class TariffBody(serializers.Serializer[Any]):
    """What counts from `valid_from` on, now if left out. What is left out is as before."""

    currency = serializers.CharField(max_length=3, required=False, allow_blank=True)
    prices = serializers.DictField(
        child=serializers.FloatField(), required=False, help_text="per hour, by device model"
    )
    pue = serializers.FloatField(required=False)
    grid_g_per_kwh = serializers.FloatField(required=False, allow_null=True)
    valid_from = serializers.DateTimeField(required=False)


class TariffShape(serializers.ModelSerializer[EnergyTariff]):
    """A tariff; the newest that has begun counts."""

    class Meta:
        model = EnergyTariff
        fields = ("id", "valid_from", "currency", "prices", "pue", "grid_g_per_kwh", "author", "created_at")


class IntensityBody(serializers.Serializer[Any]):
    """Lines of an hour in UTC and grams of CO2 per kWh; a head of `hour,g_per_kwh` may stand before them."""

    csv = serializers.CharField(trim_whitespace=False, max_length=MAX_BYTES)


class BroughtShape(serializers.Serializer[Any]):
    """How many hours were kept. Those that are settled keep what counted then."""

    hours = serializers.IntegerField()
    settled = serializers.IntegerField()
    first = serializers.DateTimeField()
    last = serializers.DateTimeField()


class CsvParser(BaseParser):
    """A CSV body as text, unread: the verb reads it and tells every error with its line."""

    media_type = "text/csv"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        """The body as it is."""
        return {"csv": stream.read(MAX_BYTES).decode("utf-8-sig", "replace")}


class Energy(Endpoint):
    """GET says what calls, keys, devices or days used."""

    verbs = {"GET": "fleet.read"}

    @described(page_of(EnergyRowShape), parameters=[*Pages.parameters, *_SPAN])
    def get(self, request: Request) -> Response:
        """The greatest energy first."""
        return paged(request, _rows(request), EnergyRowShape)


class EnergyCsv(Endpoint):
    """GET gives the same as a CSV file."""

    verbs = {"GET": "fleet.read"}

    @described({(200, "text/csv"): OpenApiTypes.STR}, parameters=_SPAN)
    def get(self, request: Request) -> HttpResponse:
        """All rows."""
        text = spreadsheet.as_csv(listing.table(_rows(request)))
        return HttpResponse(text, content_type="text/csv; charset=utf-8")


class EnergyRightNow(Endpoint):
    """GET says what the fleet draws and costs now."""

    verbs = {"GET": "fleet.read"}

    @described(EnergyNowShape)
    def get(self, request: Request) -> Response:
        """Live power beside the sums of today."""
        found = figures.now(who(request))
        cost = found.cost_per_hour
        told = {name: getattr(found, name) for name in ("devices", "measured", "emulated", "priced", "watts")}
        told |= {
            "cost_per_hour": cost.amount if cost is not None else None,
            "currency": cost.currency if cost is not None else "",
            "grams_per_hour": found.grams_per_hour,
            "today": asdict(listing.of_devices(sums.last_days(1).last.isoformat(), found.today)),
        }
        return Response(EnergyNowShape(told).data)


class EnergyPrices(Endpoint):
    """GET lists tariffs, POST sets one."""

    verbs = {"GET": "fleet.read", "POST": "fleet.change"}

    @described(page_of(TariffShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """The newest first."""
        return paged(request, pricing.listing(who(request)), TariffShape)

    @described(TariffShape, status=201, body=TariffBody)
    def post(self, request: Request) -> Response:
        """The tariff. What was used before it keeps its cost."""
        if not isinstance(request.data, dict):
            kind = type(request.data).__name__
            raise Invalid("body", Sentence("the body is a {kind}; expected a JSON object", kind=kind))
        row = pricing.set_tariff(who(request), request.data, request_id(request))
        return Response(TariffShape(row).data, status=201)


class OneEnergyPrice(Endpoint):
    """DELETE takes back a tariff that does not count yet."""

    verbs = {"DELETE": "fleet.change"}

    @described(None, status=204)
    def delete(self, request: Request, tariff_id: int) -> Response:
        """One that counts stays: set a new one."""
        pricing.withdraw(who(request), tariff_id, request_id(request))
        return Response(status=204)


class EnergyIntensity(Endpoint):
    """POST brings the grid's carbon by hour."""

    verbs = {"POST": "fleet.change"}
    parser_classes = (StrictJSONParser, CsvParser)

    @described(BroughtShape, body=IntensityBody)
    def post(self, request: Request) -> Response:
        """JSON with `csv`, or a body of text/csv. With a wrong line in it nothing is kept; `detail` names each."""
        given = checked(IntensityBody, request.data)
        return Response(BroughtShape(asdict(intensity.bring(who(request), given["csv"], request_id(request)))).data)


def _rows(request: Request) -> list[listing.EnergyRow]:
    given = request.query_params
    days = listing.span(given.get("from", ""), given.get("until", ""))
    return listing.rows(who(request), given.get("by", "model"), days, given.get("order", "-joules"))
