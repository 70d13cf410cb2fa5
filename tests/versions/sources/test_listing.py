"""An S3-style bucket: listed in pages, hashed byte by byte, taken up again where a transfer broke off."""

from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.versions.sources.conftest import PlainServer, Reply, lines, manifest_of, sha256
from versions.kinds import DOORS
from versions.reading.errors import SourceMoved, SourceRefused, SourceUnreachable
from versions.reading.interface import SourcePlace
from versions.reading.web import Web
from versions.sources import listing

DOOR = DOORS["listing"]


@dataclass
class Bucket:
    """Answers as S3 does. `breaks` transfers end early; `swap` replaces an object after the listing."""

    objects: dict[str, bytes] = field(default_factory=dict)
    breaks: int = 0
    listed: int = 0
    swap: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, path: str, headers: dict[str, str]) -> Reply:
        url = urlsplit(path)
        if "list-type=2" in url.query:
            return self._listing(parse_qs(url.query))
        key = unquote(url.path).removeprefix("/bucket/")
        if key in self.swap:
            self.objects[key] = self.swap.pop(key)
        data = self.objects[key]
        if headers.get("if-match", etag(data)) != etag(data):
            return 412, {}, b""
        start = int(headers.get("range", "bytes=0-")[6:-1])
        part = data[start:]
        given = {"etag": etag(data), "content-length": str(len(part))}
        if self.breaks:
            self.breaks -= 1
            return (206 if start else 200), {**given, "connection": "close"}, part[: len(part) // 2]
        return (206 if start else 200), given, part

    def _listing(self, query: dict[str, list[str]]) -> Reply:
        self.listed += 1
        prefix, after = query.get("prefix", [""])[0], query.get("continuation-token", [""])[0]
        keys = [key for key in sorted(self.objects) if key.startswith(prefix) and key > after]
        page, more = keys[:1000], len(keys) > 1000
        items = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(self.objects[key])}</Size>"
            f"<ETag>{etag(self.objects[key])}</ETag><LastModified>2026-11-30</LastModified></Contents>"
            for key in page
        )
        following = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{page[-1]}</NextContinuationToken>"
        body = f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{following if more else ""}{items}'
        return 200, {}, f"{body}</ListBucketResult>".encode()


def etag(data: bytes) -> str:
    return f'"{sha256(data)[:8]}-2"'


@pytest.fixture
def bucket(plain_server: PlainServer) -> Bucket:
    made = Bucket({"models/a/config.json": b"{}", "models/a/w.bin": b"w" * 600_000, "models/b/x": b"other"})
    plain_server.answer = made
    return made


@pytest.fixture
def place(plain_server: PlainServer, bucket: Bucket) -> SourcePlace:
    return SourcePlace(f"{plain_server.url}/bucket", "models/a/")


def test_a_manifest_has_the_objects_below_the_prefix(place: SourcePlace, web: Web) -> None:
    reading = manifest_of(DOOR, place, web)
    assert lines(reading) == {
        "config.json": (2, sha256(b"{}")),
        "w.bin": (600_000, sha256(b"w" * 600_000)),
    }


def test_what_did_not_move_costs_one_listing(place: SourcePlace, bucket: Bucket, web: Web) -> None:
    sighting = DOOR.look(place, web)
    assert sighting is not None
    assert DOOR.look(replace(place, cursor=sighting.cursor), web) is None
    assert bucket.listed == 2
    bucket.objects["models/a/w.bin"] = b"v" * 600_000
    assert DOOR.look(replace(place, cursor=sighting.cursor), web) is not None


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(place: SourcePlace, bucket: Bucket, web: Web) -> None:
    bucket.breaks = 3
    assert lines(manifest_of(DOOR, place, web))["w.bin"] == (600_000, sha256(b"w" * 600_000))
    bucket.breaks = 1000
    with pytest.raises(SourceUnreachable, match="cannot be read"):
        manifest_of(DOOR, place, web)


def test_an_object_replaced_after_the_listing_is_noticed(place: SourcePlace, bucket: Bucket, web: Web) -> None:
    bucket.swap = {"models/a/w.bin": b"v" * 600_000}
    with pytest.raises(SourceMoved, match=r"w\.bin changed"):
        manifest_of(DOOR, place, web)


def test_more_than_a_page_is_listed(place: SourcePlace, bucket: Bucket, web: Web) -> None:
    bucket.objects = {f"models/a/{number:05d}": b"x" for number in range(2100)}
    sighting = DOOR.look(place, web)
    assert sighting is not None
    with DOOR.opened(place, sighting, web) as opened:
        assert len(list(opened.files())) == 2100


def test_a_listing_without_an_end_is_left(plain_server: PlainServer, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_PAGES", 5)
    page = b"<ListBucketResult><IsTruncated>true</IsTruncated>"
    page += b"<NextContinuationToken>same</NextContinuationToken></ListBucketResult>"
    plain_server.answer = lambda *_: (200, {}, page)
    with pytest.raises(SourceRefused, match="more than 5 pages"):
        DOOR.look(SourcePlace(f"{plain_server.url}/bucket"), web)
    assert len(plain_server.asked) == 5


@pytest.mark.parametrize(
    "body",
    [
        b"not xml",
        b"<Error/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><ListBucketResult/>",
        b"<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key><Size>99999999999999999999</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
    ],
)
def test_what_is_no_listing_is_refused(plain_server: PlainServer, web: Web, body: bytes) -> None:
    plain_server.answer = lambda *_: (200, {}, body)
    with pytest.raises(SourceRefused):
        DOOR.look(SourcePlace(f"{plain_server.url}/bucket"), web)


@pytest.mark.parametrize("key", ["../../etc/passwd", "a/../../b", "/etc/passwd", "a\\b", "a/./b"])
def test_a_path_that_leaves_the_source_is_refused(place: SourcePlace, bucket: Bucket, web: Web, key: str) -> None:
    bucket.objects = {f"models/a/{key}": b"x"}
    with pytest.raises(SourceRefused, match="does not stay inside it"):
        manifest_of(DOOR, place, web)
