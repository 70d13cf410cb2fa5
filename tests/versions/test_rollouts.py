"""Rollouts: who may do what, what each verb leaves in the tables, and that nothing is ever half released."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from controlplane.base.access import Forbidden
from controlplane.base.models import Change, User
from controlplane.base.refusals import Conflict, Invalid
from registry.catalog import verbs as catalog
from registry.models import Model
from routing.dataplane.snapshot import Snapshot
from routing.models import Deployment
from routing.rows import Rows
from tests.versions.rolling import a_model, approved, weights
from versions.models import Rollout, Update, UpdateState
from versions.rollout import plans, verbs, watch

pytestmark = pytest.mark.django_db
Person = Callable[..., User]


def rows_now() -> Snapshot:
    """What a gateway reads, on the connection of a thread of its own."""

    def read() -> Snapshot | None:
        rows = Rows()
        try:
            return rows.read(None)
        finally:
            rows.close()

    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(read).result()
    assert found is not None
    return found


def state_of(update: Update) -> str:
    return str(Update.objects.get(pk=update.pk).state)


def test_a_rollout_takes_its_steps_and_then_the_model_serves_the_new_release(person: Person) -> None:
    model = a_model(tags=["old"])
    update = approved(model, tags=["new"], owner="team-x")
    reviewer = person("reviewer")
    verbs.start(reviewer, update.pk, {"steps": [5, 50, 100], "bake_seconds": [60, 60, 60]})
    assert (state_of(update), weights(model)) == ("rolling", {"blue": 95, "green": 5})
    assert Model.objects.get(pk=model.pk).release_id == update.base_id
    verbs.step_on(person("engineer"), update.pk)
    assert weights(model) == {"blue": 50, "green": 50}
    verbs.promote(reviewer, update.pk, "looks good")
    served = Model.objects.get(pk=model.pk)
    assert (served.release_id, served.tags, served.owner) == (update.release_id, ["new"], "team-x")
    assert (state_of(update), weights(model)) == ("live", {})
    told = Change.objects.filter(object_id=str(update.pk)).order_by("pk").values_list("verb", flat=True)
    assert list(told) == ["update.start", "update.step", "update.promote"]
    assert Rollout.objects.get(update=update).ended_at is not None


def test_one_click_takes_a_live_update_back_and_the_one_before_it_stays_superseded(person: Person) -> None:
    model, admin = a_model(), person("admin")
    first = approved(model, description="one")
    verbs.start(admin, first.pk)
    verbs.promote(admin, first.pk)
    second = approved(Model.objects.select_related("release").get(pk=model.pk), description="two")
    verbs.start(admin, second.pk)
    verbs.promote(admin, second.pk)
    assert (state_of(first), state_of(second)) == ("superseded", "live")
    verbs.roll_back(admin, second.pk, "callers complain")
    assert state_of(second) == "rolled_back"
    assert Model.objects.get(pk=model.pk).release_id == first.release_id


def test_a_live_update_is_not_undone_over_a_later_edit(person: Person) -> None:
    model, admin = a_model(), person("admin")
    update = approved(model, description="new")
    verbs.start(admin, update.pk)
    verbs.promote(admin, update.pk)
    edited = Model.objects.select_related("release").get(pk=model.pk)
    assert edited.release is not None
    catalog.change(admin, model.name, {**edited.release.spec, "description": "by hand"})
    with pytest.raises(Conflict, match="another release"):
        verbs.roll_back(admin, update.pk)
    assert state_of(update) == "live"


def test_roles_and_states_are_asked_of_every_verb(person: Person) -> None:
    model = a_model()
    update = approved(model, description="new")
    with pytest.raises(Forbidden):
        verbs.start(person("engineer"), update.pk)
    verbs.start(person("reviewer"), update.pk)
    for verb in (verbs.step_on, verbs.pause, verbs.resume, verbs.promote, verbs.roll_back):
        with pytest.raises(Forbidden):
            verb(person("viewer"), update.pk)
    engineer = person("engineer")
    verbs.pause(engineer, update.pk, "lunch")
    for refused in (verbs.pause, verbs.step_on):
        with pytest.raises(Conflict):
            refused(engineer, update.pk)
    with pytest.raises(Conflict):
        verbs.start(person("admin"), update.pk)
    verbs.resume(engineer, update.pk)
    assert (state_of(update), weights(model)["green"]) == ("rolling", 1)


@pytest.mark.django_db(transaction=True)
def test_an_edit_during_a_rollout_ends_it_in_the_table_at_once_and_in_its_state_soon(person: Person) -> None:
    model, admin = a_model(), person("admin")
    update = approved(model, description="new")
    verbs.start(admin, update.pk)
    begun = rows_now()
    assert [(split.model, split.weight) for split in begun.splits] == [(model.name, 1)]
    assert [row.release_id for row in begun.beside] == [update.release_id]
    assert model.release is not None
    catalog.change(admin, model.name, {**model.release.spec, "description": "by hand"})
    edited = rows_now()
    assert (edited.splits, edited.beside) == ((), ())
    watch.watch()
    assert (state_of(update), weights(model)) == ("rolled_back", {})
    assert "changed the model" in Update.objects.get(pk=update.pk).reason


@pytest.mark.parametrize("how", ["disable", "delete"])
def test_a_model_that_is_disabled_or_deleted_ends_its_rollout(person: Person, how: str) -> None:
    model, admin = a_model(), person("admin")
    update = approved(model, description="new")
    verbs.start(admin, update.pk)
    getattr(catalog, how)(admin, [model.pk])
    watch.watch()
    assert not Deployment.objects.exists()
    assert not Update.objects.filter(pk=update.pk).exclude(state=UpdateState.ROLLED_BACK).exists()


def test_what_is_approved_starts_by_itself_unless_its_plan_says_otherwise(person: Person) -> None:
    fast, manual = a_model(tags=["practice"]), a_model()
    first, second = approved(fast, description="new"), approved(manual, description="new")
    plans.change(person("admin"), {"automatic": False}, manual.name)
    assert verbs.start_approved() == 1
    assert (state_of(first), state_of(second)) == ("rolling", "approved")
    assert Rollout.objects.get(update=first).steps == [10, 50, 100]


def test_an_approved_update_of_a_release_that_serves_no_more_goes_back_into_review(person: Person) -> None:
    model, admin = a_model(), person("admin")
    update = approved(model, description="new")
    assert model.release is not None
    catalog.change(admin, model.name, {**model.release.spec, "description": "by hand"})
    assert verbs.start_approved() == 0
    found = Update.objects.get(pk=update.pk)
    assert found.state == "review"
    assert "judged again" in found.reason


@pytest.mark.django_db(transaction=True)
def test_of_many_parallel_promotions_and_ways_back_one_wins(person: Person) -> None:
    model, admin = a_model(), person("admin")
    update = approved(model, description="new")
    verbs.start(admin, update.pk)
    start, won = threading.Barrier(20), []

    def act(number: int) -> None:
        start.wait()
        try:
            (verbs.go_live if number % 2 else verbs.go_back)(update.pk, "why")
            won.append(number % 2)
        except Conflict:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    served = Model.objects.get(pk=model.pk).release_id
    assert (state_of(update), served) == (("live", update.release_id) if won[0] else ("rolled_back", update.base_id))
    assert weights(model) == {}


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"steps": [50, 5, 100]}, "growing"),
        ({"steps": [50]}, "growing"),
        ({"steps": [50, 100], "bake_seconds": [5]}, "one a step"),
        ({"base": "quick"}, "careful or fast"),
        ({"guards": {"slower": 0.5}}, "slower"),
        ({"guards": {"speed": 1}}, "speed"),
        ({"steps": "all"}, "array"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_wrong_plan_is_refused_in_words(person: Person, given: dict[str, object], word: str) -> None:
    with pytest.raises(Invalid, match=word):
        plans.change(person("admin"), given)


def test_plans_are_set_for_the_installation_and_for_single_models(person: Person) -> None:
    admin, model = person("admin"), a_model()
    plans.change(admin, {"steps": [20, 100], "bake_seconds": [1, 1], "sticky": True})
    assert plans.of(model).steps == (20, 100)
    plans.change(admin, {"base": "fast", "guards": {"failed_points": 2}}, model.name)
    own = plans.of(model)
    assert (own.steps, own.guards.failed_points, own.guards.least_calls) == ((10, 50, 100), 2, 0)
    plans.change(admin, {}, model.name)
    assert plans.of(model).sticky
    with pytest.raises(Forbidden):
        plans.change(person("reviewer"), {})
