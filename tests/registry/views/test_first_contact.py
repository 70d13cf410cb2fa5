"""What a program meets first: the index and the document of the API, and the code on the page of a new key."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.site import write_models

Visitor = Callable[..., Client]
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_index_leads_on(visitor: Visitor, db: None) -> None:
    index = visitor().get("/api/").json()
    assert index["schema"].endswith("/api/schema")
    assert visitor().get(index["schema"]).status_code == 200


def test_document_is_shown_and_kept_on_demand(visitor: Visitor, db: None) -> None:
    shown = visitor().get("/api/schema", headers=BROWSER)
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert shown.headers["Content-Type"] == "text/yaml; charset=utf-8"
    assert shown.content.startswith(b"openapi: 3")
    assert visitor().get("/api/schema?download").headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("models", "called"), [("", "chat-00000"), ("embed-*", "embed-00001"), ("nothing-*", "/v1/models")]
)
def test_code_beside_a_new_key_carries_the_key_and_calls_what_it_may(
    visitor: Visitor, models: str, called: str
) -> None:
    write_models(3)
    form = {"name": "app", "scopes": ["call"], "models": models}
    answer = visitor("engineer").post("/keys/create", form)
    secret, code = answer.context["secret"], answer.context["snippet"]
    assert code.startswith(f"export PATCHBAY_KEY={secret}\n")
    assert called in code
    assert "…" not in code
