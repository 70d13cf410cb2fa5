"""From a pushed webhook to live, by the real worker and beat, with a repository over git's HTTP and a forge."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from controlplane.base import config
from registry.models import Model
from routing.models import Deployment
from tests.upstreams import Upstreams
from tests.versions.git_server import GitServer, git_server
from tests.versions.gitops.forge_server import ForgeServer, forge
from tests.versions.gitops.pushing import a_repository, github_push, post, serving, spec_yaml
from tests.versions.rolling import tell
from tests.versions.updating import a_model, document
from tests.workers import Start
from versions.models import Push, Update, UpdateState

__all__ = ["forge", "git_server"]
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
NUMBER = 902
WITHIN_SECONDS = 60.0


@pytest.fixture
def endpoint(upstreams: Upstreams) -> Iterator[str]:
    """A practice model that really refuses what is outside its limits."""
    control = f"{upstreams.url}/control/m/{NUMBER}"
    rules = {"temperature": {"type": "float", "min": 0, "max": 2}, "max_tokens": {"type": "int", "min": 1}}
    httpx.put(f"{control}/v", json={"parameters": rules}, trust_env=False, timeout=20).raise_for_status()
    httpx.put(control, json={"current": "v"}, trust_env=False, timeout=20).raise_for_status()
    yield f"{upstreams.url}/m/{NUMBER}"
    httpx.put(control, json={"current": ""}, trust_env=False, timeout=20)


def until(done: Callable[[], bool], seconds: float) -> float:
    """The seconds until `done`. Raises AssertionError after `seconds`."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds, list(Update.objects.values("state", "reason", "tests"))
        time.sleep(0.5)
    return time.monotonic() - began


def test_a_compatible_push_is_live_within_a_minute(
    endpoint: str, git_server: GitServer, forge: ForgeServer, start_celery: Start, tmp_path: Path
) -> None:
    config.store_egress_allow(None, ["127.0.0.0/8"])
    name = f"practice-chat-{NUMBER}"
    params = {"temperature": {"type": "float", "range": [0, 1]}}
    wider = {"temperature": {"type": "float", "range": [0, 2]}}
    fixed = {"endpoint": endpoint, "upstream_model": name, "tags": ["practice"]}
    model = a_model(document(name, params, **fixed))
    Model.objects.filter(pk=model.pk).update(state="ready")
    repository = a_repository(git_server, forge)
    sha = git_server.commit({"m.yaml": spec_yaml(document(name, wider, **fixed))})
    start_celery("worker", "-P", "threads", "-c", "8", "--without-gossip", "--without-mingle")
    start_celery("beat", "--schedule", str(tmp_path / "beat"))
    assert post(repository, github_push(sha))[0] == 202

    def live() -> bool:
        if Deployment.objects.filter(model=model).count() == 2:
            tell(model, {"calls": 100}, {"calls": 100})  # in place of a gateway, which is not part of this test
        return Update.objects.filter(state=UpdateState.LIVE).exists()

    took = until(live, WITHIN_SECONDS)
    assert serving(name)["params"]["temperature"]["range"] == [0, 2]
    until(lambda: forge.states(sha)[-1:] == ["success"], 20)
    until(lambda: Push.objects.get().settled, 10)
    assert forge.states(sha)[0] == "pending"
    assert forge.told[sha][-1]["description"] == "1 live"
    print(f"live {took:.1f} s after the webhook")
