"""What a forge's push event says: the branch's new commit, and who wrote each file. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

EVENTS = {"github": "push", "gitlab": "Push Hook"}
MOST_PATHS = 5000
LONGEST = 200
SHA1 = 40


@dataclass(frozen=True)
class PushSeen:
    """A push: the commit that the branch has now, and by path who wrote it last in this push."""

    sha: str
    writers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def push_in(form: str, event: str, body: Any, branch: str) -> PushSeen | None:
    """The push to `branch` that a delivery tells of; None if it tells of something else."""
    if form in EVENTS and event != EVENTS[form]:
        return None
    told = body.get("data", body) if isinstance(body, dict) else None
    if not isinstance(told, dict) or told.get("ref") != f"refs/heads/{branch}":
        return None
    sha = told.get("after")
    if not isinstance(sha, str) or len(sha) != SHA1 or not sha.strip("0") or set(sha) - set("0123456789abcdef"):
        return None
    return PushSeen(sha, dict(_writers(told.get("commits"))))


def _writers(commits: Any) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Paths with their writers, the oldest commit first, so that the last writer stays."""
    count = 0
    for commit in commits if isinstance(commits, list) else ():
        author = commit.get("author") if isinstance(commit, dict) else None
        writer = _writer(author) if isinstance(author, dict) else {}
        for path in _paths(commit) if isinstance(commit, dict) else ():
            count += 1
            if count > MOST_PATHS:
                return
            yield path, writer


def _paths(commit: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("added", "modified"):
        paths = commit.get(kind)
        yield from (path for path in paths if isinstance(path, str)) if isinstance(paths, list) else ()


def _writer(author: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(author[name])[:LONGEST] for name in ("name", "email", "username") if author.get(name)}
