"""An emulated GitHub and GitLab on a real socket: the statuses API of both, with the rules of their real ones."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

TOKEN = "a-token-of-the-forge"
GITHUB_STATES = {"error", "failure", "pending", "success"}
GITLAB_STATES = {"pending", "running", "success", "failed", "canceled"}
Reply = tuple[int, dict[str, str], dict[str, Any]]


@dataclass
class ForgeServer:
    """What was told of each commit, in order. `next` are answers that are given first, whatever is asked."""

    url: str = ""
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    next: list[Reply] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def states(self, sha: str) -> list[str]:
        return [status["state"] for status in self.told.get(sha, [])]

    def answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        self.paths.append(path)
        if self.next:
            return self.next.pop(0)
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {}, {"message": "Bad credentials"}
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts[0] == "repos":
            return self._github(parts, body)
        return self._gitlab(parts, body)

    def _github(self, parts: list[str], body: dict[str, Any]) -> Reply:
        if len(parts) != 5 or parts[3] != "statuses":
            return 404, {}, {"message": "Not Found"}
        if body.get("state") not in GITHUB_STATES or len(body.get("description", "")) > 140:
            return 422, {}, {"message": "Validation Failed"}
        self.told.setdefault(parts[4], []).append({**body, "repository": "/".join(parts[1:3])})
        return 201, {}, {"state": body["state"]}

    def _gitlab(self, parts: list[str], body: dict[str, Any]) -> Reply:
        if parts[:3] != ["api", "v4", "projects"] or len(parts) != 6 or parts[4] != "statuses":
            return 404, {}, {"message": "404 Not Found"}
        before = self.states(parts[5])
        if body.get("state") not in GITLAB_STATES:
            return 400, {}, {"message": "state does not have a valid value"}
        if before and before[-1] == body["state"]:
            return 400, {}, {"message": f"Cannot transition status via :enqueue from :{before[-1]}"}
        self.told.setdefault(parts[5], []).append({**body, "repository": parts[3]})
        return 201, {}, {"status": body["state"]}


@pytest.fixture
def forge() -> Iterator[ForgeServer]:
    """A forge at `forge.url`."""
    served = ForgeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, given, answer = served.answer(self.path, headers, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"content-length": str(len(data)), **given}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()
