"""A real git repository over dulwich's own smart HTTP server."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIServer, make_server

import pytest
from dulwich import porcelain
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import WSGIRequestHandlerLogger, make_wsgi_chain


@dataclass
class GitServer:
    """A repository at `url`, with its working tree in `folder`."""

    url: str
    folder: Path
    requests: list[str]

    def commit(self, files: dict[str, bytes], message: str = "change", author: str = "A <a@x>") -> str:
        for name, data in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        porcelain.add(str(self.folder), [str(self.folder / name) for name in files])
        return porcelain.commit(
            str(self.folder), message=message.encode(), author=author.encode(), committer=b"A <a@x>"
        ).decode()


class QuietHandler(WSGIRequestHandlerLogger):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    folder = tmp_path / "repository"
    porcelain.init(str(folder))
    requests: list[str] = []
    with Repo(str(folder)) as repository:
        served: Any = {"/org/models": repository}
        chain = make_wsgi_chain(DictBackend(served))

        def counted(environment: dict[str, str], start: Any) -> object:
            requests.append(environment["PATH_INFO"])
            return chain(environment, start)

        server = make_server("127.0.0.1", 0, counted, WSGIServer, QuietHandler)  # type: ignore[arg-type]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield GitServer(f"http://127.0.0.1:{server.server_port}/org/models", folder, requests)
        server.shutdown()
        server.server_close()
