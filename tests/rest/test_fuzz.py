"""Schemathesis walks the OpenAPI document as an admin: whatever it sends, no answer is a 5xx."""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from controlplane.base.models import User
from registry.catalog import verbs as catalog

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
TOKEN = "a" * 32
schema = schemathesis.openapi.from_wsgi("/api/schema?format=json", get_wsgi_application())


@pytest.fixture
def cookies(person: Callable[..., User]) -> dict[str, str]:
    """A session of an admin and its CSRF token, with something in the database to hit."""
    admin = person("admin")
    catalog.create(admin, {"name": "x", "type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1"})
    client = Client()
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    return {"sessionid": client.cookies["sessionid"].value, "csrftoken": TOKEN}


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_no_answer_is_a_server_error(case: Any, cookies: dict[str, str]) -> None:
    answer = case.call(cookies=cookies, headers={"X-CSRFToken": TOKEN})
    case.validate_response(answer, checks=[not_a_server_error])
    assert answer.status_code != 403
