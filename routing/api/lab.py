"""REST: races in the lab."""

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.jobs import verbs as jobs
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.rest.serializers import JobShape
from controlplane.base.web.doors import request_id
from routing.lab import races as lab

_KEY = OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)


class NewRace(serializers.Serializer[Any]):
    """What to race: a scenario of the reconstruction, two policies, a seed. The same seed gives the same race."""

    scenario = serializers.ChoiceField(lab.SCENARIOS)
    policies = serializers.ListField(
        child=serializers.ChoiceField(lab.POLICIES), min_length=lab.SIDE_BY_SIDE, max_length=lab.SIDE_BY_SIDE
    )
    seed = serializers.IntegerField(min_value=0, max_value=lab.MOST_SEED, default=1)


class RaceShape(JobShape):
    """A race: a job with what was asked for and, once it is over, each policy's figures."""

    scenario = serializers.CharField(source="input.scenario")
    policies = serializers.ListField(child=serializers.CharField(), source="input.policies")
    seed = serializers.IntegerField(source="input.seed")
    figures = serializers.SerializerMethodField()

    def get_object(self, row: Any) -> str:
        """What kind of thing this is."""
        return "race"

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_figures(self, row: Any) -> Any:
        """Figures by policy: seconds, shares of all devices over the makespan, joules, microseconds."""
        return lab.figures_of(row)


class RaceWhole(RaceShape):
    """A race with how it went: for each policy columns over `at_s`, simulated seconds."""

    series = serializers.SerializerMethodField()

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_series(self, row: Any) -> Any:
        """Waiting, running and answered calls, shares of devices computing and loading, mean latency, loads, watts."""
        return lab.series_of(row)


class Races(Endpoint):
    """GET lists races, POST starts one."""

    verbs = {"GET": "lab.read", "POST": "lab.run"}

    @described(
        page_of(RaceShape),
        parameters=[
            *Pages.parameters,
            OpenApiParameter("scenario", enum=lab.SCENARIOS),
            OpenApiParameter("policy", enum=lab.POLICIES),
        ],
    )
    def get(self, request: Request) -> Response:
        """Everybody's, newest first."""
        given = request.query_params
        return paged(request, lab.listing(who(request), given.get("scenario", ""), given.get("policy", "")), RaceShape)

    @described(RaceShape, status=202, body=NewRace, parameters=[_KEY])
    def post(self, request: Request) -> Response:
        """The race, which runs in a job; follow it at its address."""
        body = checked(NewRace, request.data)
        scenario, policies, seed = body["scenario"], body["policies"], body["seed"]
        once = jobs.once(request.headers.get("Idempotency-Key"), scenario, *policies, str(seed))
        job = lab.start(who(request), scenario, policies, seed, once, request_id(request))
        return Response(RaceShape(job).data, status=202, headers={"Location": f"/api/lab/races/{job.pk}"})


class OneRace(Endpoint):
    """GET reads a race, whoever started it."""

    verbs = {"GET": "lab.read"}

    @described(RaceWhole)
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        """The race with its figures and its series."""
        return Response(RaceWhole(lab.get(who(request), job_id)).data)
