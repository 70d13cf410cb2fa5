"""Verdicts: against every release that still has callers, with descriptions, files and the scan's own findings."""

import json
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlplane.base.models import Change, Job, JobState, User
from registry.catalog import verbs
from registry.models import Model, Release, ReleaseAlias
from routing.models import CallRecord
from tests.versions.updating import a_model, a_scan, a_source, document, judged, keys, with_params
from versions import judging, proposing, update_policy
from versions.compat import running
from versions.models import Update, UpdateState
from versions.update_policy import UpdatePolicy

pytestmark = pytest.mark.django_db


def update_to(model: Model, params: Any = None, **more: Any) -> Update:
    return judged(proposing.propose(None, model, document(params=params, **more), origin="gitops"))


def test_an_adaptable_change_makes_a_release_whose_callers_notice_nothing() -> None:
    model = a_model()
    update = update_to(model, with_params(steps={"type": "int", "range": [1, 30]}))
    assert (update.verdict, update.report["raw_verdict"]) == ("compatible", "breaking")
    assert update.plan == [{"do": "clamp", "path": ["steps"], "low": 1, "high": 30}]
    (finding,) = [item for item in update.report["findings"] if item["key"] == "bound-tightened"]
    assert (finding["severity"], finding["was"], finding["settled"]) == ("compatible", "breaking", True)
    assert update.release is not None
    assert update.release.number == 2
    assert update.release.spec["params"]["steps"]["outside"] == "clamp"
    model.refresh_from_db()
    assert model.release == update.base, "the model's pointer moves when a rollout is promoted"
    assert len(update.plan_digest) == len(update.fingerprint) == 64


def test_a_break_waits_for_people_for_72_hours() -> None:
    update = update_to(a_model(), with_params(steps=None))
    assert (update.state, update.verdict, keys(update)) == (UpdateState.REVIEW, "breaking", ["parameter-removed"])
    assert update.deadline is not None
    assert 71 < (update.deadline - timezone.now()).total_seconds() / 3600 < 72
    assert update.release is not None
    assert update.release.spec["params"]["steps"]["sent"] is False
    assert "steps" in update.reason
    verbs = Change.objects.filter(object_id=str(update.pk)).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["update.propose", "update.judge", "update.ask"]


def test_equal_changes_of_two_models_have_one_fingerprint() -> None:
    marks = {update_to(a_model(document(name)), with_params(steps=None), name=name).fingerprint for name in ("a", "b")}
    assert len(marks) == 1


def a_release(model: Model, number: int, params: Any) -> Release:
    return Release.objects.create(model=model, number=number, spec=document(params=params), digest=f"{number:064}")


def an_older_release(model: Model) -> Release:
    """Release 1, which still took `style`; the model serves release 2, which does not."""
    assert model.release is not None
    older = a_release(model, 0, with_params(style={"type": "string", "options": ["vivid"]}))
    Release.objects.filter(pk=model.release.pk).update(number=2)
    Release.objects.filter(pk=older.pk).update(number=1)
    return older


def called(release: Release) -> None:
    CallRecord.objects.create(
        id=uuid.uuid4(), at=timezone.now(), model=release.model.name, task="chat", status=200, duration_ms=1,
        revision=1, release_id=release.pk,
    )  # fmt: skip


def test_releases_without_callers_are_not_judged_against() -> None:
    model = a_model()
    an_older_release(model)
    update = update_to(model, with_params(more={"type": "int"}))
    assert update.report["against"] == [{"release": 2, "why": ["live"]}]


@pytest.mark.parametrize("why", ["alias", "calls"])
def test_what_an_older_called_release_would_lose_counts_unless_the_live_one_lost_it(why: str) -> None:
    model = a_model()
    older = an_older_release(model)
    if why == "alias":
        ReleaseAlias.objects.create(name="pinned", release=older)
    else:
        called(older)
    update = update_to(model, with_params(quality={"type": "string", "options": ["low"]}))
    assert update.report["against"] == [{"release": 2, "why": ["live"]}, {"release": 1, "why": [why]}]
    assert keys(update) == ["enum-value-removed"]
    (lost,) = [item for item in update.report["findings"] if item["key"] == "enum-value-removed"]
    assert lost["releases"] == [2, 1]


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"steps": {"type": "integer", "minimum": 1, "maximum": 50}, "cfg": {"type": "number", "default": 7}},
}


def scanned(old: dict[str, str], new: dict[str, str], spec: Any = None, **more: Any) -> Update:
    source = a_source(a_model(spec))
    a_scan(source, old, **more.pop("old_files", {}))
    scan = a_scan(source, new, more.pop("findings", ()), **more.pop("new_files", {}))
    return judged(proposing.propose_from_scan(scan.pk))


def test_an_upstream_default_that_moved_is_pinned_where_the_spec_has_none() -> None:
    spec = document(params={"cfg": {"type": "float"}})
    moved = json.loads(json.dumps(SCHEMA))
    moved["properties"]["cfg"]["default"] = 3
    update = scanned({"parameters.json": json.dumps(SCHEMA)}, {"parameters.json": json.dumps(moved)}, spec)
    assert (update.verdict, update.plan) == ("compatible", [{"do": "pin", "path": ["cfg"], "value": 7}])
    assert update.release is not None
    assert update.release.spec["params"]["cfg"]["default"] == 7


def test_what_a_spec_cannot_say_of_a_description_is_told_beside_it() -> None:
    stricter = json.loads(json.dumps(SCHEMA))
    stricter["properties"]["steps"]["multipleOf"] = 8
    update = scanned({"parameters.json": json.dumps(SCHEMA)}, {"parameters.json": json.dumps(stricter)})
    assert keys(update) == ["multiple-of-narrowed"]
    assert update.report["findings"][0]["source"] == "parameters.json"


def openapi(path: str, **steps: Any) -> str:
    body = {"schema": {"$ref": "#/components/schemas/Body"}}
    operation = {
        "requestBody": {"content": {"application/json": body}},
        "responses": {"200": {"description": "x"}},
    }
    schema = {"type": "object", "properties": {"steps": {"type": "integer", **steps}}}
    return json.dumps(
        {
            "openapi": "3.1.0", "info": {"title": "x", "version": "1"},
            "paths": {path: {"post": operation}}, "components": {"schemas": {"Body": schema}},
        }
    )  # fmt: skip


def test_of_a_large_api_only_the_operations_of_this_model_count() -> None:
    path = "/v1/chat/completions"
    update = scanned(
        {"openapi.json": openapi(path, minimum=1, maximum=50)}, {"openapi.json": openapi(path, minimum=1, maximum=20)}
    )
    assert update.plan == [{"do": "clamp", "path": ["steps"], "low": 1, "high": 20}]
    assert update.verdict == "compatible"


def both(**steps: Any) -> str:
    """A document of two operations; `steps` is of the one that this model does not call."""
    document = json.loads(openapi("/v1/chat/completions"))
    other = json.loads(openapi("/v1/images", **steps))
    schemas = document["components"]["schemas"]
    schemas["Other"] = other["components"]["schemas"]["Body"]
    operation = json.loads(json.dumps(other["paths"]["/v1/images"]).replace("/Body", "/Other"))
    document["paths"]["/v1/images"] = operation
    return json.dumps(document)


def test_another_operations_change_is_nothing_to_this_model() -> None:
    update = scanned({"openapi.json": both(maximum=50)}, {"openapi.json": both(maximum=2)})
    assert (update.verdict, update.plan) == ("compatible", [])


def test_a_document_without_an_operation_that_is_called_counts_as_a_whole() -> None:
    update = scanned(
        {"openapi.json": openapi("/v1/images", multipleOf=1)}, {"openapi.json": openapi("/v1/images", multipleOf=8)}
    )
    assert keys(update) == ["multiple-of-narrowed"]


def branching(width: int, depth: int, **leaf: Any) -> str:
    """A schema whose every level refers to the next one many times."""
    levels = {
        f"L{number}": {
            "type": "object",
            "properties": {f"f{place}": {"$ref": f"#/$defs/L{number + 1}"} for place in range(width)},
        }
        for number in range(depth)
    }
    levels[f"L{depth}"] = {"type": "integer", **leaf}
    return json.dumps({"$schema": "x", "$defs": levels, "$ref": "#/$defs/L0"})


def test_a_schema_that_branches_without_end_is_judged_in_time() -> None:
    begun = time.process_time()
    update = scanned({"parameters.json": branching(30, 12)}, {"parameters.json": branching(30, 12, maximum=1)})
    assert update.state == UpdateState.REVIEW
    assert time.process_time() - begun < 60


def test_a_renamed_field_behind_a_parameter_of_another_name_moves_its_upstream_name() -> None:
    field = {"type": "number", "minimum": 1, "maximum": 20, "description": "how closely the prompt is followed"}
    spec = document(params={"creativity": {"type": "float", "range": [1, 20], "upstream": "guidanceScale"}})
    old = json.dumps({"type": "object", "properties": {"guidanceScale": field}})
    new = json.dumps({"type": "object", "properties": {"guidance_scale": field}})
    update = scanned({"parameters.json": old}, {"parameters.json": new}, spec)
    assert update.verdict == "compatible"
    assert update.release is not None
    assert update.release.spec["params"] == {
        "creativity": {"type": "float", "range": [1, 20], "upstream": "guidance_scale"}
    }


def test_other_weights_and_another_tokenizer_are_looked_at_by_a_person() -> None:
    old = {"w.safetensors": "a", "tokenizer.json": "a", "README.md": "a"}
    update = scanned({}, {}, old_files=old, new_files={**old, "w.safetensors": "b", "tokenizer.json": "b"})
    assert (update.verdict, sorted(keys(update))) == ("review", ["snapshot-changed", "tokenizer-changed"])


def test_a_changed_readme_needs_nobody_to_look() -> None:
    update = scanned({}, {}, old_files={"README.md": "a"}, new_files={"README.md": "b"})
    assert (update.verdict, update.report["findings"]) == ("compatible", [])
    assert update.release is not None
    assert update.base is not None
    assert (update.release.digest, update.release.manifest == "") == (update.base.digest, False)


def test_findings_of_the_scan_count_by_their_severity() -> None:
    unsafe = {"key": "unsafe-file", "severity": "breaking", "path": "x.pkl", "message": {"en": "x", "zh": "x"}}
    update = scanned({}, {}, findings=[unsafe, {"key": "odd"}], old_files={"x": "a"}, new_files={"x": "b"})
    assert (update.verdict, keys(update)) == ("breaking", ["unsafe-file", "odd"])
    assert all(item["fingerprint"] for item in update.report["findings"])


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"openapi": "3.1.0", "paths": ' + "[" * 5000,
        "a: \u0007",
        '{"$schema": 1, "properties": {"a": {"$ref": "#"}}}',
    ],
)
def test_a_description_that_cannot_be_read_or_runs_in_a_circle_is_judged_all_the_same(text: str) -> None:
    update = scanned({"openapi.json": json.dumps(SCHEMA)}, {"openapi.json": text})
    assert update.state == UpdateState.REVIEW


def test_what_is_adapted_by_policy_only() -> None:
    admin = User.objects.create_user("ada", password="x", role="admin")
    update_policy.change(admin, {"adapt": ["pin"]})
    update_policy.change(admin, {"hot_fix": False}, "m")
    assert update_policy.of("m") == UpdatePolicy(hot_fix=False, adapt=("pin",))
    assert update_policy.of("other") == UpdatePolicy(adapt=("pin",))
    update_policy.change(admin, {"hot_fix": True}, "m")
    update = update_to(a_model(), with_params(steps={"type": "int", "range": [1, 30]}))
    assert (update.verdict, update.report["alone"], update.state) == ("compatible", False, UpdateState.REVIEW)


def test_a_repeated_job_changes_nothing() -> None:
    update = update_to(a_model(), with_params(steps=None))
    count = Change.objects.count()
    proposing.enqueue(update)
    again = judged(update)
    assert (again.state, again.release, again.verdict) == (update.state, update.release, update.verdict)
    assert Change.objects.count() == count + 2, "judged again from review and put back"


def test_an_update_is_judged_against_what_the_model_serves_now() -> None:
    model = a_model()
    update = update_to(model, with_params(steps=None))
    verbs.change(User.objects.create_user("eve", password="x", role="engineer"), "m", document(params={}))
    proposing.enqueue(update)
    again = judged(update)
    model.refresh_from_db()
    assert (again.base, again.verdict) == (model.release, "compatible")


def promoted(update: Update) -> Model:
    """The model as it is once the update is live."""
    Model.objects.filter(pk=update.model_id).update(release=update.release)
    return Model.objects.select_related("release").get(pk=update.model_id)


def test_a_later_change_of_a_renamed_parameter_is_still_known_by_its_old_name() -> None:
    old = {"guidanceScale": {"type": "float", "range": [1, 20]}}
    first = update_to(a_model(document(params=old)), {"guidance_scale": {"type": "float", "range": [1, 20]}})
    assert first.verdict == "compatible"
    second = update_to(promoted(first), {"guidance_scale": {"type": "float", "range": [2, 9], "default": 5}})
    assert second.release is not None
    assert second.release.spec["params"]["guidanceScale"] == {
        "type": "float", "range": [2, 9], "default": 5, "upstream": "guidance_scale", "outside": "clamp",
    }  # fmt: skip
    assert keys(second) == ["default-changed"]


def test_a_parameter_that_is_no_longer_sent_stays_dropped_with_later_changes() -> None:
    first = update_to(a_model(), with_params(steps=None))
    second = update_to(promoted(first), with_params(steps=None, more={"type": "int"}))
    assert second.release is not None
    assert (second.verdict, second.release.spec["params"]["steps"]["sent"]) == ("compatible", False)
    third = update_to(promoted(second), with_params(more={"type": "int"}))
    assert third.release is not None
    assert (third.verdict, third.release.spec["params"]["steps"]) == ("compatible", {"type": "int", "range": [1, 50]})


def test_a_job_that_died_between_judging_and_testing_goes_on_there(monkeypatch: pytest.MonkeyPatch) -> None:
    update = proposing.propose(None, a_model(), document(params=with_params(steps=None)), origin="gitops")
    assert update is not None
    monkeypatch.setattr(running, "run", _killed)
    with pytest.raises(RuntimeError, match="killed"):
        judged(update)
    monkeypatch.undo()
    update.refresh_from_db()
    assert update.state == UpdateState.TESTING
    proposing.enqueue(update)
    again = judged(update)
    assert (again.state, again.release_id) == (UpdateState.REVIEW, update.release_id)
    verbs_of = Change.objects.filter(object_id=str(update.pk)).values_list("verb", flat=True)
    assert sorted(verbs_of) == ["update.ask", "update.judge", "update.propose"]


def _killed(*_: Any) -> Any:
    raise RuntimeError("killed")


def test_an_update_whose_job_is_gone_or_gave_up_does_not_get_stuck() -> None:
    update = proposing.propose(None, a_model(), document(params=with_params(steps=None)), origin="gitops")
    assert update is not None
    assert judging.recover() == 0, "its job is queued"
    Update.objects.update(moved_at=timezone.now() - timedelta(minutes=5))
    assert judging.recover() == 0
    Job.objects.all().delete()
    assert judging.recover() == 1
    Job.objects.update(state=JobState.FAILED, error={"message": "out of memory"})
    assert judging.recover() == 1
    update.refresh_from_db()
    assert (update.state, update.reason) == (UpdateState.UNREADABLE, "its job gave up: out of memory")


def test_one_that_was_judged_and_whose_tests_gave_up_is_for_people_to_decide() -> None:
    update = update_to(a_model(), with_params(steps=None))
    Update.objects.update(state=UpdateState.TESTING, moved_at=timezone.now() - timedelta(minutes=5))
    Job.objects.update(state=JobState.FAILED, error={"message": "out of memory"})
    assert judging.recover() == 1
    update.refresh_from_db()
    assert (update.state, update.reason) == (UpdateState.REVIEW, "its job gave up: out of memory")
