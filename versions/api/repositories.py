"""REST: repositories of specs and their pushes."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id
from versions.gitops import pushes, repositories
from versions.gitops.forges import FORGES
from versions.models import Push, SpecRepository


class RepositoryDraftBody(serializers.Serializer[Any]):
    """A git repository that holds specs. What is left out has its default, or stays when it is changed."""

    name = serializers.CharField(max_length=200)
    url = serializers.CharField(max_length=500)
    branch = serializers.CharField(max_length=200, required=False)
    folder = serializers.CharField(max_length=300, allow_blank=True, required=False)
    forge = serializers.ChoiceField(FORGES, required=False)
    status_api = serializers.CharField(max_length=500, allow_blank=True, required=False)
    credential = serializers.CharField(max_length=200, allow_blank=True, required=False)
    webhook_secret = serializers.CharField(max_length=500, allow_blank=True, required=False, write_only=True)


class RepositoryShape(serializers.ModelSerializer[SpecRepository]):
    """A repository, without secrets."""

    class Meta:
        model = SpecRepository
        fields = (
            *("id", "name", "url", "branch", "folder", "forge", "status_api", "credential", "revision"),
            *("state_reason", "created_at", "webhook"),
        )

    credential = serializers.SerializerMethodField()
    webhook = serializers.SerializerMethodField(
        help_text="whether a secret is set; without one its address answers 404"
    )

    def get_credential(self, row: SpecRepository) -> str:
        """Its name, empty without one."""
        return row.credential.name if row.credential else ""

    def get_webhook(self, row: SpecRepository) -> bool:
        """Whether a secret is set."""
        return bool(getattr(row, "has_webhook", False))


class PushShape(serializers.ModelSerializer[Push]):
    """One push: its plan, and how far it has come. `state` is pending, success, failure or error."""

    class Meta:
        model = Push
        fields = (
            *("id", "sha", "author", "message", "state", "words", "settled", "plan", "reported", "report_error"),
            *("job_id", "created_at", "planned_at"),
        )


class Repositories(Endpoint):
    """GET lists repositories, POST adds one."""

    verbs = {"GET": "source.read", "POST": "repository.change"}

    @described(page_of(RepositoryShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """By name."""
        return paged(request, repositories.listing(who(request)), RepositoryShape)

    @described(RepositoryShape, status=201, body=RepositoryDraftBody)
    def post(self, request: Request) -> Response:
        """The repository without secrets."""
        body = checked(RepositoryDraftBody, request.data)
        row = repositories.create(who(request), body, request_id=request_id(request))
        return Response(RepositoryShape(repositories.get(who(request), row.pk)).data, status=201)


class OneRepository(Endpoint):
    """GET reads, PATCH changes, DELETE forgets it; models and updates that came of it stay."""

    verbs = {"GET": "source.read", "PATCH": "repository.change", "DELETE": "repository.change"}

    @described(RepositoryShape)
    def get(self, request: Request, repository_id: int) -> Response:
        """The repository without secrets."""
        return Response(RepositoryShape(repositories.get(who(request), repository_id)).data)

    @described(RepositoryShape, body=RepositoryDraftBody(partial=True))
    def patch(self, request: Request, repository_id: int) -> Response:
        """The repository as it is now."""
        reader = RepositoryDraftBody(data=request.data, partial=True)
        reader.is_valid(raise_exception=True)
        repositories.change(who(request), repository_id, reader.validated_data, request_id=request_id(request))
        return self.get(request, repository_id)

    @described(None, status=204)
    def delete(self, request: Request, repository_id: int) -> Response:
        """Nothing."""
        repositories.delete(who(request), repository_id, request_id=request_id(request))
        return Response(status=204)


class PullNow(Endpoint):
    """POST reads the branch now, as after a push."""

    verbs = {"POST": "repository.change"}

    @described(PushShape, status=202)
    def post(self, request: Request, repository_id: int) -> Response:
        """The push, to be followed at /api/repositories/ID/pushes."""
        console = request.build_absolute_uri("/")
        push = pushes.pull(who(request), repository_id, console, request_id=request_id(request))
        return Response(PushShape(push).data, status=202)


class Pushes(Endpoint):
    """GET lists a repository's pushes."""

    verbs = {"GET": "source.read"}

    @described(page_of(PushShape), parameters=Pages.parameters)
    def get(self, request: Request, repository_id: int) -> Response:
        """The newest first."""
        return paged(request, repositories.pushes(who(request), repository_id), PushShape)
