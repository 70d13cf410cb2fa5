"""The hub's unmodified client, through the guard, against an emulated hub."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from huggingface_hub import constants

from registry.transports.egress import Egress
from tests.versions.sources.conftest import RunningHub, lines, manifest_of, sha256
from versions.kinds import DOORS
from versions.reading.errors import SourceGone, SourceLimited, SourceRefused, SourceUnreachable
from versions.reading.interface import SourcePlace
from versions.reading.web import Web

DOOR = DOORS["huggingface"]
FILES = {"config.json": b'{"a": 1}', "model.safetensors": b"w" * 5000, "sub/tokenizer.json": b"{}"}


def place_of(running: RunningHub, name: str = "org/model", **more: Any) -> SourcePlace:
    return replace(SourcePlace(f"{running.url}/{name}"), **more)


def test_a_manifest_has_every_file_and_small_texts(running_hub: RunningHub, web: Web) -> None:
    running_hub.hub.push("org/model", FILES)
    reading = manifest_of(DOOR, place_of(running_hub), web)
    assert lines(reading) == {path: (len(data), sha256(data)) for path, data in FILES.items()}
    assert reading.texts["config.json"] == '{"a": 1}'
    assert reading.bytes_read < 100, "the weights were not downloaded"


def test_what_did_not_move_costs_one_conditional_request(running_hub: RunningHub, web: Web) -> None:
    running_hub.hub.push("org/model", FILES)
    sighting = DOOR.look(place_of(running_hub), web)
    assert sighting is not None
    before = web.requests
    assert DOOR.look(place_of(running_hub, cursor=sighting.cursor), web) is None
    assert web.requests - before == 1
    assert running_hub.hub.counters["status:304"] == 1


def test_a_push_is_seen_and_a_reading_stays_at_its_commit(running_hub: RunningHub, web: Web) -> None:
    running_hub.hub.push("org/model", FILES)
    first = DOOR.look(place_of(running_hub), web)
    assert first is not None
    commit = running_hub.hub.push("org/model", {"config.json": b'{"a": 2}'})
    second = DOOR.look(place_of(running_hub, cursor=first.cursor), web)
    assert second is not None
    assert second.revision == commit
    with DOOR.opened(place_of(running_hub), first, web) as opened:
        listed = next(file for file in opened.files() if file.path == "config.json")
        assert b"".join(opened.chunks(listed)) == b'{"a": 1}'


def test_content_that_moved_behind_the_same_commit_is_seen(running_hub: RunningHub, web: Web) -> None:
    running_hub.hub.push("org/model", FILES)
    first = DOOR.look(place_of(running_hub), web)
    assert first is not None
    running_hub.hub.tamper("org/model", "model.safetensors", b"v" * 5000)
    second = DOOR.look(place_of(running_hub, cursor=first.cursor), web)
    assert second is not None
    assert second.revision == first.revision
    assert second.cursor["hashes"] != first.cursor["hashes"]


def test_a_small_file_that_is_not_the_commits_is_refused(running_hub: RunningHub, web: Web) -> None:
    running_hub.hub.push("org/model", FILES)
    found = running_hub.hub.repositories["org/model"]
    lying = replace(found.files["config.json"], data=b'{"a": 9}')
    running_hub.hub.put("org/model", replace(found, files={**found.files, "config.json": lying}))
    with pytest.raises(SourceRefused, match="its git hash differs"):
        manifest_of(DOOR, place_of(running_hub), web)


def test_a_small_file_that_comes_in_parts_is_checked_as_a_whole(
    running_hub: RunningHub, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    running_hub.hub.push("org/model", FILES)
    found = running_hub.hub.repositories["org/model"]
    lying = replace(found.files["config.json"], data=b'{"a": 9}')
    running_hub.hub.put("org/model", replace(found, files={**found.files, "config.json": lying}))
    bounded = web.bounded
    broken: list[bytes] = []

    def breaks_off(response: httpx.Response, most: int) -> Iterator[bytes]:
        for chunk in bounded(response, most):
            if "resolve" in str(response.url) and not broken:
                broken.append(chunk)
                yield chunk[:4]
                raise SourceUnreachable("cut")
            yield chunk

    monkeypatch.setattr(web, "bounded", breaks_off)
    with pytest.raises(SourceRefused, match="its git hash differs"):
        manifest_of(DOOR, place_of(running_hub), web)
    assert broken


def test_a_name_registered_again_has_another_owner(running_hub: RunningHub, web: Web) -> None:
    running_hub.hub.push("org/model", FILES)
    first = DOOR.look(place_of(running_hub), web)
    running_hub.hub.register_again("org/model")
    second = DOOR.look(place_of(running_hub), web)
    assert first is not None
    assert second is not None
    assert first.owner_id.startswith("org ")
    assert first.owner_id != second.owner_id


def test_many_files_come_in_pages(running_hub: RunningHub, web: Web) -> None:
    running_hub.hub.push("org/model", {f"part-{number:05d}.bin": b"x" for number in range(2500)})
    reading = manifest_of(DOOR, place_of(running_hub), web)
    assert len(reading.lines) == 2500
    assert web.requests == 4, "one look, three pages"


def test_a_repository_that_is_not_there(running_hub: RunningHub, web: Web) -> None:
    with pytest.raises(SourceGone, match="404"):
        DOOR.look(place_of(running_hub, "org/none"), web)


def test_a_rate_limit_is_not_waited_for(running_hub: RunningHub, web: Web) -> None:
    running_hub.hub.push("org/model", FILES)
    running_hub.hub.limited["org/model"] = 120
    with pytest.raises(SourceLimited) as limited:
        DOOR.look(place_of(running_hub), web)
    assert limited.value.seconds == 120
    assert running_hub.hub.counters["requests"] == 1


def test_the_guard_holds_for_the_hubs_own_client(running_hub: RunningHub) -> None:
    running_hub.hub.push("org/model", FILES)
    with pytest.raises(SourceRefused, match="no allow entry covers it"):
        DOOR.look(place_of(running_hub), Web(Egress(("10.0.0.0/8",))))
    assert running_hub.hub.counters["requests"] == 0


def test_names_that_are_none(running_hub: RunningHub, web: Web) -> None:
    with pytest.raises(SourceRefused, match="refuses the name"):
        DOOR.look(SourcePlace(f"{running_hub.url}/org/.."), web)


def test_a_plain_name_means_the_hub_of_the_environment(
    running_hub: RunningHub, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", running_hub.url)
    commit = running_hub.hub.push("org/model", FILES)
    sighting = DOOR.look(SourcePlace("org/model"), web)
    assert sighting is not None
    assert sighting.revision == commit
