"""Examples that a model page and the playground offer are answered."""

import json
from collections.abc import Callable

import pytest

from controlplane.base.jobs import engine
from controlplane.base.models import User
from registry import snippets
from registry.catalog import importing
from registry.detection import trying
from registry.models import Model
from tests.upstreams import Upstreams


@pytest.mark.django_db(transaction=True)
def test_example_of_a_proven_tensor_model_is_answered(upstreams: Upstreams, person: Callable[..., User]) -> None:
    engineer = person("engineer")
    importing.start(engineer, upstreams.yaml(12), "fleet.yaml")
    engine.work({"import": importing.run})
    models = list(Model.objects.filter(type="tensor").select_related("release"))
    assert len(models) == 2
    for model in models:
        path, body = snippets.example(model.name, model.type, model.example)
        assert path == f"models/{model.name}/predict"
        assert model.release is not None
        shown = trying.try_call(engineer, model.release.spec, body={"inputs": body["inputs"]})
        assert (shown.status, shown.failure) == (200, None)
        assert json.dumps(body["inputs"]) in snippets.snippets(model.name, "tensor", "http://x", model.example)["curl"]
