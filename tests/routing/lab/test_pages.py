"""The lab's pages: who starts races, what each state says, what is compared, and Plotly under the content policy."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.base.messages import Sentence
from controlplane.base.models import Change, Job, User
from controlplane.base.web.assets import tight
from routing.lab import races as lab
from routing.lab.figures import compared
from tests.console.test_chinese_errors import ALOUD, visible
from tests.console.test_pages import INLINE
from tests.races import BETTER, FIGURES, PAIR, a_race, series

Visitor = Callable[..., Client]
ORDER = {"scenario": "A", "policy": ["hrrn_tuned", "ppo"], "seed": "7"}
MOST_QUERIES = 10
KILLED = Sentence("its process was killed by signal {signal}; the machine may have run out of memory", signal=9)
STATES: dict[str, tuple[dict[str, Any], str]] = {
    "queued": ({}, "Waiting for a worker"),
    "running": ({"progress": {"phase": "compiling", "total": 0}}, "Compiling the simulator"),
    "failed": ({"error": {"code": "race_failed", "message": Sentence("the race failed: {words}", words=KILLED)}},
               "the race failed: its process was killed by signal 9"),
    "cancelled": ({"result": {"series": series(3), "figures": {}}}, "The charts show how far it came"),
    "succeeded": ({}, "Run again with seed 2"),
}  # fmt: skip


def test_an_engineer_starts_a_race_once_and_a_viewer_looks_on(visitor: Visitor) -> None:
    engineer, viewer = visitor("engineer"), visitor("viewer")
    assert 'action="/routing/lab/start"' in engineer.get("/routing/lab").content.decode()
    shown = viewer.get("/routing/lab").content.decode()
    assert 'action="/routing/lab/start"' not in shown
    assert "needs the role Engineer" in shown
    answers = [engineer.post("/routing/lab/start", {**ORDER, "key": "one-click"}) for _ in range(2)]
    job = Job.objects.get()
    assert [answer.headers["Location"] for answer in answers] == [f"/routing/lab/{job.pk}"] * 2
    assert job.input == {"scenario": "A", "policies": ["hrrn_tuned", "ppo"], "seed": 7}
    assert Change.objects.filter(verb="lab.run", object_id=str(job.pk)).exists()
    assert viewer.post("/routing/lab/start", ORDER).status_code == 403
    assert viewer.get(f"/routing/lab/{job.pk}").status_code == 200
    assert viewer.get(f"/routing/lab/{job.pk}/progress").json()["state"] == "queued"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scenario": "Z"}, "there is no scenario 'Z'"),
        ({"scenario": ""}, "there is no scenario ''"),
        ({"policy": ["ppo", "magic"]}, "there is no policy 'magic'"),
        ({"policy": ["ppo", "ppo"]}, "2 different policies"),
        ({"policy": ["ppo"]}, "2 different policies"),
        ({"policy": []}, "2 different policies; got none"),
        ({"seed": "-1"}, "expected a whole number from 0"),
        ({"seed": "9" * 40}, "expected a whole number from 0"),
        ({"seed": "2147483648"}, "expected a whole number from 0"),
        ({"seed": ""}, "expected a whole number from 0"),
    ],
)
def test_a_wrong_order_is_refused_in_words(visitor: Visitor, change: dict[str, Any], words: str) -> None:
    answer = visitor("engineer").post("/routing/lab/start", {**ORDER, **change}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert words in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert not Job.objects.exists()


def test_races_never_take_all_of_a_worker_s_slots(visitor: Visitor) -> None:
    engineer = visitor("engineer")
    for seed in range(lab.MOST_AT_ONCE):
        assert engineer.post("/routing/lab/start", {**ORDER, "seed": str(seed)}).status_code == 302
    refused = engineer.post("/routing/lab/start", {**ORDER, "seed": "99"})
    assert refused.status_code == 409
    assert "wait for one to end, or cancel one" in refused.content.decode()
    assert Job.objects.count() == lab.MOST_AT_ONCE


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_state_of_a_race_says_what_is_going_on(
    visitor: Visitor, person: Callable[..., User], state: str, language: str
) -> None:
    more, words = STATES[state]
    job = a_race(state, person("engineer", "ada"), **more)
    body = visitor("engineer", language).get(f"/routing/lab/{job.pk}").content.decode()
    assert not INLINE.search(body)
    assert body.count("<h1") == 1
    if language == "en":
        assert words in body
    else:
        assert ALOUD.findall(visible(body)) == []
    assert ('class="compare"' in body, 'class="cards figures"' in body) == (False, state == "succeeded")


def test_figures_name_the_winner_in_words_and_never_by_colour_alone(visitor: Visitor) -> None:
    job = a_race()
    body = visitor("viewer").get(f"/routing/lab/{job.pk}").content.decode()
    tile = body[body.index("Mean latency") :]
    assert "−20.3 %" in tile
    assert ">better</span>" in tile
    assert "+11.7" in body
    assert body.count("better: ") == 2
    for word in ("reconstruction, simulated", "One seed is one day", "Late binding", "HRRN", "Slowdown", "From a call"):
        assert word in body


def test_the_list_is_filtered_by_its_address_and_leads_to_a_comparison(visitor: Visitor) -> None:
    won = a_race()
    other = a_race(input={"scenario": "B", "policies": ["static", "sect"], "seed": 3})
    viewer = visitor("viewer")
    body = viewer.get("/routing/lab?scenario=A&policy=ppo").content.decode()
    assert str(won.pk) in body
    assert str(other.pk) not in body
    assert "No race matches" in viewer.get("/routing/lab?scenario=D").content.decode()
    assert viewer.get("/routing/lab?scenario=%00&policy=%00").status_code == 200
    both = viewer.get(f"/routing/lab/compare?job={won.pk}&job={other.pk}").content.decode()
    assert "These races had different calls" in both
    assert both.count('scope="colgroup"') == 2
    assert viewer.get("/routing/lab/compare?job=nonsense").status_code == 404
    assert viewer.get(f"/routing/lab/compare?job={'7' * 8}-0000-4000-8000-{'0' * 12}").status_code == 404
    many = "&".join(f"job={won.pk}" for _ in range(5))
    assert "compare at most 4" in viewer.get(f"/routing/lab/compare?{many}").content.decode()


def test_queries_stay_few_and_courses_stay_out_of_the_list(visitor: Visitor) -> None:
    for _ in range(60):
        a_race()
    viewer = visitor("viewer")
    with CaptureQueriesContext(connection) as queries:
        assert viewer.get("/routing/lab").status_code == 200
    assert len(queries) <= MOST_QUERIES
    listed = next(one["sql"] for one in queries if "LIMIT 50" in one["sql"])
    assert '"base_job"."result",' not in listed


def test_a_person_cancels_a_race_of_their_own_and_comes_back_to_it(
    visitor: Visitor, person: Callable[..., User]
) -> None:
    mine, other = visitor("engineer"), visitor("engineer")
    job = a_race("queued", User.objects.order_by("pk")[0])
    assert "Cancel the race" in mine.get(f"/routing/lab/{job.pk}").content.decode()
    assert "Cancel the race" not in other.get(f"/routing/lab/{job.pk}").content.decode()
    back = f"/routing/lab/{job.pk}"
    assert mine.post(f"/jobs/{job.pk}/cancel", {"back": back}).headers["Location"] == back
    assert mine.post(f"/jobs/{job.pk}/cancel", {"back": "https://evil.example/"}).status_code == 409
    assert "This race was cancelled" in mine.get(back).content.decode()
    assert f'href="{back}"' in mine.get(f"/jobs/{job.pk}").content.decode()


def test_differences_are_of_the_second_and_draws_have_no_winner() -> None:
    rows = compared(PAIR, dict(zip(PAIR, (FIGURES, BETTER), strict=True)))
    assert (rows["mean_s"].winner, rows["mean_s"].difference, rows["mean_s"].verdict) == (1, "−20.3 %", "better")
    assert (rows["p99_s"].winner, rows["p99_s"].difference, rows["p99_s"].verdict) == (-1, "0.0 %", "same")
    assert (rows["useful"].texts, rows["useful"].difference) == (("74.4 %", "86.1 %"), "+11.7")
    assert (rows["loads"].winner, rows["loads"].verdict) == (-1, "")
    swapped = compared(PAIR[::-1], dict(zip(PAIR, (FIGURES, BETTER), strict=True)))
    assert (swapped["mean_s"].winner, swapped["mean_s"].verdict) == (0, "worse")
    zero = {name: {"mean_s": 0.0} for name in PAIR}
    assert compared(PAIR, zero)["mean_s"].difference == "–"
    assert compared(PAIR, None) == compared(PAIR, {"ppo": FIGURES}) == {}


def test_plotly_is_served_from_its_package_and_brings_no_inline_styles(static_files: None) -> None:
    found = finders.find("plotly/plotly.min.js")
    assert found is not None
    assert finders.find("plotly/widgetbundle.js") is None
    assert finders.find("plotly/plotly.min.js", find_all=True) == [found]
    script = Path(str(found)).read_text()
    folder = Path(settings.BASE_DIR)
    head = (folder / "templates/routing/parts/lab_sheets.html").read_text()
    for name in re.findall(r'id="([^"]+)"', head):
        assert name in script or name.removesuffix("global") in script
    sheet = (folder / "static/css/plotly.css").read_text()
    rules = re.findall(
        r'"(X[^"]*)":', script[script.index('{"X,X div"') : script.index("for(", script.index('{"X,X div"'))]
    )
    wanted = [rule.replace("X", ".js-plotly-plot .plotly") for rule in rules if "cloud" not in rule]
    assert len(wanted) > 40
    assert [rule for rule in wanted if f"{rule} {{" not in sheet] == []
    assert "MIT" in tight(sheet)
    collected = Path(settings.STATIC_ROOT) / "plotly"
    assert sorted(path.suffix for path in collected.glob("plotly.min.*.js*")) == [".gz", ".js"]
