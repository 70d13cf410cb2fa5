"""An S3-style listing over HTTPS: `location` is the bucket's address, `reference` the prefix that is watched."""

import hashlib
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, XMLParser

from controlplane.base.messages import Sentence
from versions.reading.errors import SourceMoved, SourceRefused
from versions.reading.interface import ListedFile, OpenedSource, Sighting, SourcePlace
from versions.reading.web import Web, WebAnswer, shown
from versions.scan import MOST_FILES

MOST_PAGE = 8_000_000
LARGEST = 1 << 50
MOST_PAGES = 2 * MOST_FILES // 1000
"""Twice as many as full pages need. Some servers give pages of fewer objects, but none gives empty ones for ever."""


@dataclass(frozen=True, slots=True)
class _Page:
    files: tuple[ListedFile, ...]
    following: str
    etag: str


def address(location: str) -> str:
    """The location is the address."""
    return location


def look(place: SourcePlace, web: Web) -> Sighting | None:
    """The revision is a SHA-256 over every key, size, ETag and time. One request for each thousand objects."""
    known = str(place.cursor.get("etag", ""))
    digest, etags = hashlib.sha256(), []
    for page in _pages(place, web, {"if-none-match": known} if known else {}):
        if page is None:
            return None
        etags.append(page.etag)
        for listed in page.files:
            digest.update(f"{listed.path}\0{listed.size}\0{listed.stamp}\n".encode())
    revision = digest.hexdigest()
    if place.cursor.get("revision") == revision:
        return None
    return Sighting(revision, {"revision": revision, "etag": etags[0] if len(etags) == 1 else ""})


@contextmanager
def opened(place: SourcePlace, sighting: Sighting, web: Web) -> Iterator[OpenedSource]:
    """The objects as they are now."""
    yield _Bucket(place, web)


class _Bucket:
    def __init__(self, place: SourcePlace, web: Web) -> None:
        self._place, self._web = place, web

    def files(self) -> Iterator[ListedFile]:
        """Every object below the prefix."""
        for page in _pages(self._place, self._web, {}):
            yield from page.files if page is not None else ()

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        """The object's bytes, if it is the one that was listed."""
        headers = _authorization(self._place)
        etag = file.stamp.partition("|")[0]
        if etag:
            headers["if-match"] = etag
        if start:
            headers["range"] = f"bytes={start}-"
        url = f"{self._place.location.rstrip('/')}/{urllib.parse.quote(file.handle)}"
        with self._web.opened("GET", url, headers, accepted=(412,)) as response:
            moved = response.status_code == 412 or (etag and response.headers.get("etag", etag) != etag)
            if moved or (start and response.status_code != 206):
                raise SourceMoved(Sentence("{path} changed while the source was read", path=file.path))
            yield from self._web.bounded(response, max(file.size, 0) + 1)


def _pages(place: SourcePlace, web: Web, conditions: dict[str, str]) -> Iterator[_Page | None]:
    following, listed = "", 0
    for _ in range(MOST_PAGES):
        query = {"list-type": "2", "max-keys": "1000", "prefix": place.reference}
        if following:
            query["continuation-token"] = following
        url = f"{place.location.rstrip('/')}/?{urllib.parse.urlencode(query)}"
        answer = web.get(url, {**_authorization(place), **conditions}, MOST_PAGE)
        if answer.status == 304:
            yield None
            return
        page = _read(answer, place)
        listed += len(page.files)
        yield page
        if not page.following or listed > MOST_FILES:
            return
        following = page.following
    raise SourceRefused(
        Sentence("the listing of {url} has more than {most} pages", url=shown(place.location), most=MOST_PAGES)
    )


def _read(answer: WebAnswer, place: SourcePlace) -> _Page:
    root = _document(answer.body, place.location)
    text = {child.tag.rpartition("}")[2]: (child.text or "") for child in root}
    files = tuple(
        found
        for child in root
        if child.tag.rpartition("}")[2] == "Contents"
        for found in _object(child, place.reference)
    )
    following = text.get("NextContinuationToken", "") if text.get("IsTruncated") == "true" else ""
    return _Page(files, following, answer.headers.get("etag", ""))


def _object(element: Element, prefix: str) -> Iterator[ListedFile]:
    said = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element}
    key, size = said.get("Key", ""), said.get("Size", "")
    if key.endswith("/"):
        return
    if not key or not size.isdigit() or int(size) > LARGEST:
        raise SourceRefused(
            Sentence("the listing has an object without a key or with the size {size}", size=repr(size[:40]))
        )
    inside = key[prefix.rfind("/") + 1 :] if key.startswith(prefix) else key
    yield ListedFile(inside, int(size), stamp=f"{said.get('ETag', '')}|{said.get('LastModified', '')}", handle=key)


def _document(body: bytes, location: str) -> Element:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise SourceRefused(
            Sentence("the listing of {url} declares a document type; a listing has none", url=shown(location))
        )
    parser = XMLParser()  # noqa: S314 - without a document type there are no entities to unfold
    try:
        parser.feed(body)
        root: Element = parser.close()
    except ParseError as error:
        raise SourceRefused(
            Sentence("the listing of {url} is no XML: {error}", url=shown(location), error=str(error))
        ) from error
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        raise SourceRefused(
            Sentence("{url} answers with {tag}, not with ListBucketResult", url=shown(location), tag=root.tag[:80])
        )
    return root


def _authorization(place: SourcePlace) -> dict[str, str]:
    return {"authorization": f"Bearer {place.secret}"} if place.secret else {}
