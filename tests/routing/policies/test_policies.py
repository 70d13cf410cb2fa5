"""Every policy does what it says: through `pick` on small fleets made by hand, and over whole runs."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from registry.transports.target import Target
from routing.lab.learn.simulator import entries
from routing.lab.learn.simulator import events as simulator
from routing.lab.learn.simulator.events import PolicyBuffers, buffers_of
from routing.lab.learn.simulator.simulation import prepared
from routing.lab.learn.workloads.catalogue import KIND_NAMES
from routing.lab.learn.workloads.traffic import Scenario, synthetic
from routing.policies import choice, least_outstanding, power_of_two, random, round_robin, rules
from routing.policies.choice import Candidate, FleetChoice, explained
from routing.scheduler import core as scheduler
from routing.scheduler.core import BIND, EVICT, LOAD, PLACE, START, Point
from routing.scheduler.fleet import DEVICE, MODEL, NONE, WARM, Fleet, FleetLimits, empty
from routing.table import Replica

DEVICES, MODELS, CALLS = 4, 3, 8


def fleet_of(early: bool) -> Fleet:
    """Four devices of 72 GB and three models of 10, 20 and 40 GB that load in 2, 4 and 8 s; units take a second."""
    models, devices = np.zeros(MODELS, MODEL), np.zeros(DEVICES, DEVICE)
    models["memory_gb"], models["load_s"] = [10.0, 20.0, 40.0], [2.0, 4.0, 8.0]
    models["step_a"], models["step_b"], models["slots"], models["watts"] = 0.9, 0.1, 8, 500.0
    devices["memory_gb"], devices["weights_gb"], devices["speed"] = 76.0, 72.0, 1.0
    fleet = empty(models, devices, CALLS, FleetLimits(early=early))
    fleet.calls["predicted_units"] = 1.0
    return fleet


def resident(fleet: Fleet, model: int, device: int, running: int = 0, used_at: float = 0.0) -> None:
    """The model is warm on the device."""
    slot = int(fleet.devices[device]["residents"])
    fleet.residents[device, slot]["model"], fleet.residents[device, slot]["state"] = model, WARM
    fleet.residents[device, slot]["running"], fleet.residents[device, slot]["used_at"] = running, used_at
    fleet.places[model, device] = slot
    fleet.devices[device]["residents"] += 1
    fleet.devices[device]["used_weights_gb"] += fleet.models[model]["memory_gb"]
    fleet.devices[device]["active"] += running > 0
    fleet.models[model]["replicas"] += 1


def waits(fleet: Fleet, call: int, model: int, arrived: float, units: float = 1.0) -> None:
    """The call is its model's only one that waits, whatever device will take it."""
    fleet.calls[call]["model"], fleet.calls[call]["arrived"], fleet.calls[call]["predicted_units"] = (
        model,
        arrived,
        units,
    )
    queue = fleet.queues[0, model]
    queue["head"] = queue["tail"] = call
    queue["count"] = 1
    fleet.models[model]["waiting"], fleet.models[model]["waiting_work"] = 1, units


def choose(name: str, fleet: Fleet, point: Point, candidates: list[int]) -> FleetChoice:
    one = entries.ready_policy(name)
    buffers = buffers_of(fleet, one.weights, np.zeros(one.memory))
    buffers.candidates[: len(candidates)] = candidates
    return explained(one.pick, entries.part_names(name), fleet, point, buffers)


def bound(name: str, fleet: Fleet, call: int = 0, model: int = 0, now: float = 0.0) -> FleetChoice:
    return choose(name, fleet, Point(BIND, NONE, model, call, DEVICES, now), list(range(DEVICES)))


def best_of(one: FleetChoice) -> float:
    return min(sum(parts.values()) for parts in one.scores.values())


def replicas(loads: list[int]) -> list[Candidate]:
    target = Target("http", "127.0.0.1", 80, "/")
    return [Candidate(Replica(str(number), target), load) for number, load in enumerate(loads)]


def test_the_decision_of_hosted_endpoints_is_the_schedulers() -> None:
    assert choice.BIND == scheduler.BIND
    assert [kind.lower().replace("llm", "language") for kind in rules.TYPES] == list(KIND_NAMES)


def test_the_web_process_imports_no_machine_code() -> None:
    names = "random, round_robin, least_outstanding, power_of_two, static"
    code = (
        f"import sys, routing.dataplane.gateway\nfrom routing.policies import {names}\nsys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("rule", [random, round_robin, least_outstanding, power_of_two])
def test_one_rule_serves_replicas_and_fleets(rule: object) -> None:
    fleet, loads = fleet_of(early=True), [3, 1, 4, 1]
    fleet.devices["outstanding_s"], fleet.devices["queued_s"] = loads, 0.0
    name = str(getattr(rule, "__name__", "")).rpartition(".")[2]
    for number in range(40):
        hosted = choice.chosen(rule.pick, rule.PARTS[BIND], point_of(number), replicas(loads))  # type: ignore[attr-defined]
        taken = bound(name, fleet, number)
        assert hosted.replica.key == str(taken.candidate)
        assert hosted.parts == taken.parts


def point_of(number: int) -> choice.DecisionPoint:
    return choice.DecisionPoint(model=None, number=number)  # type: ignore[arg-type]


def test_random_is_even_and_the_same_again() -> None:
    fleet = fleet_of(early=True)
    drawn = [bound("random", fleet, call).candidate for call in range(4000)]
    assert drawn == [bound("random", fleet, call).candidate for call in range(4000)]
    assert all(900 < count < 1100 for count in Counter(drawn).values())
    pairs = Counter(pairwise(drawn))
    assert len(pairs) == DEVICES**2
    assert all(180 < count < 320 for count in pairs.values())


def test_round_robin_takes_turns() -> None:
    assert [bound("round_robin", fleet_of(early=True), call).candidate for call in range(6)] == [0, 1, 2, 3, 0, 1]


def test_power_of_two_takes_the_less_busy_of_two() -> None:
    fleet = fleet_of(early=True)
    fleet.devices["outstanding_s"] = [4.0, 3.0, 2.0, 1.0]
    taken = Counter(bound("power_of_two", fleet, call).candidate for call in range(1200))
    assert 0 not in taken
    assert taken[3] > taken[2] > taken[1] > 100
    one = bound("power_of_two", fleet, 7)
    assert sum(parts["not_drawn"] == 0 for parts in one.scores.values()) == 2


def test_least_outstanding_counts_running_and_waiting_work() -> None:
    fleet = fleet_of(early=True)
    fleet.devices["outstanding_s"], fleet.devices["queued_s"] = [1.0, 5.0, 0.0, 2.0], [4.0, 0.0, 6.0, 1.0]
    one = bound("least_outstanding", fleet)
    assert one.candidate == 3
    assert one.scores[2] == {"outstanding": 6.0}


def test_static_stays_at_home_and_goes_next_door_where_home_is_closed() -> None:
    fleet = fleet_of(early=True)
    fleet.models["home"] = [2, 3, 0]
    assert bound("static", fleet).candidate == 2
    assert choose("static", fleet, Point(BIND, NONE, 1, 0, 3, 0.0), [0, 1, 2]).candidate == 0


def test_affinity_stays_until_its_devices_are_far_busier() -> None:
    fleet = fleet_of(early=True)
    resident(fleet, 0, 2)
    away = entries.ready_policy("affinity").weights[0]
    fleet.devices[2]["outstanding_s"] = away - 1.0
    assert bound("affinity", fleet).candidate == 2
    fleet.devices[2]["outstanding_s"] = away + 1.0
    assert bound("affinity", fleet).candidate == 0
    fleet.queues[3, 0]["count"] = 1
    assert bound("affinity", fleet).candidate == 3


def test_sect_weighs_a_line_against_a_load() -> None:
    fleet = fleet_of(early=True)
    resident(fleet, 2, 1)
    fleet.devices[1]["queued_s"] = 7.0
    one = bound("sect", fleet, model=2)
    assert one.candidate == 1
    assert one.parts == {"queue": 7.0, "load_in_progress": 0.0, "eviction": 0.0, "load": 0.0, "service": 1.0}
    fleet.devices[1]["queued_s"] = 9.0
    assert bound("sect", fleet, model=2).candidate == 0
    fleet.devices[0]["loading"], fleet.devices[0]["loader_until"] = 0, 5.0
    resident(fleet, 2, 3)
    fleet.devices[3]["queued_s"] = 20.0
    two = bound("sect", fleet, model=1, now=2.0)
    assert two.candidate == 2
    assert two.scores[0]["load_in_progress"] == 3.0
    assert two.scores[3]["eviction"] == 0.0
    assert bound("sect", fleet, model=2).scores[0]["load"] == 8.0
    fleet.devices[2]["used_weights_gb"] = 60.0
    assert bound("sect", fleet, model=1).scores[2]["eviction"] == pytest.approx(4.0 * 8.0 / 20.0)


def test_fcfs_takes_the_oldest_and_evicts_the_least_recent() -> None:
    fleet = fleet_of(early=False)
    for call, (model, arrived) in enumerate([(0, 5.0), (1, 3.0), (2, 9.0)]):
        waits(fleet, call, model, arrived)
        resident(fleet, model, 0, used_at=10.0 - arrived)
    for kind in (START, LOAD):
        one = choose("fcfs", fleet, Point(kind, 0, NONE, NONE, 3, 10.0), [0, 1, 2])
        assert one.candidate == 1
        assert one.parts == {"arrival": -7.0}
    assert choose("fcfs", fleet, Point(EVICT, 0, 1, NONE, 2, 10.0), [0, 2]).candidate == 2


def test_sjf_takes_the_shortest_and_counts_a_load_as_work() -> None:
    fleet = fleet_of(early=False)
    for call, (model, units) in enumerate([(0, 30.0), (1, 20.0), (2, 14.0)]):
        waits(fleet, call, model, 0.0, units)
    assert choose("sjf", fleet, Point(START, 0, NONE, NONE, 3, 10.0), [0, 1, 2]).candidate == 2
    one = choose("sjf", fleet, Point(LOAD, 0, NONE, NONE, 3, 10.0), [0, 1, 2])
    assert [parts["seconds_a_call"] for parts in one.scores.values()] == [32.0, 24.0, 22.0]


def test_energy_joins_the_batch_and_lets_a_load_pay() -> None:
    fleet = fleet_of(early=False)
    resident(fleet, 0, 1)
    resident(fleet, 0, 3, running=4)
    fleet.devices[3]["outstanding_s"] = 4.0
    assert choose("energy", fleet, Point(BIND, NONE, 0, 0, 2, 0.0), [1, 3]).candidate == 3
    assert choose("hrrn", fleet, Point(BIND, NONE, 0, 0, 2, 0.0), [1, 3]).candidate == 1
    for call, (model, units) in enumerate([(0, 10.0), (2, 10.0)]):
        waits(fleet, call, model, 0.0, units)
    one = choose("energy", fleet, Point(LOAD, 0, NONE, NONE, 2, 1.0), [0, 2])
    assert one.scores[2]["joules"] > one.scores[0]["joules"] > 0.0
    assert one.candidate == 0


def test_spaced_loads_where_the_least_must_leave() -> None:
    fleet = fleet_of(early=False)
    fleet.models["memory_gb"] = [10.0, 20.0, 60.0]
    fleet.models["rate_slow"] = [0.05, 0.1, 0.0]
    for device, models in enumerate([(1,), (0, 1), (0,), ()]):
        for model in models:
            resident(fleet, model, device)
    fleet.devices["outstanding_s"] = [0.0, 0.0, 0.5, 3.0]
    one = choose("spaced", fleet, Point(PLACE, NONE, 2, 0, 4, 0.0), [0, 1, 2, 3])
    assert one.candidate == 2
    prices = [parts["eviction"] for parts in one.scores.values()]
    assert prices[2] == prices[3] == 0.0
    assert prices[0] == pytest.approx(np.log(1.0 + 0.1 * 4.0 / 2 / 0.01))
    assert prices[1] == pytest.approx(np.log(1.0 + (0.1 * 4.0 / 2 + 0.05 * 2.0 / 2) / 0.01))


def test_spaced_holds_a_heavy_call_back_from_a_busy_device_and_lets_a_light_one_in() -> None:
    fleet = fleet_of(early=False)
    for model in (0, 1):
        resident(fleet, model, 0)
        waits(fleet, model, model, 0.0, units=(8.0, 0.5)[model])
    point = Point(START, 0, NONE, NONE, 2, 10.0)
    assert choose("spaced", fleet, point, [0, 1]).candidate == 1
    assert choose("spaced", fleet, point, [0]).candidate == 0
    fleet.devices[0]["outstanding_s"] = 2.0
    one = choose("spaced", fleet, point, [0, 1])
    assert (one.candidate, one.scores[0]["held_back"]) == (1, np.inf)
    assert choose("spaced", fleet, point, [0]).candidate == NONE


def test_the_seeds_rule_sends_long_language_calls_where_there_is_room() -> None:
    fleet = fleet_of(early=True)
    fleet.devices["active"], fleet.devices["used_weights_gb"] = [2, 0, 1, 2], [0.0, 60.0, 10.0, 0.0]
    fleet.devices["outstanding_s"] = [1.0, 9.0, 9.0, 9.0]
    fleet.devices[3]["speed"] = 1.5
    fleet.calls[0]["predicted_units"] = 1001.0
    assert bound("rules", fleet).candidate == 2
    fleet.models["kind"] = 2
    assert bound("rules", fleet).candidate == 3
    fleet.devices["speed"] = 1.0
    assert bound("rules", fleet).candidate == 0
    fleet.models["kind"], fleet.devices["used_weights_gb"] = 0, 70.0
    assert bound("rules", fleet).candidate == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules: [", "line 1: not valid YAML"),
        ("", "line 1: the document is null; expected a mapping of rules, else"),
        ("rules: 3\nelse: fastest available", "line 1: rules is 3; expected a list of at most 64 rules"),
        ("rules: []", "line 1: else is null; expected 'fastest available', or a mapping"),
        ("rules: []\nelse: quickest", "line 2: else is 'quickest'; expected 'fastest available'"),
        ("els: fastest available", "line 1: els is 'fastest available'; expected one of the keys rules, else. Did you"),
        ("rules:\n- when: {type: LLN}", "line 2: rules[0].when.type is 'LLN'; expected one of LLM"),
        ("rules:\n- when: {input_length: 9}", "line 2: rules[0].when.input_length is 9; expected a mapping of above"),
        ("rules:\n- when:\n    input_length:\n      above: -1", "line 4: rules[0].when.input_length.above is -1"),
        ("else:\n  lowest: load", "line 2: else.lowest is 'load'; expected one of utilisation, work"),
        ("else: {lowest: work, free_gb: many}", "line 1: else.free_gb is 'many'; expected a number from 0 on"),
        ("else: {lowest: work}\nelse: {lowest: work}", "line 2: the key 'else' is already set"),
        ("#" * 70_000, "the rules are 70,000 characters long; expected at most 65,536"),
    ],
)  # fmt: skip
def test_wrong_rules_are_told_with_their_place(text: str, told: str) -> None:
    with pytest.raises(rules.RulesInvalid) as caught:
        rules.rows_of(text)
    assert str(caught.value).startswith(told)


def test_rules_become_rows_in_their_order() -> None:
    rows = rules.rows_of(
        "rules: [{when: {type: picture}, then: {highest: temperature}}]\nelse: {lowest: power, free_gb: 2}"
    )
    assert list(rows.values()) == [-np.inf, np.inf, 2.0, 3.0, -1.0, 0.0, -np.inf, np.inf, -1.0, 4.0, 1.0, 2.0]


@pytest.mark.parametrize("name", entries.ENTRIES)
def test_every_pick_is_the_candidate_with_the_smallest_score(name: str) -> None:
    taken = Counter(kind for kind, one, few in decisions(name) if checked(one, few))
    assert taken[BIND] > 0
    assert taken[EVICT] > 0


def checked(one: FleetChoice, few: list[int]) -> bool:
    assert list(one.scores) == few
    if one.candidate == NONE:
        assert best_of(one) == np.inf
        return True
    assert one.candidate in few
    assert sum(one.parts.values()) == best_of(one)
    return True


def decisions(name: str) -> Iterator[tuple[int, FleetChoice, list[int]]]:
    """Every decision of a small run, explained, then carried out."""
    workload = synthetic(Scenario("small", calls=150, seconds=20.0, models=24, devices=3), 7)
    one = entries.ready_policy(name)
    machine, clock, buffers = prepared(workload, one)
    early = one.limits.early
    while simulator.step(machine, clock):
        point = scheduler.next_point(machine.fleet, buffers.candidates)
        while point.kind != scheduler.REST:
            few = buffers.candidates[: point.count].tolist()
            pick = one.pick if point.kind == BIND or not early else PLAIN
            found = explained(pick, entries.part_names(name), machine.fleet, point, blank(buffers))
            yield point.kind, found, few
            chosen = scheduler.settled(machine.fleet, point, np.array(few), found.candidate)
            simulator.carry_out(machine, point, chosen)
            point = scheduler.next_point(machine.fleet, buffers.candidates)


PLAIN = entries.ready_policy("fcfs").pick


def blank(buffers: PolicyBuffers) -> PolicyBuffers:
    """The buffers without the parts of the decision before."""
    buffers.parts[:] = np.nan
    return buffers
