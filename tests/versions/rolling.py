"""Models with an approved update, and counts as gateways tell them, for tests of rollouts."""

import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction

from controlplane.base import events, redis_names
from registry.catalog import releases
from registry.models import Model, Release
from registry.specfile import file as spec_file
from routing.dataplane.colours import ColourCounts, SplitCounts, ToldCounts, bucket
from routing.models import Colour, Deployment
from versions.models import Rollout, Update, UpdateState

ENDPOINT = "http://127.0.0.1:9"


def spec(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "llm", "protocol": "openai", "endpoint": ENDPOINT, **more}


@transaction.atomic
def a_model(name: str = "", **more: Any) -> Model:
    """A model as the catalogue writes it, with one release."""
    document = spec(name or f"m-{uuid.uuid4().hex[:8]}", **more)
    read = spec_file.read(document)
    releases.store([releases.Entry(read, spec_file.digest(document))], None)
    Model.objects.filter(name=read.name).update(state="ready")
    return Model.objects.select_related("release").get(name=read.name)


def approved(model: Model, **more: Any) -> Update:
    """An approved update of a model, whose new release differs by `more`."""
    assert model.release is not None
    document = {**model.release.spec, **more}
    release = Release.objects.create(
        model=model,
        number=model.releases.count() + 1,
        spec=spec_file.document(spec_file.read(document)),
        digest=spec_file.digest(document),
    )
    return Update.objects.create(
        model=model,
        base=model.release,
        release=release,
        origin="scan",
        state=UpdateState.APPROVED,
        verdict="compatible",
    )


def weights(model: Model) -> dict[str, int]:
    return dict(Deployment.objects.filter(model=model).values_list("colour", "weight"))


def tell(
    model: Model, blue: Mapping[str, int], green: Mapping[str, int], process: str = "p1", age: float = 0.0
) -> None:
    """What one gateway has counted of a model's rollout; those of `calls` that are no failure took 100 ms."""
    number = Deployment.objects.get(model=model, colour=Colour.GREEN).pk
    told = ToldCounts(time.time() - age, {number: SplitCounts(_colour(blue), _colour(green))})
    events.store().hset(redis_names.COLOURS, process, msgspec.json.encode(told).decode())


def _colour(given: Mapping[str, int]) -> ColourCounts:
    counts = ColourCounts()
    for name, value in given.items():
        setattr(counts, name, value)
    counts.waits[bucket(100.0)] = counts.calls - counts.failed - counts.refused
    return counts


def later(seconds: float) -> None:
    """Let every rollout look as if its step and its last reading were so much older."""
    for rollout in Rollout.objects.filter(ended_at=None):
        readings = {**rollout.readings, "at": rollout.readings.get("at", 0.0) - seconds}
        Rollout.objects.filter(pk=rollout.pk).update(
            step_at=rollout.step_at - timedelta(seconds=seconds), readings=readings
        )
