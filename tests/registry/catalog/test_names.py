"""A model's name is its address: what the console or the REST API has there already is no name."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from controlplane.base.models import User
from controlplane.base.refusals import Invalid
from registry.catalog import verbs as catalog
from registry.models import Model

pytestmark = pytest.mark.django_db
PLACES = ("models/", "api/models/")
CATCH_ALL = ("<path:name>", "<path:name>/", "")


def addresses(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """Every address of the site, with its converters."""
    for item in resolver.url_patterns:
        address = before + str(item.pattern)
        if isinstance(item, URLPattern):
            yield address
        else:
            yield from addresses(item, address)


def taken() -> list[str]:
    """Names that are addresses below the models' pages and the REST API of models."""
    found = set()
    for address in addresses(get_resolver()):
        for place in PLACES:
            below = address.removeprefix(place)
            if address.startswith(place) and below not in CATCH_ALL:
                name = re.sub(r"<path:[^>]*>", "org/name", below)
                found.add(re.sub(r"<[^>]*>", "1", name).rstrip("/"))
    return sorted({*found, "org/name/predict", "predict"})


@pytest.mark.parametrize("name", taken())
def test_no_model_can_be_saved_under_an_address_of_the_console_or_the_api(
    name: str, person: Callable[..., User]
) -> None:
    assert len(taken()) > 6
    document = {"name": name, "type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1"}
    with pytest.raises(Invalid, match="is an address"):
        catalog.create(person("engineer"), document)
    assert not Model.objects.exists()


@pytest.mark.parametrize("name", ["tags", "news", "org/tag", "org/new", "probe/x", "a/predictions", "imports"])
def test_what_only_looks_like_one_can_be_saved_and_read(name: str, visitor: Callable[..., Client]) -> None:
    client = visitor("engineer")
    body = {"name": name, "type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1"}
    assert client.post("/api/models/", body, content_type="application/json").status_code == 201
    assert client.get(f"/api/models/{name}").json()["name"] == name
    assert client.get(f"/models/{name}").status_code == 200
    assert client.delete(f"/api/models/{name}").status_code == 204


def test_an_alias_that_no_call_could_reach_is_refused(person: Callable[..., User]) -> None:
    document = {"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1"}
    with pytest.raises(Invalid, match="is an address"):
        catalog.create(person("engineer"), {**document, "aliases": ["n/predict"]})
