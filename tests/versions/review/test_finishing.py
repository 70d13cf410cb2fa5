"""The review page's tests and rollout plan, an adaptation edited by a person, and specs proposed instead of saved."""

from collections.abc import Callable

import pytest
from django.test import Client

from controlplane.base.messages import Sentence
from controlplane.base.models import Job
from registry.specfile import file as spec_file
from tests.versions.review.test_pages import an_update, text_of
from tests.versions.updating import a_model, document, judged, with_params
from versions import proposing
from versions.models import Update, UpdateState

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]
LESS = with_params(steps={"type": "int", "range": [1, 20]})
TESTS = {
    "green": False, "calls": 41, "budget": 60, "seconds": 3.2,
    "kinds": {"boundary": {"passed": 30, "failed": 2, "skipped": 7}, "call": {"passed": 1, "failed": 0, "skipped": 0}},
    "failed": [{"kind": "boundary", "name": "steps: max", "why": Sentence("the budget of calls or time was used up")}],
    "not_tested": [{"kind": "stream", "why": "no stream", "count": 3}],
    "speed": {"old_ms": 120.5, "new_ms": 99.1, "old_per_s": 8.0, "new_per_s": 9.5},
    "replay": {"sampled": 500, "would_fail": 37, "would_be_answered": 0, "same": 400, "differ": 60, "neither": 3,
               "not_tried": 0, "examples": []},
}  # fmt: skip


def yaml_of(spec: dict[str, object]) -> str:
    return spec_file.to_yaml([spec])


def proposed() -> Update:
    """A real update in review: a limit that callers see is cut, by somebody else."""
    model = a_model(document("m"))
    update = judged(proposing.propose(None, model, document("m", LESS), origin="scan"))
    assert update.state == UpdateState.REVIEW
    return update


def test_the_page_says_what_was_tested_and_what_was_not(visitor: Visitor) -> None:
    update = an_update(tests=TESTS)
    text = text_of(visitor("viewer").get(f"/reviews/{update.pk}"))
    for part in (
        "41 of 60 calls, 3.2 s", "Limits of parameters 30 2 7", "steps: max the budget of calls or time was used up",
        "A call takes 99.1 ms; with the release that serves now it takes 120.5 ms.",
        "9.5 answers a second instead of 8",
        "37 of 500 sampled would fail", "3 × Streaming no stream", "no golden answer is pinned",
    ):  # fmt: skip
        assert part in text
    assert "{" not in text.partition("What was tested")[2].partition("The adaptation")[0], "no raw JSON"
    bare = an_update()
    assert "Nothing was tested yet." in text_of(visitor("viewer").get(f"/reviews/{bare.pk}"))


def test_the_page_says_how_it_would_go_live(visitor: Visitor) -> None:
    text = text_of(visitor("viewer").get(f"/reviews/{an_update().pk}"))
    assert "1 % of calls for 300 s at least" in text
    assert "points more of its calls fail than with the old release" in text
    assert "begins by itself once it is approved" in text


def test_an_adaptation_is_edited_judged_again_and_its_author_decides_nothing(visitor: Visitor) -> None:
    update = proposed()
    reviewer = visitor("reviewer")
    place = f"/reviews/{update.pk}"
    assert 'id="adapt"' in reviewer.get(place).content.decode()
    assert 'id="adapt"' not in visitor("viewer").get(place).content.decode()
    wider = document("m", with_params(steps={"type": "int", "range": [1, 30]}))
    reviewer.post(f"{place}/adapt", {"text": yaml_of(wider)})
    after = judged(update)
    assert after.release is not None
    assert after.release.spec["params"]["steps"]["range"] == [1, 30]
    assert after.plan_author is not None
    assert "/approve" not in reviewer.get(place).content.decode(), "who edits does not decide"


@pytest.mark.parametrize("text", ["", "{", "models: []", yaml_of(document("other")), yaml_of({"name": "m"}), "\x00"])
def test_a_wrong_adaptation_is_refused_with_its_place(visitor: Visitor, text: str) -> None:
    update = proposed()
    page = visitor("engineer").post(f"/reviews/{update.pk}/adapt", {"text": text}, follow=True)
    assert page.status_code == 200
    assert not Job.objects.filter(kind="update", state="queued").exists()
    update.refresh_from_db()
    assert update.plan_author is None


def test_an_edit_is_proposed_instead_of_saved(visitor: Visitor) -> None:
    model = a_model(document("m"))
    engineer = visitor("engineer")
    assert "/reviews/propose/m" in engineer.get("/edit/m").content.decode()
    answer = engineer.post("/reviews/propose/m", {"text": yaml_of(document("m", LESS)), "digest": "x"})
    update = Update.objects.get()
    assert answer.status_code in (200, 302)
    assert (update.origin, update.author is not None, update.proposed["params"]["steps"]["range"]) == (
        "person", True, [1, 20],
    )  # fmt: skip
    served = model.release
    model.refresh_from_db()
    assert model.release == served, "nothing was saved"


@pytest.mark.parametrize("spec", [document("m"), document("other"), {"name": "m", "type": "llm"}])
def test_what_cannot_be_proposed_keeps_the_text(visitor: Visitor, spec: dict[str, object]) -> None:
    a_model(document("m"))
    page = visitor("engineer").post("/reviews/propose/m", {"text": yaml_of(spec)})
    assert page.status_code == 422
    assert "upstream_model" in page.content.decode() or "name: m" in page.content.decode()
    assert not Update.objects.exists()


def test_programs_propose(visitor: Visitor) -> None:
    a_model(document("m"))
    client, kind = visitor("engineer"), "application/json"
    made = client.post("/api/updates", {"model": "m", "spec": document("m", LESS)}, kind)
    assert (made.status_code, made.json()["state"], made.json()["origin"]) == (201, "seen", "person")
    assert client.post("/api/updates", {"model": "m", "spec": document("m")}, kind).status_code == 409
    assert client.post("/api/updates", {"model": "none", "spec": document("none")}, kind).status_code == 404
    assert client.post("/api/updates", {"model": "m", "spec": {"name": "m"}}, kind).status_code == 400
    assert client.post("/api/updates", {"model": "m", "spec": 7}, kind).status_code == 400
    assert visitor("viewer").post("/api/updates", {"model": "m", "spec": document("m", LESS)}, kind).status_code == 403
