"""The fleet as arrays: models, devices, who is resident where, calls that wait. The scheduler's whole memory.

Records of fixed layout instead of objects, so that the same scheduler runs compiled in the simulator and in production.
Memory in GB (10^9 bytes), times in seconds, work in seconds of one device serving one call alone.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

RESIDENTS = 48
"""Most models resident on one device at once."""
OCCUPANCY = 0.95
"""Most of a device's memory, of a model's batch slots, and of the fleet's devices that may be in use at once."""
ROUNDING = 1e-12
NONE = -1
EMPTY, LOADING, WARM = 0, 1, 2

MODEL = np.dtype(
    [
        ("memory_gb", "f8"),
        ("kv_gb_per_unit", "f8"),
        ("load_s", "f8"),
        ("wake_s", "f8"),
        ("step_a", "f8"),
        ("step_b", "f8"),
        ("typical_units", "f8"),
        ("gflop_per_unit", "f8"),
        ("watts", "f8"),
        ("sensitivity", "f8"),
        ("slots", "i8"),
        ("kind", "i8"),
        ("home", "i8"),
        ("waiting", "i8"),
        ("waiting_work", "f8"),
        ("rate_fast", "f8"),
        ("rate_slow", "f8"),
        ("rate_at", "f8"),
        ("used_at", "f8"),
        ("replicas", "i8"),
        ("loading", "i8"),
        ("running", "i8"),
        ("asleep", "i8"),
        ("asleep_at", "f8"),
        ("broken", "i8"),
        ("claimed", "i8"),
        ("evicted_at", "f8"),
    ],
    align=True,
)
DEVICE = np.dtype(
    [
        ("memory_gb", "f8"),
        ("weights_gb", "f8"),
        ("used_gb", "f8"),
        ("used_weights_gb", "f8"),
        ("speed", "f8"),
        ("outstanding_s", "f8"),
        ("queued_s", "f8"),
        ("loader_until", "f8"),
        ("celsius", "f8"),
        ("watts", "f8"),
        ("loading", "i8"),
        ("active", "i8"),
        ("running", "i8"),
        ("queued", "i8"),
        ("residents", "i8"),
        ("drained", "i8"),
        ("claim", "i8"),
        ("turn", "i8"),
        ("start_due", "i8"),
        ("load_due", "i8"),
        ("in_line", "i8"),
        ("blocked", "i8"),
        ("waiting_models", "i8"),
        ("line", "i8"),
        ("blocked_line", "i8"),
    ],
    align=True,
)
RESIDENT = np.dtype(
    [
        ("model", "i8"),
        ("state", "i8"),
        ("running", "i8"),
        ("kv_gb", "f8"),
        ("used_at", "f8"),
        ("loaded_at", "f8"),
        ("served", "i8"),
        ("broken", "i8"),
    ],
    align=True,
)
CALL = np.dtype(
    [
        ("model", "i8"),
        ("state", "i8"),
        ("next", "i8"),
        ("device", "i8"),
        ("place", "i8"),
        ("arrived", "f8"),
        ("predicted_units", "f8"),
        ("weight", "f8"),
        ("started", "f8"),
        ("finished", "f8"),
    ],
    align=True,
)
QUEUE = np.dtype(
    [("head", "i8"), ("tail", "i8"), ("count", "i8"), ("place", "i8"), ("waiting", "i8"), ("work_s", "f8")], align=True
)
STATE = np.dtype(
    [
        ("now", "f8"),
        ("patience_s", "f8"),
        ("replicate", "f8"),
        ("calls_per_replica", "f8"),
        ("host_gb", "f8"),
        ("host_limit_gb", "f8"),
        ("held", "i8"),
        ("busy", "i8"),
        ("most_busy", "i8"),
        ("max_active", "i8"),
        ("early", "i8"),
        ("usable", "i8"),
        ("arrival", "i8"),
        ("arrival_step", "i8"),
        ("room_device", "i8"),
        ("room_model", "i8"),
        ("line_head", "i8"),
        ("line_count", "i8"),
        ("blocked_head", "i8"),
        ("blocked_count", "i8"),
        ("loads", "i8"),
        ("wakes", "i8"),
        ("evictions", "i8"),
        ("reloads", "i8"),
        ("failed_open", "i8"),
        ("last_finished", "i8"),
    ],
    align=True,
)
EXPECTED, HELD, RUNNING, DONE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class FleetLimits:
    """What the scheduler holds every policy to.

    `max_active` models compute on one device at once; another replica is loaded if the waiting work exceeds
    `replicate` load times per replica and more than `calls_per_replica` calls per replica run or wait; who has waited
    `patience_s` goes before everybody else; `host_gb` of memory keep the weights of models put to sleep; `early` binds
    a call to a device when it arrives.
    """

    max_active: int = 3
    replicate: float = 2.0
    calls_per_replica: float = 2.0
    patience_s: float = 300.0
    host_gb: float = 0.0
    early: bool = False


class Fleet(NamedTuple):
    """Everything that a policy and the scheduler may read. M models, D devices, N calls, S scopes of queues.

    `places[model, device]` is the model's slot in `residents[device]`, or -1. Scope 0 holds all calls that wait if a
    policy binds late; if it binds early, scope d holds those bound to device d.

    Three lists lie across the records, so that a fleet stays few arrays: the models that wait in scope s are
    `queues[s, :devices[s].waiting_models].waiting`; `devices.line` is a ring of the devices that have something to
    decide, `devices.blocked_line` one of those that wait until fewer devices compute.
    """

    models: NDArray[Any]
    devices: NDArray[Any]
    residents: NDArray[Any]
    places: NDArray[np.int8]
    calls: NDArray[Any]
    queues: NDArray[Any]
    state: NDArray[Any]


def empty(models: NDArray[Any], devices: NDArray[Any], calls: int, limits: FleetLimits) -> Fleet:
    """A fleet on which nothing is resident and nobody waits, for at most `calls` calls. Raises ValueError: check()."""
    check(models, devices)
    count, scopes = len(models), len(devices) if limits.early else 1
    residents = np.zeros((len(devices), RESIDENTS), RESIDENT)
    residents["model"] = NONE
    queues = np.zeros((scopes, count), QUEUE)
    queues["head"] = queues["tail"] = queues["place"] = NONE
    state = np.zeros(1, STATE)
    state["max_active"], state["replicate"] = limits.max_active, limits.replicate
    state["calls_per_replica"] = limits.calls_per_replica
    state["patience_s"], state["host_limit_gb"], state["early"] = limits.patience_s, limits.host_gb, limits.early
    for field in ("arrival", "room_device", "room_model", "last_finished"):
        state[field] = NONE
    state["most_busy"] = max(1, int(OCCUPANCY * len(devices)))
    state["usable"] = np.count_nonzero(devices["drained"] == 0)
    fresh = devices.copy()
    fresh["claim"] = fresh["turn"] = fresh["loading"] = NONE
    cold = models.copy()
    cold["evicted_at"] = -np.inf
    return Fleet(
        models=cold,
        devices=fresh,
        residents=residents,
        places=np.full((count, len(devices)), NONE, np.int8),
        calls=np.zeros(calls, CALL),
        queues=queues,
        state=state,
    )


def check(models: NDArray[Any], devices: NDArray[Any]) -> None:
    """Refuse what no scheduler can serve, in words that say what to change. Raises ValueError."""
    if len(devices) == 0:
        raise ValueError("the fleet has no devices; expected at least one")
    if len(models) == 0:
        raise ValueError("the fleet has no models; expected at least one")
    for name, records in (("model", models), ("device", devices)):
        for field in records.dtype.names or ():
            wrong = np.flatnonzero(~np.isfinite(records[field]))
            if len(wrong):
                raise ValueError(f"{name} {wrong[0]}: {field} is {records[field][wrong[0]]}; expected a number")
    _check_range("model", models, ("memory_gb", "step_a", "slots"), 0.0)
    _check_range("device", devices, ("memory_gb", "weights_gb", "speed"), 0.0)
    _check_range("model", models, ("step_b", "kv_gb_per_unit", "load_s", "wake_s"), -ROUNDING)
    wrong = np.flatnonzero(devices["weights_gb"] > devices["memory_gb"])
    if len(wrong):
        one = devices[wrong[0]]
        raise ValueError(
            f"device {wrong[0]}: weights_gb is {one['weights_gb']:g}, more than its memory_gb of {one['memory_gb']:g}"
        )
    open_ones = devices[devices["drained"] == 0]
    largest = (open_ones if len(open_ones) else devices)["weights_gb"].max()
    wrong = np.flatnonzero(models["memory_gb"] > largest)
    if len(wrong):
        needs = models["memory_gb"][wrong[0]]
        raise ValueError(
            f"model {wrong[0]} needs {needs:g} GB and the largest device takes {largest:g} GB; "
            "remove the model, or add a device that can hold it"
        )


def _check_range(name: str, records: NDArray[Any], fields: tuple[str, ...], above: float) -> None:
    for field in fields:
        wrong = np.flatnonzero(records[field] <= above)
        if len(wrong):
            least = "more than 0" if above == 0.0 else "0 or more"
            raise ValueError(f"{name} {wrong[0]}: {field} is {records[field][wrong[0]]:g}; expected {least}")
