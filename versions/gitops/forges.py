"""How commit statuses are told to GitHub and GitLab, over the guarded client."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from controlplane.base.messages import Sentence
from versions.reading.errors import SourceLimited, SourceRefused, SourceUnreachable
from versions.reading.web import Web, retry_after, shown

FORGES = ("plain", "github", "gitlab")
CONTEXT = "patchbay"
LONGEST_WORDS = 140
"""GitHub takes no longer description."""
MOST_ANSWER = 1_000_000
GITLAB_STATES = {"pending": "pending", "success": "success", "failure": "failed", "error": "failed"}
LIMITED, PASSING = (403, 429), (408, 409)
SAME_STATE = "Cannot transition status"
"""GitLab's answer to a state that the commit has already."""


@dataclass(frozen=True)
class CommitStatus:
    """What a commit is told to be. `state` is pending, success, failure or error; `target` a page of this console."""

    state: str
    words: str
    target: str


@dataclass(frozen=True)
class ForgePlace:
    """Where a forge takes statuses: its kind, the root of its API, the repository's address, and a token."""

    forge: str
    api: str
    repository: str
    token: str


def report(place: ForgePlace, sha: str, status: CommitStatus, web: Web) -> None:
    """Tell a forge what a commit is.

    Raises SourceUnreachable or SourceLimited for what may go well later, SourceRefused for what will not.
    """
    url, body = (_github if place.forge == "github" else _gitlab)(place, sha, status)
    headers = {"content-type": "application/json", "accept": "application/json"}
    if place.forge == "github":
        headers |= {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
    if place.token:
        headers["authorization"] = f"Bearer {place.token}"
    with web.sent("POST", url, headers, json.dumps(body).encode()) as answer:
        text = b"".join(web.bounded(answer, MOST_ANSWER)).decode("utf-8", "replace")
        _check(answer.status_code, answer.headers, text, url)


def _github(place: ForgePlace, sha: str, status: CommitStatus) -> tuple[str, dict[str, str]]:
    body = {
        "state": status.state, "context": CONTEXT, "description": cut_words(status.words), "target_url": status.target,
    }  # fmt: skip
    return f"{place.api.rstrip('/')}/repos/{quote(path_of(place.repository))}/statuses/{sha}", body


def _gitlab(place: ForgePlace, sha: str, status: CommitStatus) -> tuple[str, dict[str, str]]:
    body = {
        "state": GITLAB_STATES[status.state], "name": CONTEXT, "description": cut_words(status.words),
        "target_url": status.target,
    }  # fmt: skip
    return f"{place.api.rstrip('/')}/projects/{quote(path_of(place.repository), safe='')}/statuses/{sha}", body


def path_of(repository: str) -> str:
    """owner/name, with groups in between where the forge has them."""
    return urlsplit(repository).path.strip("/").removesuffix(".git")


def cut_words(words: str) -> str:
    """A description of a length that every forge takes."""
    text = " ".join(str(words).split())
    return text if len(text) <= LONGEST_WORDS else f"{text[: LONGEST_WORDS - 1]}…"


def _check(status: int, headers: Mapping[str, str], text: str, url: str) -> None:
    if 200 <= status < 300 or (status == 400 and SAME_STATE in text):
        return
    waits = status == 429 or "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    if status in LIMITED and waits:
        seconds = retry_after(headers)
        words = Sentence(
            "{url} limits how often it is asked; asked again in {seconds} s", url=shown(url), seconds=int(seconds)
        )
        raise SourceLimited(words, seconds)
    words = Sentence("{url} answered {status}: {text}", url=shown(url), status=status, text=text[:200])
    raise SourceUnreachable(words) if status >= 500 or status in PASSING else SourceRefused(words)
