"""Code that calls a model, with the reader's own base URL and a variable where the key goes."""

import json
from collections.abc import Mapping

from registry.canon import Task
from registry.spec import TASKS_BY_TYPE

KEY = "$PATCHBAY_KEY"
_PATHS = {
    Task.CHAT: "chat/completions",
    Task.EMBEDDING: "embeddings",
    Task.MODERATION: "moderations",
    Task.IMAGE: "images/generations",
    Task.RERANK: "rerank",
}
_BODIES: Mapping[Task, Mapping[str, object]] = {
    Task.CHAT: {"messages": [{"role": "user", "content": "Say hello."}]},
    Task.EMBEDDING: {"input": "Say hello."},
    Task.MODERATION: {"input": "Say hello."},
    Task.IMAGE: {"prompt": "A greeting."},
    Task.RERANK: {"query": "greeting", "documents": ["hello", "goodbye"]},
}
_SDK = {
    Task.CHAT: ("chat.completions.create", "answer.choices[0].message.content"),
    Task.EMBEDDING: ("embeddings.create", "answer.data[0].embedding[:4]"),
    Task.MODERATION: ("moderations.create", "answer.results[0].flagged"),
    Task.IMAGE: ("images.generate", "answer.data[0]"),
}
"""Calls of the OpenAI SDK, and what to print of their answers. It has none for reranking."""
_INPUTS: Mapping[Task, object] = {
    Task.TENSOR: [{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [0.1, 0.2, 0.3, 0.4]}],
}


def example(name: str, kind: str, inputs: object = None) -> tuple[str, Mapping[str, object]]:
    """The path below /v1 and the body of a call of a model of type `kind`; `inputs` are ones that are known to fit."""
    task = _task(kind)
    if task not in _PATHS:
        return f"models/{name}/predict", {"inputs": _ordered(inputs) or _INPUTS.get(task, "Say hello.")}
    return _PATHS[task], {"model": name, **_BODIES[task]}


def _ordered(inputs: object) -> object:
    """Tensors whose name comes first; PostgreSQL orders the keys of what it keeps by their length."""
    if not isinstance(inputs, list):
        return inputs
    return [{key: tensor[key] for key in ("name", "shape", "datatype", "data")} for tensor in inputs]


def snippets(name: str, kind: str, base_url: str, inputs: object = None) -> dict[str, str]:
    """curl, Python and (if the OpenAI SDK covers the task) SDK code for a model of type `kind`."""
    task = _task(kind)
    found = _plain(base_url, *example(name, kind, inputs))
    if task not in _SDK:
        return found
    return {"curl": found["curl"], "openai": _sdk(name, task, base_url), "python": found["python"]}


def plug_in(base_url: str) -> str:
    """curl that plugs in a model; its endpoint is the reader's to write."""
    spec = {"name": "my-model", "type": "llm", "protocol": "openai", "endpoint": "http://HOST:PORT"}
    return _curl(f"{base_url}/api/models", json.dumps(spec))


def first_call(name: str, kind: str, base_url: str) -> str:
    """curl that calls a model of type `kind`, in few lines."""
    path, body = example(name, kind)
    return _curl(f"{base_url}/v1/{path}", json.dumps(body, ensure_ascii=False))


def listing(base_url: str) -> str:
    """curl that lists what a key may call, for when there is no model yet."""
    return f'curl {base_url}/v1/models -H "Authorization: Bearer {KEY}"'


def _curl(address: str, body: str) -> str:
    quoted = body.replace("'", "'\\''")
    return (
        f"curl {address} \\\n"
        f'  -H "Authorization: Bearer {KEY}" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{quoted}'"
    )


def _task(kind: str) -> Task:
    return TASKS_BY_TYPE.get(kind, (Task.TENSOR,))[0]


def _plain(base_url: str, path: str, body: Mapping[str, object]) -> dict[str, str]:
    indent = None if "inputs" in body else 2
    curl = _curl(f"{base_url}/v1/{path}", json.dumps(body, ensure_ascii=False, indent=indent))
    python = (
        "import os\n\nimport httpx\n\n"
        "answer = httpx.post(\n"
        f'    "{base_url}/v1/{path}",\n'
        '    headers={"Authorization": f"Bearer {os.environ[\'PATCHBAY_KEY\']}"},\n'
        f"    json={body!r},\n"
        "    timeout=60,\n"
        ")\nanswer.raise_for_status()\nprint(answer.json())"
    )
    return {"curl": curl, "python": python}


def _sdk(name: str, task: Task, base_url: str) -> str:
    head = (
        "import os\n\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{base_url}/v1", api_key=os.environ["PATCHBAY_KEY"])\n'
    )
    call, shown = _SDK[task]
    lines = "".join(
        f"    {field}={json.dumps(value, ensure_ascii=False)},\n"
        for field, value in {"model": name, **_BODIES[task]}.items()
    )
    return f"{head}answer = client.{call}(\n{lines})\nprint({shown})"
