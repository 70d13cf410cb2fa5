"""Breakers, the retry budget, limits per key and policies, by their promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from registry.canon import Failure
from registry.spec import Spec, Timeouts
from registry.transports.target import Target
from routing.dataplane.breaker import Breakers
from routing.dataplane.limits import CallLimits
from routing.dataplane.retries import RetryBudget
from routing.policies import least_outstanding, round_robin
from routing.policies.choice import Candidate, Choice, DecisionPoint, Policy
from routing.table import Caller, Replica, ServedModel, Table

EMPTY = Table(1, {}, {}, {}, ())


def replicas(count: int) -> list[Replica]:
    return [Replica(f"r{number}", Target("http", "127.0.0.1", 80, f"/{number}")) for number in range(count)]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_five_failures_in_a_row_eject_for_thirty_seconds_then_one_trial_decides() -> None:
    clock = Clock()
    breakers = Breakers(clock)
    pool = replicas(3)
    for _ in range(4):
        breakers.failed("r0")
    assert breakers.usable(pool) == pool
    breakers.failed("r0")
    assert breakers.open() == ("r0",)
    assert breakers.usable(pool) == pool[1:]
    clock.now += 29.9
    assert not breakers.allows("r0")
    clock.now += 0.2
    assert breakers.allows("r0")
    breakers.started("r0")
    assert not breakers.allows("r0")
    breakers.failed("r0")
    clock.now += 1
    assert not breakers.allows("r0")
    clock.now += 30
    breakers.started("r0")
    breakers.abandoned("r0")
    assert breakers.allows("r0")
    breakers.succeeded("r0")
    assert breakers.open() == ()


def test_a_success_between_failures_keeps_the_circuit_closed() -> None:
    breakers = Breakers(Clock())
    for _ in range(20):
        for _ in range(4):
            breakers.failed("r0")
        breakers.succeeded("r0")
    assert breakers.open() == ()


@given(st.integers(1, 12), st.sets(st.integers(0, 11)))
def test_never_fewer_than_half_of_a_pool_is_offered(count: int, bad: set[int]) -> None:
    breakers = Breakers(Clock())
    for number in bad:
        for _ in range(5):
            breakers.failed(f"r{number}")
    offered = breakers.usable(replicas(count))
    assert len(offered) * 2 >= count
    good = [replica for replica in replicas(count) if int(replica.key[1:]) not in bad]
    assert list(offered) == (good if len(good) * 2 >= count else replicas(count))


@given(st.integers(1, 2000))
def test_retries_stay_within_a_fifth_of_calls_beyond_the_reserve(calls: int) -> None:
    budget = RetryBudget()
    retries = 0
    for _ in range(calls):
        budget.earn()
        retries += budget.spend()
    assert retries <= 10 + calls * 0.2 + 1e-6
    assert retries >= min(10, calls)


def caller(per_minute: int | None = None, at_once: int | None = None) -> Caller:
    return Caller(1, "app", frozenset({"call"}), calls_per_minute=per_minute, max_concurrency=at_once)


def test_a_limit_of_twenty_admits_exactly_twenty_then_says_when() -> None:
    limits = CallLimits(Clock())
    answers = [refusal(limits, caller(per_minute=20)) for _ in range(200)]
    assert answers[:20] == [None] * 20
    for failure in answers[20:]:
        assert failure is not None
        assert failure.code == "rate_limit_exceeded"
        assert failure.retry_after == pytest.approx(3.0)


def refusal(limits: CallLimits, who: Caller) -> Failure | None:
    try:
        limits.admit(who)
    except Failure as failure:
        return failure
    return None


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 30))
def test_no_minute_holds_more_than_twice_the_limit_and_waiting_as_told_admits(gaps: list[float], limit: int) -> None:
    clock = Clock()
    limits = CallLimits(clock)
    times = []
    for gap in gaps:
        clock.now += gap
        failure = refusal(limits, caller(per_minute=limit))
        if failure is not None:
            clock.now += (failure.retry_after or 0) + 1e-6
            limits.admit(caller(per_minute=limit))
        times.append(clock.now)
    for start in times:
        assert sum(start <= at < start + 60 for at in times) <= 2 * limit + 1


class Concurrency(RuleBasedStateMachine):
    """Admissions and releases in any order never pass the limit nor refuse below it."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = CallLimits(Clock())
        self.running = 0

    @rule()
    def enter(self) -> None:
        try:
            self.limits.admit(caller(at_once=3))
        except Failure:
            assert self.running == 3
        else:
            self.running += 1

    @rule()
    def leave(self) -> None:
        if self.running:
            self.limits.release(caller(at_once=3))
            self.running -= 1

    @invariant()
    def counted(self) -> None:
        assert self.limits.in_flight(caller(at_once=3)) == self.running <= 3


TestConcurrency = Concurrency.TestCase


MODEL = ServedModel("m", Spec("m", "llm", "openai", (), "m"), None, (), Timeouts(), 0)


def taken(policy: Policy, candidates: list[Candidate], number: int) -> Choice:
    return policy(EMPTY, DecisionPoint(MODEL, number), candidates)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(0, 100))
def test_policies_take_what_they_say(loads: list[int], number: int) -> None:
    candidates = [Candidate(replica, load) for replica, load in zip(replicas(len(loads)), loads, strict=True)]
    assert taken(least_outstanding.choose, candidates, number).parts == {"outstanding": min(loads)}
    turns = [taken(round_robin.choose, candidates, turn).replica.key for turn in range(len(loads))]
    assert sorted(turns) == sorted(candidate.replica.key for candidate in candidates)
    equal = [Candidate(replica) for replica in replicas(4)]
    assert len({taken(least_outstanding.choose, equal, turn).replica.key for turn in range(4)}) == 4
