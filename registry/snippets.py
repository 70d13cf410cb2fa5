"""Code that calls a model, with the reader's own base URL and a variable where the key goes."""

import json
from collections.abc import Mapping

from registry.canon import Task
from registry.spec import TASKS_BY_TYPE

KEY = "$PATCHBAY_KEY"
_PATHS = {Task.CHAT: "chat/completions", Task.EMBEDDING: "embeddings"}
_BODIES: Mapping[Task, Mapping[str, object]] = {
    Task.CHAT: {"messages": [{"role": "user", "content": "Say hello."}]},
    Task.EMBEDDING: {"input": "Say hello."},
}
_INPUTS: Mapping[Task, object] = {
    Task.RERANK: {"query": "greeting", "documents": ["hello", "goodbye"]},
    Task.TENSOR: [{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [0.1, 0.2, 0.3, 0.4]}],
}


def snippets(name: str, kind: str, base_url: str) -> dict[str, str]:
    """curl, Python and (where the OpenAI SDK covers the task) SDK code for a model of type `kind`."""
    task = TASKS_BY_TYPE.get(kind, (Task.TENSOR,))[0]
    if task not in _PATHS:
        inputs = _INPUTS.get(task, "Say hello.")
        return _plain(base_url, f"models/{name}/predict", {"inputs": inputs})
    found = _plain(base_url, _PATHS[task], {"model": name, **_BODIES[task]})
    return {"curl": found["curl"], "openai": _sdk(name, task, base_url), "python": found["python"]}


def _plain(base_url: str, path: str, body: Mapping[str, object]) -> dict[str, str]:
    quoted = json.dumps(body, ensure_ascii=False, indent=2).replace("'", "'\\''")
    curl = (
        f"curl {base_url}/v1/{path} \\\n"
        f'  -H "Authorization: Bearer {KEY}" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{quoted}'"
    )
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
    if task is Task.EMBEDDING:
        call = f'answer = client.embeddings.create(model="{name}", input="Say hello.")\n'
        return head + call + "print(answer.data[0].embedding[:4])"
    return (
        head + "answer = client.chat.completions.create(\n"
        f'    model="{name}",\n'
        '    messages=[{"role": "user", "content": "Say hello."}],\n'
        ")\nprint(answer.choices[0].message.content)"
    )
