"""What every page template needs."""

from typing import Any

from django.http import HttpRequest


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Context of every page: the signed-in person's theme."""
    return {"theme": getattr(getattr(request, "user", None), "theme", "system")}
