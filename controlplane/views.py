"""Pages of the roof: the overview and the answers that belong to no app."""

from django.http import HttpRequest, HttpResponse


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose token is missing or old."""
    return HttpResponse(f"This form has expired ({reason}). Reload the page and send it again.", status=403)
