"""The state table of updates: what can follow what, and who wins when many move one update at once."""

import threading
import uuid

import pytest
from django.db import connection
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from controlplane.base.models import Change
from controlplane.base.refusals import Conflict, Missing
from registry.models import Model, Release
from versions import flow
from versions.flow import TABLE, UpdateEvent
from versions.models import Update, UpdateState

FINAL = {UpdateState.SUPERSEDED}


def an_update(state: UpdateState = UpdateState.SEEN, name: str = "m") -> Update:
    model = Model.objects.create(
        name=f"{name}-{uuid.uuid4().hex[:8]}", type="llm", protocol="openai", endpoint="http://x"
    )
    base = Release.objects.create(model=model, number=1, spec={}, digest="a" * 64)
    release = Release.objects.create(model=model, number=2, spec={}, digest="b" * 64)
    return Update.objects.create(model=model, base=base, release=release, origin="scan", state=state)


def test_every_state_can_be_left_and_reached() -> None:
    """Nothing gets stuck: only a superseded update ends for good, and every state but the first is reached."""
    left = {state for state, _ in TABLE}
    assert set(UpdateState) - left == FINAL
    assert set(UpdateState) - set(TABLE.values()) == {UpdateState.SEEN}


def test_live_is_reached_only_through_approval() -> None:
    """No path leads from seen to live that does not pass through approved."""
    reached, open_ = {UpdateState.SEEN}, [UpdateState.SEEN]
    while open_:
        state = open_.pop()
        for (source, _), target in TABLE.items():
            if source == state and target != UpdateState.APPROVED and target not in reached:
                reached.add(target)
                open_.append(target)
    assert UpdateState.ROLLING not in reached
    assert UpdateState.LIVE not in reached


@pytest.mark.django_db
def test_an_unknown_update_is_missing() -> None:
    with pytest.raises(Missing, match="there is no update"):
        flow.move(uuid.uuid4(), UpdateEvent.JUDGE)


@pytest.mark.django_db(transaction=True)
def test_fifty_parallel_approvals_have_one_winner() -> None:
    update = an_update(UpdateState.REVIEW)
    won: list[Update] = []
    lost: list[Conflict] = []
    start = threading.Barrier(50)

    def approve() -> None:
        start.wait()
        try:
            won.append(flow.move(update.pk, UpdateEvent.APPROVE))
        except Conflict as refusal:
            lost.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=approve) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 49)
    assert lost[0].detail == {"state": "approved", "event": "approve"}
    assert Change.objects.filter(object_id=str(update.pk)).count() == 1


class UpdateWalk(RuleBasedStateMachine):
    """Any events in any order: the row follows the table, refusals change nothing, each move is audited once."""

    def __init__(self) -> None:
        super().__init__()
        self.update = an_update()
        self.state = UpdateState.SEEN
        self.moves = 0

    @rule(event=st.sampled_from(list(UpdateEvent)))
    def happen(self, event: UpdateEvent) -> None:
        expected = TABLE.get((self.state, event))
        if expected is None:
            with pytest.raises(Conflict):
                flow.move(self.update.pk, event)
            return
        moved = flow.move(self.update.pk, event, reason="why")
        self.state = expected
        self.moves += 1
        assert moved.state == expected
        assert moved.reason == "why"
        assert (moved.live_at is not None) or expected != UpdateState.LIVE

    @invariant()
    def row_is_where_it_should_be(self) -> None:
        assert Update.objects.get(pk=self.update.pk).state == self.state
        assert Change.objects.filter(object_id=str(self.update.pk)).count() == self.moves


class TestWalks(HypothesisTestCase):
    """Hypothesis walks the table."""

    def test_any_walk_follows_the_table(self) -> None:
        run_state_machine_as_test(
            UpdateWalk, settings=hypothesis_settings(max_examples=40, stateful_step_count=25, deadline=None)
        )
