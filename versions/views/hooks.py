"""Where webhooks arrive. Nobody is signed in here: the signature is the permission."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from controlplane.base.messages import message_of
from controlplane.base.web.doors import open_page
from versions import scanning, watching
from versions.gitops import pushes, repositories
from versions.models import Source, SpecRepository
from versions.webhooks import MOST_BYTES, Delivered, Effect, WebhookRefused, receive

QUIET = ("ping", "System Hook")
"""Events by which a forge only says hello."""


@csrf_exempt
@open_page("POST")
def source_hook(request: HttpRequest, source_id: int) -> HttpResponse:
    """A push at a source's upstream: the source is scanned at once. Without a secret there is nothing here."""
    source = Source.objects.filter(pk=source_id, enabled=True).first()
    secret = watching.webhook_secret(source) if source is not None else ""
    if source is None or not secret:
        return _error(404, "not_found", "there is no webhook at this address")

    def effect(delivered: Delivered) -> dict[str, Any]:
        if delivered.event in QUIET:
            return {"job": None}
        return {"job": str(scanning.enqueue(source, "webhook").pk)}

    return _received(request, f"source:{source.pk}", secret, effect)


@csrf_exempt
@open_page("POST")
def repository_hook(request: HttpRequest, repository_id: int) -> HttpResponse:
    """A push to a repository of specs: its commit is read, planned and proposed. Without a secret nothing is here."""
    repository = SpecRepository.objects.filter(pk=repository_id).first()
    secret = repositories.webhook_secret(repository) if repository is not None else ""
    if repository is None or not secret:
        return _error(404, "not_found", "there is no webhook at this address")
    console = request.build_absolute_uri("/")
    return _received(
        request, f"repository:{repository.pk}", secret,
        lambda delivered: pushes.delivered(repository, delivered, console),
    )  # fmt: skip


def raw_body(request: HttpRequest) -> bytes | None:
    """The body as it was sent; None if it is too large."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not declared.isdigit() or int(declared) > MOST_BYTES:
        return None
    body = request.body
    return body if len(body) <= MOST_BYTES else None


def _received(request: HttpRequest, place: str, secret: str, effect: Effect) -> HttpResponse:
    body = raw_body(request)
    if body is None:
        return _error(413, "too_large", f"a delivery may have at most {MOST_BYTES} bytes")
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        received = receive(place, secret, headers, body, effect)
    except WebhookRefused as refusal:
        return _error(401, "webhook_refused", message_of(refusal))
    return JsonResponse({**received.effect, "copy": received.copy}, status=202)


def _error(status: int, code: str, message: str) -> HttpResponse:
    return JsonResponse({"error": {"code": code, "message": message, "detail": None}}, status=status)
