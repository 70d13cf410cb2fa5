"""Probes: which models are called, what is kept of the answer, and what one failed probe changes."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml
from django.db import transaction

from controlplane.base import config, revision
from controlplane.base.jobs import engine
from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import User
from registry.access import credentials
from registry.catalog import probing, releases
from registry.catalog.probing import ProbeOutcome
from registry.models import Model, ModelState
from registry.specfile import file as spec_file
from tests.ports import reserved_port
from tests.upstreams import Upstreams

pytestmark = pytest.mark.django_db
Answering = Callable[[int, bytes], str]
OK = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'


@pytest.fixture
def answering(db: None) -> Iterator[Answering]:
    """Makes upstreams that give every request the same answer: `answering(500, b"no memory")` is an address."""
    config.store_egress_allow(None, ["127.0.0.0/8"])
    made: list[ThreadingHTTPServer] = []

    def start(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        made.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=made[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{made[-1].server_port}"

    yield start
    for server in made:
        server.shutdown()
        server.server_close()


def stored(*endpoints: str, count: int = 1, name: str = "m", **more: Any) -> list[Model]:
    """Models with these endpoints, as an import leaves them."""
    common = {"type": "llm", "protocol": "openai", "endpoint": list(endpoints), **more}
    return written([{"name": f"{name}{number}", **common} for number in range(count)])


def written(documents: list[dict[str, Any]]) -> list[Model]:
    """The models of these documents, as an import leaves them."""
    specs = [spec_file.read(document) for document in documents]
    with transaction.atomic():
        entries = [releases.Entry(spec, spec_file.digest(spec_file.document(spec))) for spec in specs]
        ids = releases.store(entries, None).created
    return list(Model.objects.filter(pk__in=ids).order_by("pk"))


def probed(*models: Model) -> tuple[int, int]:
    """Probe them; how many are ready and how many failed. The models are read anew."""
    counts = probing.probe_models([model.pk for model in models], lambda ready, failed: None, lambda: False)
    for model in models:
        model.refresh_from_db()
    return counts


def test_a_model_that_answers_is_ready_and_its_time_is_kept(answering: Answering) -> None:
    (model,) = stored(answering(200, OK))
    before = revision.current()
    assert probed(model) == (1, 0)
    assert (model.state, model.state_reason, model.failed_probes) == (ModelState.READY, "", 0)
    assert model.probe_ms is not None
    assert model.probe_ms > 0
    assert model.probed_at is not None
    assert revision.current() == before + 1
    assert probed(model) == (1, 0)
    assert revision.current() == before + 1


def test_an_upstreams_own_words_are_kept_without_its_secrets(answering: Answering) -> None:
    (model,) = stored(answering(500, b'{"error":{"message":"no memory\\u0000 for token=abcdefghijkl"}}'))
    assert probed(model) == (0, 1)
    assert model.state == ModelState.UNREACHABLE
    assert "no memory\ufffd for token=***" in model.state_reason
    assert "abcdefghijkl" not in model.state_reason


def test_endless_words_of_an_upstream_are_cut(answering: Answering) -> None:
    (model,) = stored(answering(500, b'{"error":{"message":"' + b"long " * 5000 + b'"}}'))
    probed(model)
    assert 0 < len(model.state_reason) <= probing.MAX_WORDS


def test_one_replica_that_answers_makes_a_model_ready_and_the_other_is_named(answering: Answering) -> None:
    dead = f"http://127.0.0.1:{reserved_port()}"
    (model,) = stored(answering(200, OK), dead)
    assert probed(model) == (1, 0)
    assert model.state == ModelState.READY
    assert model.state_reason.startswith(f"{dead}: ")


def test_replicas_that_all_fail_are_all_named(answering: Answering) -> None:
    first, second = answering(500, b"{}"), answering(401, b"{}")
    (model,) = stored(first, second)
    assert probed(model) == (0, 1)
    one, other = model.state_reason.split(" | ")
    assert one.startswith(f"{first}: ")
    assert other.startswith(f"{second}: ")
    assert "store a key that it accepts under Credentials" in other


def test_failed_probes_are_counted_until_one_goes_well(answering: Answering) -> None:
    (model,) = stored(answering(500, b"{}"))
    for count in (1, 2, 3):
        probed(model)
        assert model.failed_probes == count
    probing.store([ProbeOutcome(model.pk, model.release_id or 0, True, "", 5.0)])
    model.refresh_from_db()
    assert (model.failed_probes, model.state_reason) == (0, "")


def test_nothing_is_called_for_models_that_are_disabled_or_gone(answering: Answering) -> None:
    (model,) = stored(answering(200, OK))
    Model.objects.filter(pk=model.pk).update(state=ModelState.DISABLED)
    told: list[tuple[int, int]] = []
    found = probing.probe_models([model.pk, 10**9], lambda *counts: told.append(counts), lambda: False)
    assert (found, told) == ((0, 0), [(0, 0)])


def test_a_secret_that_does_not_open_is_told_and_nothing_is_sent(
    answering: Answering, person: Callable[..., User], settings: Any
) -> None:
    address = answering(200, OK)
    credentials.create(person("engineer"), "gpu", address, "hf_0123456789abcdef")
    (model,) = stored(address, credential="gpu")
    settings.MASTER_KEY = b"o" * 32
    assert probed(model) == (0, 1)
    assert "does not open with this master key; enter it again" in model.state_reason
    assert model.probe_ms is None


def test_a_round_that_is_cancelled_begins_no_more_calls(upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstreams.fleet.latency, "first_ms", 400)
    models = written(yaml.safe_load(upstreams.yaml(3 * probing.CONCURRENCY))["models"])
    counts = probing.probe_models([model.pk for model in models], lambda ready, failed: None, lambda: True)
    left = Model.objects.filter(state=ModelState.PROBING).count()
    assert sum(counts) + left == len(models)
    assert left >= probing.CONCURRENCY


def test_outcomes_say_whether_anything_moved(answering: Answering) -> None:
    model, other = stored(answering(200, OK), count=2)
    assert model.release_id is not None
    assert other.release_id is not None
    assert not probing.store([])
    failed = ProbeOutcome(model.pk, model.release_id, False, "no route", None)
    assert probing.store([failed, ProbeOutcome(other.pk, other.release_id, True, "", 3.0, b'{"inputs": [1]}')])
    assert not probing.store([failed])
    assert probing.store([ProbeOutcome(model.pk, model.release_id, False, "no memory", None)])
    other.refresh_from_db()
    assert other.example == {"inputs": [1]}
    assert (other.probe_ms, other.state) == (3.0, ModelState.READY)


@pytest.mark.django_db(transaction=True)
def test_a_job_keeps_counts_and_short_reasons(answering: Answering) -> None:
    (good,) = stored(answering(200, OK), name="good")
    bad = stored(answering(500, b'{"error":{"message":"' + b"long " * 300 + b'"}}'), count=2)
    job = jobs.enqueue("probe", {"models": [good.pk, *(model.pk for model in bad)]})
    engine.work({"probe": probing.run})
    job.refresh_from_db()
    assert job.result["counts"] == {"ready": 1, "unreachable": 2, "total": 3}
    assert [row["name"] for row in job.result["failed"]] == ["m0", "m1"]
    assert all(len(row["reason"]) <= probing.MAX_KEPT_WORDS for row in job.result["failed"])
    assert {name: job.progress[name] for name in ("done", "failed", "left", "total")} == {
        "done": 1,
        "failed": 2,
        "left": 0,
        "total": 3,
    }
