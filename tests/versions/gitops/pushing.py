"""A repository of specs, pushes to it as forges tell of them, and its jobs run in the test's own thread."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import yaml
from django.test import Client

from controlplane.base.jobs import engine
from controlplane.base.jobs.engine import JobDeferred, JobFailed
from controlplane.base.models import User
from registry.access import credentials
from registry.models import Model
from tests.versions.git_server import GitServer
from tests.versions.gitops.forge_server import TOKEN, ForgeServer
from versions import judging, proposing
from versions.gitops import pushes, repositories, statuses
from versions.models import Push, SpecRepository, Update

SECRET = "a-secret-of-enough-letters"
HANDLERS = {proposing.KIND: judging.run, pushes.KIND: pushes.run, statuses.KIND: statuses.run}


def an_admin() -> User:
    found = User.objects.filter(username="root").first()
    return found or User.objects.create_user("root", password="x", role="admin")


def a_repository(git: GitServer, forge: ForgeServer | None = None, kind: str = "github", **more: Any) -> SpecRepository:
    """A repository; with a forge its statuses are reported there."""
    draft = {"name": "specs", "url": git.url, "branch": "master", "webhook_secret": SECRET, **more}
    if forge is not None:
        credentials.create(an_admin(), "forge token", forge.url, TOKEN)
        api = forge.url if kind == "github" else f"{forge.url}/api/v4"
        draft |= {"forge": kind, "status_api": api, "credential": "forge token"}
    return repositories.create(an_admin(), draft)


def spec_yaml(*specs: Mapping[str, Any]) -> bytes:
    whole = json.loads(json.dumps({"models": specs}))  # without what specs share, which YAML would write as aliases
    return yaml.safe_dump(whole, sort_keys=False).encode()


def github_push(sha: str, branch: str = "master", commits: Any = ()) -> bytes:
    return json.dumps({"ref": f"refs/heads/{branch}", "after": sha, "commits": list(commits)}).encode()


def post(repository: SpecRepository, body: bytes, name: str = "d1", event: str = "push") -> tuple[int, dict[str, Any]]:
    """A delivery in GitHub's form."""
    made = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={made}", "x-github-delivery": name, "x-github-event": event}
    address = f"/hooks/repositories/{repository.pk}"
    answer = Client().generic("POST", address, body, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def work() -> list[str]:
    """Run what is due, once each. Returns how each job ended."""
    ended = []
    for lease in engine.claim(20):
        try:
            lease.finish(HANDLERS[lease.job.kind](lease))
            ended.append("done")
        except JobFailed as error:
            lease.fail(error.error)
            ended.append("failed")
        except JobDeferred as error:
            lease.defer(error)
            ended.append("deferred")
        except KeyError:
            lease.finish({})
    return ended


def pushed(repository: SpecRepository, sha: str, **more: Any) -> Push:
    """A push that was delivered, read, and followed."""
    status, answer = post(repository, github_push(sha, **more), name=sha)
    assert status == 202
    for _ in range(3):
        work()
        statuses.follow()
    return Push.objects.get(pk=answer["push"])


def update_of(push: Push, name: str) -> Update:
    return Update.objects.select_related("release", "author").get(pk=push.plan["updates"][name])


def serving(name: str) -> dict[str, Any]:
    model = Model.objects.select_related("release").get(name=name)
    assert model.release is not None
    return dict(model.release.spec)
