"""Hypothesis walks a rollout: whatever happens in whatever order, nothing is ever half released."""

from collections.abc import Callable
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from controlplane.base.models import User
from controlplane.base.refusals import Refused
from registry.catalog import lineage
from registry.catalog import verbs as catalog
from registry.models import Model
from routing.models import Colour, Deployment
from tests.versions.rolling import a_model, approved, later, weights
from versions.models import Rollout, Update, UpdateState
from versions.rollout import plans, verbs, watch

PLAN = {"steps": [10, 50, 100], "bake_seconds": [10, 10, 10]}
Move = Callable[[User, Update], Any]
MOVES: dict[str, Move] = {
    "start": lambda person, update: verbs.start(person, update.pk, PLAN),
    "step": lambda person, update: verbs.step_on(person, update.pk),
    "pause": lambda person, update: verbs.pause(person, update.pk),
    "resume": lambda person, update: verbs.resume(person, update.pk),
    "promote": lambda person, update: verbs.promote(person, update.pk),
    "roll back": lambda person, update: verbs.roll_back(person, update.pk),
    "break": lambda person, update: verbs.go_back(update.pk, "broken", broken=True),
    "disable": lambda person, update: catalog.disable(person, [update.model_id]),
    "enable": lambda person, update: catalog.enable(person, [update.model_id]),
    "restore": lambda person, update: lineage.restore(person, update.model.name, 1),
    "approve again": lambda person, update: Update.objects.filter(pk=update.pk, state="rolled_back").update(
        state="approved"
    ),
}


class RolloutWalk(RuleBasedStateMachine):
    """Two updates of one model, moved by a person, by the watch, and by edits beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.person = User.objects.create(username=f"walker-{User.objects.count()}", role="admin")
        self.model = a_model()
        self.updates = [approved(self.model, description="one"), approved(self.model, description="two")]
        plans.change(self.person, {"automatic": False})

    @rule(which=st.integers(0, 1), move=st.sampled_from(sorted(MOVES)))
    def move(self, which: int, move: str) -> None:
        try:
            MOVES[move](self.person, self.updates[which])
        except Refused:
            return

    @rule(seconds=st.sampled_from([1, 11, 100]))
    def time_passes(self, seconds: int) -> None:
        later(seconds)
        watch.watch()

    @rule(word=st.sampled_from(["a", "b"]))
    def edit(self, word: str) -> None:
        model = Model.objects.select_related("release").get(pk=self.model.pk)
        assert model.release is not None
        catalog.change(self.person, model.name, {**model.release.spec, "description": f"by hand {word}"})

    @invariant()
    def deployments_are_there_while_something_rolls_and_only_then(self) -> None:
        rolling = Update.objects.filter(model=self.model, state__in=verbs.ROLLS).first()
        shares = weights(self.model)
        if rolling is None:
            assert shares == {}
            return
        assert sum(shares.values()) == 100
        rollout = Rollout.objects.get(update=rolling, ended_at=None)
        assert shares["green"] == rollout.steps[rollout.position]
        both = Deployment.objects.filter(model=self.model)
        assert both.get(colour=Colour.GREEN).release_id == rolling.release_id
        assert both.get(colour=Colour.BLUE).release_id == rolling.base_id

    @invariant()
    def at_most_one_update_is_live_and_what_is_not_serves_nothing(self) -> None:
        updates = Update.objects.filter(model=self.model)
        assert updates.filter(state=UpdateState.LIVE).count() <= 1
        served = Model.objects.get(pk=self.model.pk).release_id
        serving = updates.filter(release=served).first()
        assert serving is None or serving.state in (UpdateState.LIVE, UpdateState.SUPERSEDED)


class TestRolloutWalks(HypothesisTestCase):
    """Walks of 20 steps."""

    def test_any_walk_leaves_nothing_half_released(self) -> None:
        run_state_machine_as_test(
            RolloutWalk, settings=hypothesis_settings(max_examples=30, stateful_step_count=20, deadline=None)
        )
