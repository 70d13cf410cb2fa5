"""Races of the lab, written straight into the table."""

from typing import Any

from django.utils import timezone

from controlplane.base.messages import Sentence
from controlplane.base.models import Job, User

FIGURES = {
    "mean_s": 40.3, "p50_s": 19.3, "p95_s": 147.4, "p99_s": 294.2, "max_wait_s": 371.5, "slowdown": 287.5,
    "useful": 0.744, "loading": 0.536, "duty": 0.885, "makespan_s": 822.7, "loads": 4216, "joules_per_request": 3324.0,
    "decision_us": 22.7,
}  # fmt: skip
BETTER = {**FIGURES, "mean_s": 32.1, "useful": 0.861, "loads": 3491}
SAMPLE = {
    "waiting": 7, "running": 9, "busy": 0.93, "loading": 0.2, "answered": 12, "mean_s": 3.25, "loads": 4, "watts": 90.5,
}  # fmt: skip
PAIR = ("hrrn_tuned", "ppo")


def series(moments: int = 20) -> dict[str, Any]:
    """A course of so many moments; nobody is answered at the first, and every other one more call waits."""
    columns = {name: [value] * moments for name, value in SAMPLE.items()}
    waiting = [moment % 2 * moment for moment in range(moments)]
    lane = {**columns, "waiting": waiting, "mean_s": [None, *columns["mean_s"][1:]]}
    return {"at_s": [8.0 * moment for moment in range(moments)], "policies": dict.fromkeys(PAIR, lane)}


TITLE = Sentence(
    "Race {policy} against {other} in scenario {scenario}, seed {seed}",
    policy="hrrn_tuned",
    other="ppo",
    scenario="A",
    seed=1,
)


def a_race(state: str = "succeeded", owner: User | None = None, **more: Any) -> Job:
    """A race in some state, by default one that is over and that the second policy won."""
    whole = {"calls": 8000, "devices": 64, "models": 500, "series": series()}
    done = {"result": {**whole, "figures": dict(zip(PAIR, (FIGURES, BETTER), strict=True))}}
    fields = {
        "input": {"scenario": "A", "policies": list(PAIR), "seed": 1},
        "title": TITLE,
        **(done if state == "succeeded" else {}),
        **more,
    }
    return Job.objects.create(kind="lab", state=state, due_at=timezone.now(), created_by=owner, **fields)
