"""REST: sources, their scans and manifests."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id
from versions import seen, watching
from versions.models import Scan, SignaturePolicy, Source, SourceKind

_LIMIT = OpenApiParameter("path", OpenApiTypes.STR, description="only files whose path contains this")


class SourceDraftBody(serializers.Serializer[Any]):
    """A place to watch. What is left out has its default, or stays when a source is changed."""

    name = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(SourceKind.choices)
    location = serializers.CharField(max_length=500, allow_blank=True, required=False)
    reference = serializers.CharField(max_length=200, allow_blank=True, required=False)
    model = serializers.CharField(max_length=200)
    credential = serializers.CharField(max_length=200, allow_blank=True, required=False)
    enabled = serializers.BooleanField(required=False)
    poll_seconds = serializers.IntegerField(min_value=30, max_value=604_800, required=False)
    signature_policy = serializers.ChoiceField(SignaturePolicy.choices, required=False)
    identity = serializers.CharField(max_length=300, allow_blank=True, required=False)
    probe_budget = serializers.IntegerField(min_value=1, max_value=10_000, required=False)
    webhook_secret = serializers.CharField(max_length=500, allow_blank=True, required=False, write_only=True)


class SourceShape(serializers.ModelSerializer[Source]):
    """A watched place, without secrets."""

    class Meta:
        model = Source
        fields = (
            *("id", "name", "kind", "location", "reference", "model", "credential", "enabled", "poll_seconds"),
            *("signature_policy", "identity", "probe_budget", "owner_id", "revision", "state_reason", "failed_scans"),
            *("due_at", "full_at", "scanned_at", "created_at", "webhook"),
        )

    model = serializers.CharField(source="model.name", read_only=True)
    credential = serializers.SerializerMethodField()
    scanned_at = serializers.DateTimeField(read_only=True, allow_null=True)
    webhook = serializers.SerializerMethodField(
        help_text="whether a secret is set; without one its address answers 404"
    )

    def get_credential(self, row: Source) -> str:
        """Its name, empty without one."""
        return row.credential.name if row.credential else ""

    def get_webhook(self, row: Source) -> bool:
        """Whether a secret is set."""
        return bool(getattr(row, "has_webhook", False))


class ScanShape(serializers.ModelSerializer[Scan]):
    """One reading of a source."""

    class Meta:
        model = Scan
        fields = (
            *("id", "revision", "trigger", "manifest", "files", "bytes", "findings", "requests", "bytes_read"),
            *("reason", "job_id", "started_at", "finished_at"),
        )

    manifest = serializers.CharField(source="manifest.digest", read_only=True, allow_null=True)
    files = serializers.IntegerField(source="manifest.file_count", read_only=True, allow_null=True)
    bytes = serializers.IntegerField(source="manifest.total_bytes", read_only=True, allow_null=True)


class FileShape(serializers.Serializer[Any]):
    """One file of a manifest."""

    path = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()


class ScanJobShape(serializers.Serializer[Any]):
    """The job that scans."""

    job = serializers.UUIDField()


class Sources(Endpoint):
    """GET lists sources, POST watches another place."""

    verbs = {"GET": "source.read", "POST": "source.change"}

    @described(page_of(SourceShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """By name."""
        return paged(request, watching.listing(who(request)), SourceShape)

    @described(SourceShape, status=201, body=SourceDraftBody)
    def post(self, request: Request) -> Response:
        """The source; its first scan begins at once."""
        body = checked(SourceDraftBody, request.data)
        row = watching.create(who(request), body, request_id=request_id(request))
        return Response(SourceShape(watching.get(who(request), row.pk)).data, status=201)


class OneSource(Endpoint):
    """GET reads, PATCH changes, DELETE stops watching."""

    verbs = {"GET": "source.read", "PATCH": "source.change", "DELETE": "source.change"}

    @described(SourceShape)
    def get(self, request: Request, source_id: int) -> Response:
        """The source without secrets."""
        return Response(SourceShape(watching.get(who(request), source_id)).data)

    @described(SourceShape, body=SourceDraftBody(partial=True))
    def patch(self, request: Request, source_id: int) -> Response:
        """The source as it is now."""
        reader = SourceDraftBody(data=request.data, partial=True)
        reader.is_valid(raise_exception=True)
        watching.change(who(request), source_id, reader.validated_data, request_id=request_id(request))
        return self.get(request, source_id)

    @described(None, status=204)
    def delete(self, request: Request, source_id: int) -> Response:
        """Its scans go; releases and updates that came of them stay."""
        watching.delete(who(request), source_id, request_id=request_id(request))
        return Response(status=204)


class ScanNow(Endpoint):
    """POST reads every file again."""

    verbs = {"POST": "source.scan"}

    @described(ScanJobShape, status=202)
    def post(self, request: Request, source_id: int) -> Response:
        """The job, to be followed at /api/jobs/ID."""
        job = watching.scan_now(who(request), source_id, request_id=request_id(request))
        return Response({"job": str(job.pk)}, status=202)


class Scans(Endpoint):
    """GET lists a source's scans."""

    verbs = {"GET": "source.read"}

    @described(page_of(ScanShape), parameters=Pages.parameters)
    def get(self, request: Request, source_id: int) -> Response:
        """Newest first."""
        return paged(request, seen.scans(who(request), source_id), ScanShape)


class ManifestFiles(Endpoint):
    """GET lists the files of a scan's manifest."""

    verbs = {"GET": "source.read"}

    @described(page_of(FileShape), parameters=[*Pages.parameters, _LIMIT])
    def get(self, request: Request, source_id: int, scan_id: int) -> Response:
        """By path."""
        lines = seen.files(who(request), source_id, scan_id, request.query_params.get("path", ""))
        return paged(request, lines, FileShape)
