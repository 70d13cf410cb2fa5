"""Proposals: by people and by scans, unchanged ones, unreadable ones, newer ones, and those that were decided on."""

import json
import threading
from typing import Any

import pytest
from django.db import connection

from controlplane.base.access import Forbidden
from controlplane.base.models import Change, Job, User
from controlplane.base.refusals import Missing
from registry.models import Model
from tests.versions.updating import PARAMS, a_model, a_scan, a_source, an_engineer, document, with_params
from versions import flow, proposing
from versions.flow import UpdateEvent
from versions.models import Update, UpdateState

pytestmark = pytest.mark.django_db
NARROWER = document(params=with_params(steps={"type": "int", "range": [1, 30]}))


def proposed(model: Model, spec: Any = None, origin: str = "gitops") -> Update:
    update = proposing.propose(None, model, NARROWER if spec is None else spec, origin=origin)
    assert update is not None
    return update


def test_a_persons_proposal_is_seen_audited_and_enqueued() -> None:
    model, eve = a_model(), an_engineer()
    update = proposing.propose(eve, model, NARROWER, origin="person")
    assert update is not None
    assert (update.state, update.author, update.base, update.release) == (UpdateState.SEEN, eve, model.release, None)
    assert update.proposed["params"]["steps"] == {"type": "int", "range": [1, 30]}
    assert Job.objects.get().input == {"update": str(update.pk)}
    assert Change.objects.get(verb="update.propose").object_id == str(update.pk)


def test_a_viewer_may_not_propose() -> None:
    with pytest.raises(Forbidden):
        proposing.propose(User(role="viewer"), a_model(), NARROWER, origin="person")


def test_what_is_served_already_is_no_update() -> None:
    model = a_model()
    assert proposing.propose(None, model, document(), origin="gitops") is None
    assert proposing.propose(None, model, json.dumps(document()), origin="gitops") is None
    assert not Update.objects.exists()


def test_the_same_again_gives_the_open_update_and_another_supersedes_it() -> None:
    model = a_model()
    first = proposed(model)
    assert proposed(model).pk == first.pk
    second = proposed(model, document(params=with_params(steps={"type": "int", "range": [1, 20]})))
    first.refresh_from_db()
    assert (first.state, second.state) == (UpdateState.SUPERSEDED, UpdateState.SEEN)


def test_one_that_rolls_is_not_superseded() -> None:
    model = a_model()
    first = proposed(model)
    for event in (UpdateEvent.JUDGE, UpdateEvent.CLEAR, UpdateEvent.START):
        flow.move(first.pk, event)
    proposed(model, document(params={}))
    first.refresh_from_db()
    assert first.state == UpdateState.ROLLING


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("{", "neither JSON nor YAML"),
        ("- a\n- b", "a spec is a mapping"),
        ("x" * 2_000_001, "at most 2000000 are read"),
        (b"\xff\xfe\x00", "neither JSON nor YAML"),
        ("[" * 100_000, ""),
        ({"name": "m"}, "type is missing"),
        (document("other"), "its name is 'other' and not 'm'"),
        (document(credential="nobody"), "no credential named 'nobody'"),
        (document(params={"n": {"type": "int", "range": "a\x00b"}}), "params.n.range"),
        (document(params={"n": {"type": "int", "range": [float("nan"), 1]}}), "params.n.range"),
    ],
)
def test_what_is_no_spec_is_kept_with_the_reason(spec: Any, why: str) -> None:
    update = proposed(a_model(), spec)
    assert update.state == UpdateState.UNREADABLE
    assert why in update.reason
    assert update.release is None
    assert not Job.objects.exists()


def test_a_circle_is_told() -> None:
    circle: dict[str, Any] = document()
    circle["params"] = {"a": circle}
    assert "Circular" in proposed(a_model(), circle).reason


def test_a_model_without_a_release_has_nothing_to_update() -> None:
    model = Model.objects.create(name="bare", type="llm", protocol="openai", endpoint="http://x")
    with pytest.raises(Missing, match="no release"):
        proposing.propose(None, model, document("bare"), origin="gitops")


OLD = {"type": "object", "properties": {"steps": {"type": "integer", "minimum": 1, "maximum": 50}}}
NEW = {"type": "object", "properties": {"steps": {"type": "integer", "minimum": 1, "maximum": 30}}}


def test_the_first_scan_is_what_later_ones_are_held_against() -> None:
    source = a_source(a_model())
    first = a_scan(source, {"parameters.json": json.dumps(OLD)})
    assert proposing.propose_from_scan(first.pk) is None
    again = a_scan(source, {"parameters.json": json.dumps(OLD)})
    assert proposing.propose_from_scan(again.pk) is None
    update = proposing.propose_from_scan(a_scan(source, {"parameters.json": json.dumps(NEW)}).pk)
    assert update is not None
    assert update.proposed["params"] == {**PARAMS, "steps": {"type": "int", "range": [1, 30]}}
    assert (update.origin, update.source) == ("scan", source)


def test_files_that_were_rejected_are_not_proposed_again() -> None:
    source = a_source(a_model())
    a_scan(source, {"parameters.json": json.dumps(OLD)})
    update = proposing.propose_from_scan(a_scan(source, {"parameters.json": json.dumps(NEW)}).pk)
    assert update is not None
    for event in (UpdateEvent.JUDGE, UpdateEvent.ASK, UpdateEvent.REJECT):
        flow.move(update.pk, event)
    assert proposing.propose_from_scan(a_scan(source, {"parameters.json": json.dumps(NEW)}).pk) is None


def test_a_source_that_goes_back_takes_its_open_proposal_along() -> None:
    """Who approved it later would put live what the upstream does not have any more."""
    source = a_source(a_model())
    a_scan(source, {"parameters.json": json.dumps(OLD)})
    update = proposing.propose_from_scan(a_scan(source, {"parameters.json": json.dumps(NEW)}).pk)
    assert update is not None
    assert proposing.propose_from_scan(a_scan(source, {"parameters.json": json.dumps(OLD)}).pk) is None
    update.refresh_from_db()
    assert update.state == UpdateState.SUPERSEDED
    assert "went back to what m serves" in update.reason


def test_a_spec_among_the_files_is_the_proposal() -> None:
    source = a_source(a_model())
    a_scan(source, {"model.yaml": json.dumps({"models": [document()]})})
    update = proposing.propose_from_scan(a_scan(source, {"model.yaml": json.dumps({"models": [NARROWER]})}).pk)
    assert update is not None
    assert update.proposed["params"]["steps"]["range"] == [1, 30]


def test_a_spec_that_left_its_file_is_kept_with_the_reason() -> None:
    source = a_source(a_model())
    a_scan(source, {"model.yaml": json.dumps({"models": [document()]})})
    update = proposing.propose_from_scan(a_scan(source, {"model.yaml": json.dumps({"models": [document("z")]})}).pk)
    assert update is not None
    assert (update.state, update.reason) == (
        UpdateState.UNREADABLE, "a spec is a mapping with name, type, protocol and endpoint",
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_of_parallel_equal_proposals_there_is_one_update() -> None:
    model = a_model()
    start = threading.Barrier(8)

    def propose() -> None:
        start.wait()
        try:
            proposed(model)
        finally:
            connection.close()

    threads = [threading.Thread(target=propose) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Update.objects.count() == 1
    assert Job.objects.count() == 1


def test_an_unfinished_scan_is_missing() -> None:
    with pytest.raises(Missing, match="no finished scan"):
        proposing.propose_from_scan(12345)
