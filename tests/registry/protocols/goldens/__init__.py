"""Recorded exchanges: a caller's request, what goes over the wire, what the upstream answers, what the caller gets."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import Raw
from msgspec.json import encode

from registry.canon import CallContext, Request, Task, context_of
from registry.protocols.adapter import BoundOperation
from registry.protocols.compiler.adapters import compile_adapter
from registry.specfile.file import read

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Golden:
    """One recorded exchange."""

    name: str
    protocol: str
    task: Task
    case: dict[str, Any]

    @property
    def request(self) -> Request:
        """The caller's request in neutral form."""
        fields = {key: Raw(encode(value)) for key, value in self.case["request"].items()}
        return Request(self.task, fields, self.case["stream"], self.case.get("strict", False))

    @property
    def operation(self) -> BoundOperation:
        """The compiled operation."""
        row = {"name": "public-1", "type": self.case["type"], "protocol": self.protocol, "endpoint": "http://h"}
        adapter = compile_adapter(read({**row, "params": self.case.get("params", {})}))
        return adapter.operations[self.task]

    @property
    def context(self) -> CallContext:
        """The context in which the recorded answer was given."""
        return context_of(self.request, "public-1", "req-1", 1700000000)

    @property
    def answer(self) -> bytes:
        """The upstream's body."""
        body = self.case["upstream"]["body"]
        return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def load() -> list[Golden]:
    """Every recorded exchange."""
    found = []
    for path in sorted(FOLDER.glob("*/*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        found.append(Golden(f"{path.parent.name}/{path.stem}", path.parent.name, Task(case["task"]), case))
    return found
