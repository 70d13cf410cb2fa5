"""REST: rules of alerts, one by one and as a file."""

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.rest.parsers import StrictJSONParser, YamlParser
from controlplane.base.web.doors import request_id
from registry.serializers import ImportBody, SpecProblem
from routing.alerts import checking, rule_file, rules
from routing.alerts.models import AlertRule

_APPLY = OpenApiParameter("apply", OpenApiTypes.STR, enum=["yes"], description="bring it in, instead of a dry run")


class RuleBody(serializers.Serializer[Any]):
    """A rule as Prometheus writes it. What is left out has its default, or stays when it is changed."""

    alert = serializers.CharField(max_length=100)
    expr = serializers.CharField(max_length=1000)
    keep_firing_for = serializers.CharField(required=False, help_text="60s, 5m")
    labels: Any = serializers.DictField(child=serializers.CharField(), required=False)
    annotations = serializers.DictField(child=serializers.CharField(), required=False)
    enabled = serializers.BooleanField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """With `for`, which is no name in Python."""
        return {**super().get_fields(), "for": serializers.CharField(required=False, help_text="60s, 5m")}


class RuleShape(RuleBody):
    """A rule. `shipped` ones come with Patchbay, and are `edited` once a person changed them."""

    shipped = serializers.BooleanField()
    edited = serializers.BooleanField()
    changed_at = serializers.DateTimeField()

    def to_representation(self, instance: AlertRule) -> dict[str, Any]:
        """The row in the words of a file."""
        return {
            "alert": instance.name,
            "expr": instance.expr,
            "for": rule_file.duration(instance.for_s),
            "keep_firing_for": rule_file.duration(instance.keep_s),
            **{name: getattr(instance, name) for name in ("labels", "annotations", "enabled", "shipped", "edited")},
            "changed_at": instance.changed_at.isoformat(),
        }


class RuleChangeShape(serializers.Serializer[Any]):
    """One rule that a file adds, changes, removes or switches off."""

    name = serializers.CharField()
    what = serializers.ChoiceField(["added", "changed", "removed", "off"])
    fields = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]


class RulePlanShape(serializers.Serializer[Any]):
    """What a file does, or did."""

    changes = RuleChangeShape(many=True)
    unchanged = serializers.IntegerField()
    errors: Any = SpecProblem(many=True)


class CheckedRuleShape(serializers.Serializer[Any]):
    """For whom a rule holds now, and of how many subjects too little is known to say."""

    name = serializers.CharField()
    kind = serializers.CharField()
    holds = serializers.IntegerField()
    unknown = serializers.IntegerField()
    subjects = serializers.DictField(child=serializers.FloatField(), help_text="the first of them, with their values")


class CheckShape(serializers.Serializer[Any]):
    """What rules would do now, without keeping them."""

    rules = CheckedRuleShape(many=True)
    errors: Any = SpecProblem(many=True)


class Rules(Endpoint):
    """GET lists rules, POST adds one."""

    verbs = {"GET": "alert.read", "POST": "alert.change"}

    @described(page_of(RuleShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """By name."""
        return paged(request, rules.listing(who(request)), RuleShape)

    @described(RuleShape, status=201, body=RuleBody)
    def post(self, request: Request) -> Response:
        """The rule. It is evaluated from the next look on, in two seconds."""
        row = rules.create(who(request), _given(request), request_id(request))
        return Response(RuleShape(row).data, status=201)


class OneRule(Endpoint):
    """GET reads, PATCH changes, DELETE removes; a shipped rule can only be switched off."""

    verbs = {"GET": "alert.read", "PATCH": "alert.change", "DELETE": "alert.change"}

    @described(RuleShape)
    def get(self, request: Request, name: str) -> Response:
        """The rule."""
        return Response(RuleShape(rules.get(who(request), name)).data)

    @described(RuleShape, body=RuleBody(partial=True))
    def patch(self, request: Request, name: str) -> Response:
        """The rule as it is now."""
        row = rules.change(who(request), name, _given(request), request_id(request))
        return Response(RuleShape(row).data)

    @described(None, status=204)
    def delete(self, request: Request, name: str) -> Response:
        """What it fires is over."""
        rules.remove(who(request), name, request_id(request))
        return Response(status=204)


class RulesYaml(Endpoint):
    """GET gives all rules as YAML, POST shows what a file would do, or with ?apply=yes brings it in."""

    verbs = {"GET": "alert.read", "POST": "alert.change"}
    parser_classes = (StrictJSONParser, YamlParser)

    @described({(200, "application/yaml"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """As Prometheus' rule files, in the language of Patchbay's rules."""
        return HttpResponse(rules.export(who(request)), content_type="application/yaml; charset=utf-8")

    @described(RulePlanShape, body=ImportBody, parameters=[_APPLY])
    def post(self, request: Request) -> Response:
        """What the file does; rules that it leaves out stay. With an error in it nothing is changed."""
        body = _file(request)
        apply = request.query_params.get("apply")
        if apply is None:
            plan = rules.plan(who(request), body["yaml"], body["file"])
        elif apply == "yes":
            plan = rules.bring(who(request), body["yaml"], body["file"], request_id=request_id(request))
        else:
            raise Invalid("apply", Sentence("apply is {given}; expected yes", given=repr(apply[:40])))
        return Response(RulePlanShape(asdict(plan)).data)


class CheckRules(Endpoint):
    """POST says for whom the rules of a file hold now, without keeping them."""

    verbs = {"POST": "alert.read"}
    parser_classes = (StrictJSONParser, YamlParser)

    @described(CheckShape, body=ImportBody)
    def post(self, request: Request) -> Response:
        """Each rule with the first subjects for which it holds."""
        body = _file(request)
        found = checking.check(who(request), body["yaml"], body["file"])
        return Response(CheckShape(asdict(found)).data)


def _given(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises Invalid."""
    if not isinstance(request.data, dict):
        kind = type(request.data).__name__
        raise Invalid("body", Sentence("the body is a {kind}; expected a JSON object", kind=kind))
    return dict(request.data)


def _file(request: Request) -> dict[str, Any]:
    """A file as it is sent: YAML itself, or in JSON. Raises DRF's ValidationError."""
    given: Any = request.data
    raw = isinstance(given, dict) and isinstance(given.get("yaml"), bytes)
    return given if raw else checked(ImportBody, given)
