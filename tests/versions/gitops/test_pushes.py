"""From a push to updates: a real repository over git's smart HTTP, planned, proposed, and reported to a forge."""

import json
import uuid
from typing import Any

import pytest

from controlplane.base import config
from controlplane.base.models import Job, User
from registry.models import Model
from tests.versions.git_server import GitServer, git_server
from tests.versions.gitops.forge_server import ForgeServer, forge
from tests.versions.gitops.pushing import (
    a_repository,
    an_admin,
    github_push,
    post,
    pushed,
    serving,
    spec_yaml,
    update_of,
    work,
)  # fmt: skip
from tests.versions.updating import a_model, document, with_params
from versions import flow
from versions.flow import UpdateEvent
from versions.gitops import planning, pushes, statuses
from versions.models import Push, SpecRepository, Update, UpdateState, WebhookDelivery

__all__ = ["forge", "git_server"]
pytestmark = pytest.mark.django_db
LESS = with_params(steps={"type": "int", "range": [1, 20]})


@pytest.fixture(autouse=True)
def loopback(db: None) -> None:
    config.store_egress_allow(None, ["127.0.0.0/8"])


def test_a_push_creates_what_is_new_and_proposes_what_changed(git_server: GitServer, forge: ForgeServer) -> None:
    a_model(document("m"))
    a_model(document("same"))
    repository = a_repository(git_server, forge, folder="models")
    sha = git_server.commit(
        {
            "models/a.yaml": spec_yaml(document("m", LESS), document("same")),
            "models/deep/b.yml": spec_yaml(document("fresh")),
            "models/.ci.yaml": b"- a list",
            "other.yaml": b"nothing: here",
        }
    )
    push = pushed(repository, sha)
    assert push.plan["counts"] == {"new": 1, "changed": 1, "unchanged": 1, "invalid": 0, "total": 3}
    assert [(row["name"], row["file"], row["action"]) for row in push.plan["rows"]] == [
        ("m", "models/a.yaml", "changed"), ("fresh", "models/deep/b.yml", "new"),
        ("same", "models/a.yaml", "unchanged"),
    ]  # fmt: skip
    update = update_of(push, "m")
    assert (update.origin, update.commit["sha"], update.commit["file"]) == ("gitops", sha, "models/a.yaml")
    assert serving("fresh") == document("fresh")
    assert serving("m") == document("m"), "a changed spec goes its way through judging"
    assert Job.objects.filter(kind="probe", input__models=[Model.objects.get(name="fresh").pk]).exists()
    assert (push.author, push.message) == ("A", "change")
    repository.refresh_from_db()
    assert repository.revision == sha


def test_a_forge_is_told_pending_at_once_and_what_came_of_it(git_server: GitServer, forge: ForgeServer) -> None:
    a_model(document("m"))
    repository = a_repository(git_server, forge)
    sha = git_server.commit({"m.yaml": spec_yaml(document("m", LESS))})
    assert post(repository, github_push(sha))[0] == 202
    work()
    assert forge.states(sha)[0] == "pending", "before anything is judged"
    push = Push.objects.get()
    for _ in range(4):
        statuses.follow()
        work()
    told = forge.told[sha][-1]
    update = update_of(push, "m")
    assert update.state == UpdateState.REVIEW
    assert (told["state"], told["description"], told["context"]) == ("pending", "1 to be reviewed", "patchbay")
    assert told["target_url"].endswith(f"/reviews/{update.pk}")
    assert told["repository"] == "org/models"
    flow.move(update.pk, UpdateEvent.REJECT, reason="no")
    statuses.follow()
    work()
    assert forge.states(sha)[-1] == "failure"
    assert statuses.follow() == 1
    assert Push.objects.get().settled
    assert statuses.follow() == 0
    assert not Job.objects.filter(kind="commit_status", state="queued").exists()


def test_gitlab_is_told_in_its_own_words(git_server: GitServer, forge: ForgeServer) -> None:
    """Its state for a failure is another one, and the same state again is no error."""
    a_model(document("m"))
    repository = a_repository(git_server, forge, "gitlab")
    sha = git_server.commit({"m.yaml": spec_yaml(document("m", {"steps": {"type": "nonsense"}}))})
    push = pushed(repository, sha)
    assert forge.states(sha) == ["pending", "failed"]
    assert forge.told[sha][-1]["repository"] == "org/models"
    assert forge.told[sha][-1]["name"] == "patchbay"
    assert (push.report_error, Push.objects.get().settled) == ("", True)


def test_one_invalid_spec_and_nothing_is_applied(git_server: GitServer, forge: ForgeServer) -> None:
    a_model(document("m"))
    repository = a_repository(git_server, forge)
    bad = spec_yaml(document("m", LESS)) + b"- name: bad\n  type: nonsense\n  protocol: openai\n"
    sha = git_server.commit({"m.yaml": bad, "n.yaml": spec_yaml(document("fresh"))})
    push = pushed(repository, sha)
    line = bad.decode().splitlines().index("- name: bad") + 1
    wrong = push.plan["rows"][0]
    assert (wrong["file"], wrong["line"], wrong["name"], wrong["action"]) == ("m.yaml", line, "bad", "invalid")
    assert f"m.yaml:{line}" in wrong["errors"][0]
    assert push.state == "failure"
    assert "m.yaml" in forge.told[sha][-1]["description"]
    assert not Update.objects.exists()
    assert not Model.objects.filter(name="fresh").exists()


def test_two_files_cannot_have_one_model(git_server: GitServer) -> None:
    repository = a_repository(git_server)
    sha = git_server.commit({"a.yaml": spec_yaml(document("m")), "b.yaml": spec_yaml(document("m"))})
    push = pushed(repository, sha)
    assert push.plan["rows"][0]["errors"] == ["b.yaml:2: the name m is already taken in a.yaml:2"]


def test_a_file_that_disappears_removes_nothing(git_server: GitServer) -> None:
    repository = a_repository(git_server)
    pushed(repository, git_server.commit({"a.yaml": spec_yaml(document("a")), "b.yaml": spec_yaml(document("b"))}))
    (git_server.folder / "a.yaml").unlink()
    push = pushed(repository, git_server.commit({"a.yaml": b"models: []\n", "b.yaml": spec_yaml(document("b"))}))
    assert push.plan["counts"]["invalid"] == 1, "an empty list is no way to remove models either"
    assert set(Model.objects.values_list("name", flat=True)) == {"a", "b"}


def test_the_author_of_a_file_is_the_author_of_its_update(git_server: GitServer) -> None:
    """By e-mail address whatever its case, else by name; of the last commit of the push that wrote the file."""
    eve = User.objects.create_user("eve", email="Eve@Example.org", password="x", role="reviewer")
    bob = User.objects.create_user("bob", password="x", role="reviewer")
    for name in ("m", "n", "o"):
        a_model(document(name))
    repository = a_repository(git_server)
    files = {f"{name}.yaml": spec_yaml(document(name, LESS)) for name in ("m", "n", "o")}
    sha = git_server.commit(files, author="Merger <bob@nowhere>")
    commits = [
        {"author": {"name": "X", "email": "x@x"}, "added": ["m.yaml"], "modified": []},
        {"author": {"name": "Eve", "email": "eve@example.org"}, "modified": ["m.yaml"]},
        {"author": {"name": "B. B.", "username": "bob", "email": "b@b"}, "modified": ["n.yaml"]},
    ]
    push = pushed(repository, sha, commits=commits)
    assert [update_of(push, name).author for name in ("m", "n", "o")] == [eve, bob, None]


def test_what_people_did_not_want_comes_back_only_if_somebody_touches_it(git_server: GitServer) -> None:
    a_model(document("m"))
    repository = a_repository(git_server)
    file = {"m.yaml": spec_yaml(document("m", LESS))}
    first = update_of(pushed(repository, git_server.commit(file)), "m")
    assert first.state == UpdateState.REVIEW
    flow.move(first.pk, UpdateEvent.REJECT, reason="no")
    push = pushed(repository, git_server.commit({"README": b"more"}))
    assert push.plan["updates"] == {"m": str(first.pk)}
    assert push.state == "failure", "the branch asks for what is not live"
    commits = [{"author": {"name": "A"}, "modified": ["m.yaml"]}]
    again = pushed(repository, git_server.commit({"README": b"again"}), commits=commits)
    assert again.plan["updates"] != {"m": str(first.pk)}
    assert Update.objects.count() == 2


def test_a_commit_that_the_branch_left_behind_is_not_read(git_server: GitServer, forge: ForgeServer) -> None:
    repository = a_repository(git_server, forge)
    old = git_server.commit({"m.yaml": spec_yaml(document("m"))})
    git_server.commit({"m.yaml": spec_yaml(document("n"))})
    push = pushed(repository, old)
    assert (push.state, push.planned_at) == ("error", None)
    assert forge.told[old][-1]["description"] == "master had moved on before this commit was read"
    assert not Model.objects.exists()


def test_a_killed_job_goes_on_and_proposes_once(git_server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It died after it had proposed and before it kept its plan."""
    a_model(document("m"))
    repository = a_repository(git_server)
    sha = git_server.commit({"m.yaml": spec_yaml(document("m", LESS))})
    push = Push.objects.get(pk=post(repository, github_push(sha))[1]["push"])
    keep = pushes._keep

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pushes, "_keep", dies)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert Update.objects.count() == 1
    monkeypatch.setattr(pushes, "_keep", keep)
    Job.objects.filter(kind="push").update(lease_until="2020-01-01T00:00:00Z")
    work()
    push.refresh_from_db()
    assert push.plan["updates"] == {"m": str(Update.objects.get().pk)}


def test_a_forge_that_is_away_is_told_later(git_server: GitServer, forge: ForgeServer) -> None:
    repository = a_repository(git_server, forge)
    sha = git_server.commit({"m.yaml": spec_yaml(document("m"))})
    forge.next = [(503, {}, {}), (403, {"retry-after": "7"}, {"message": "secondary rate limit"})]
    post(repository, github_push(sha))
    assert "deferred" in work()
    push = Push.objects.get()
    assert "answered 503" in push.report_error
    assert push.planned_at is not None, "reading does not wait for a forge"
    Job.objects.filter(kind="commit_status").update(due_at="2020-01-01T00:00:00Z")
    assert work() == ["done", "deferred"] or "limits how often" in Push.objects.get().report_error
    Job.objects.filter(kind="commit_status").update(due_at="2020-01-01T00:00:00Z")
    statuses.follow()
    work()
    push.refresh_from_db()
    assert (push.reported["state"], push.report_error, forge.states(sha)) == ("success", "", ["success"])


def test_a_forge_that_refuses_is_not_asked_again(git_server: GitServer, forge: ForgeServer) -> None:
    repository = a_repository(git_server, forge)
    forge.next = [(404, {}, {"message": "Not Found"})] * 5
    push = pushed(repository, git_server.commit({"m.yaml": spec_yaml(document("m"))}))
    assert "answered 404" in push.report_error
    asked = len(forge.paths)
    for _ in range(3):
        statuses.follow()
        work()
    assert len(forge.paths) == asked == 2, "once for pending, once for success"


def test_a_repository_that_is_away_is_read_later(git_server: GitServer) -> None:
    repository = a_repository(git_server)
    SpecRepository.objects.filter(pk=repository.pk).update(url="http://127.0.0.1:9/x/y")
    sha = git_server.commit({"m.yaml": spec_yaml(document("m"))})
    push = pushed(repository, sha)
    assert push.state == "pending"
    assert "cannot be read" in push.words
    SpecRepository.objects.filter(pk=repository.pk).update(url=git_server.url)
    Job.objects.filter(kind="push").update(due_at="2020-01-01T00:00:00Z")
    work()
    assert Model.objects.filter(name="m").exists()


def test_too_many_or_too_large_files_are_refused(git_server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_FILES", 2)
    repository = a_repository(git_server)
    many = {f"{name}.yaml": spec_yaml(document(name)) for name in "abc"}
    push = pushed(repository, git_server.commit(many))
    assert (push.state, "more than 2 YAML files" in push.words) == ("error", True)
    monkeypatch.setattr(planning, "MOST_FILES", 2000)
    monkeypatch.setattr(planning, "LARGEST_FILE", 10)
    push = pushed(repository, git_server.commit({"README": b"x"}))
    assert "a.yaml is not read" in push.words


@pytest.mark.parametrize(
    "text", [b"", b"{", b"models: 3", b"&a [*a]", b"\x00\xff", b"models:\n  - 7\n", b"- a\n" * 999]
)
def test_no_file_breaks_a_push(git_server: GitServer, text: bytes) -> None:
    push = pushed(a_repository(git_server), git_server.commit({"m.yaml": text}))
    assert push.state == "failure"
    assert push.plan["rows"][0]["file"] == "m.yaml"


def test_reading_by_hand_takes_the_head(git_server: GitServer, forge: ForgeServer) -> None:
    repository = a_repository(git_server, forge)
    sha = git_server.commit({"m.yaml": spec_yaml(document("m"))})
    push = pushes.pull(an_admin(), repository.pk, "http://console")
    for _ in range(2):
        work()
        statuses.follow()
    work()
    push.refresh_from_db()
    assert (push.sha, forge.states(sha)) == (sha, ["success"])
    assert forge.told[sha][0]["target_url"] == f"http://console/repositories/{repository.pk}"


def test_two_pushes_are_read_one_after_the_other(git_server: GitServer) -> None:
    repository = a_repository(git_server)
    sha = git_server.commit({"m.yaml": spec_yaml(document("m"))})
    post(repository, github_push(sha), "one")
    post(repository, github_push(sha), "two")
    Job.objects.filter(kind="push").update(due_at="2020-01-01T00:00:00Z")
    first, second = Job.objects.filter(kind="push").order_by("created_at")
    Job.objects.filter(pk=first.pk).update(state="running", lease_until="2100-01-01T00:00:00Z")
    assert work() == ["deferred"]
    second.refresh_from_db()
    assert second.error["code"] == "busy"


def _events() -> list[tuple[str, Any]]:
    zeros = "0" * 40
    return [
        ("ping", {}), ("pull_request", {"ref": "refs/heads/master", "after": "a" * 40}), ("push", None), ("push", []),
        ("push", {"ref": "refs/heads/other", "after": "a" * 40}), ("push", {"ref": "refs/heads/master"}),
        ("push", {"ref": "refs/heads/master", "after": zeros}), ("push", {"ref": "refs/heads/master", "after": "../x"}),
        ("push", {"ref": "refs/tags/master", "after": "a" * 40}), ("push", {"data": 7}),
    ]  # fmt: skip


@pytest.mark.parametrize(("event", "body"), _events())
def test_other_events_do_nothing(git_server: GitServer, event: str, body: Any) -> None:
    repository = a_repository(git_server)
    assert post(repository, json.dumps(body).encode(), str(uuid.uuid4()), event) == (202, {"push": None, "copy": False})
    assert not Job.objects.exists()


def test_without_a_secret_or_with_a_wrong_one(git_server: GitServer) -> None:
    repository = a_repository(git_server)
    closed = a_repository(git_server, name="closed", webhook_secret="")
    assert post(closed, github_push("a" * 40))[0] == 404
    repository.pk += 100
    assert post(repository, github_push("a" * 40))[0] == 404
    assert WebhookDelivery.objects.count() == 0
