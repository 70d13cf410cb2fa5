"""A specification at a URL. It is read as a document, so a change of its layout alone is no change."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from controlplane.base.messages import Sentence, cut, message_of
from versions.diff.loading import Unreadable, load
from versions.reading.errors import SourceMoved, SourceRefused
from versions.reading.interface import ListedFile, OpenedSource, Sighting, SourcePlace
from versions.reading.web import CHUNK, Web, WebAnswer
from versions.scan import MOST_SPECIFICATION, SPECIFICATION

CONDITIONS = (("if-none-match", "etag"), ("if-modified-since", "last-modified"))


def address(location: str) -> str:
    """The location is the address."""
    return location


def look(place: SourcePlace, web: Web) -> Sighting | None:
    """One conditional request. The revision is the SHA-256 of the document as canonical JSON."""
    conditions = {header: str(place.cursor[name]) for header, name in CONDITIONS if place.cursor.get(name)}
    answer = web.get(place.location, {**_authorization(place), **conditions}, MOST_SPECIFICATION)
    if answer.status == 304:
        return None
    revision = hashlib.sha256(canonical(answer.body)).hexdigest()
    return Sighting(revision, _cursor(answer, revision))


@contextmanager
def opened(place: SourcePlace, sighting: Sighting, web: Web) -> Iterator[OpenedSource]:
    """The document as it is now."""
    answer = web.get(place.location, _authorization(place), MOST_SPECIFICATION)
    text = canonical(answer.body)
    if hashlib.sha256(text).hexdigest() != sighting.revision:
        raise SourceMoved(Sentence("{path} changed while the source was read", path=SPECIFICATION))
    yield _Document(text)


class _Document:
    def __init__(self, text: bytes) -> None:
        self._text = text

    def files(self) -> Iterator[ListedFile]:
        """The one file."""
        yield ListedFile(SPECIFICATION, len(self._text))

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        """Its canonical text."""
        for begin in range(start, len(self._text), CHUNK):
            yield self._text[begin : begin + CHUNK]


def canonical(body: bytes) -> bytes:
    """The document as JSON with sorted keys and no spaces. Raises SourceRefused for what cannot be read."""
    try:
        document = load(body)
    except Unreadable as error:
        raise SourceRefused(
            Sentence("the specification cannot be read: {error}", error=cut(message_of(error), 300))
        ) from error
    if not isinstance(document, dict | list):
        raise SourceRefused(Sentence("the specification is no document: neither a mapping nor a list"))
    try:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except (RecursionError, ValueError) as error:
        raise SourceRefused(Sentence("the specification refers to itself or is nested too deeply")) from error
    return text.encode("utf-8", "surrogatepass")


def _authorization(place: SourcePlace) -> dict[str, str]:
    return {"authorization": f"Bearer {place.secret}"} if place.secret else {}


def _cursor(answer: WebAnswer, revision: str) -> Mapping[str, Any]:
    kept = {name: answer.headers[name] for _, name in CONDITIONS if name in answer.headers}

    return {**kept, "revision": revision}
