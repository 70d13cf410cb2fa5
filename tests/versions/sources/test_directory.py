"""Directories: every byte hashed, symlinks kept inside, changes noticed."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.versions.sources.conftest import lines, manifest_of, sha256
from versions.kinds import DOORS
from versions.reading.errors import SourceGone, SourceMoved, SourceRefused
from versions.reading.interface import SourcePlace
from versions.reading.web import Web
from versions.sources import directory

DOOR = DOORS["directory"]


@pytest.fixture
def place(tmp_path: Path) -> SourcePlace:
    folder = tmp_path / "open" / "model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(b'{"a": 1}')
    (folder / "weights").mkdir()
    (folder / "weights" / "one.safetensors").write_bytes(b"w" * 3_000_000)
    return SourcePlace(str(folder), folders=(str(tmp_path / "open"),))


def test_a_manifest_has_every_file(place: SourcePlace, web: Web) -> None:
    (Path(place.location) / ".git").mkdir()
    (Path(place.location) / ".git" / "HEAD").write_bytes(b"x")
    assert lines(manifest_of(DOOR, place, web)) == {
        "config.json": (8, sha256(b'{"a": 1}')),
        "weights/one.safetensors": (3_000_000, sha256(b"w" * 3_000_000)),
    }


def test_what_did_not_move_is_not_read(place: SourcePlace, web: Web) -> None:
    sighting = DOOR.look(place, web)
    assert sighting is not None
    again = replace(place, cursor=sighting.cursor)
    assert DOOR.look(again, web) is None
    (Path(place.location) / "config.json").write_bytes(b'{"a": 22}')
    assert DOOR.look(again, web) is not None


def test_only_open_folders_may_be_watched(place: SourcePlace, web: Web, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(SourceRefused, match="SOURCE_FOLDERS"):
        DOOR.look(replace(place, location=str(outside)), web)
    with pytest.raises(SourceRefused, match="SOURCE_FOLDERS"):
        DOOR.look(replace(place, location=f"{place.folders[0]}/../outside"), web)
    (tmp_path / "open" / "way").symlink_to(outside)
    with pytest.raises(SourceRefused, match="SOURCE_FOLDERS"):
        DOOR.look(replace(place, location=str(tmp_path / "open" / "way")), web)
    with pytest.raises(SourceGone, match="there is no folder"):
        DOOR.look(replace(place, location=str(tmp_path / "open" / "none")), web)


def test_a_symlink_inside_is_followed_and_one_outside_is_refused(place: SourcePlace, web: Web, tmp_path: Path) -> None:
    folder = Path(place.location)
    (folder / "same.json").symlink_to("config.json")
    assert lines(manifest_of(DOOR, place, web))["same.json"] == (8, sha256(b'{"a": 1}'))
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (folder / "weights" / "away").symlink_to(secret)
    with pytest.raises(SourceRefused, match="weights/away is a symlink that leaves the folder"):
        DOOR.look(place, web)


def test_a_pipe_does_not_hang_a_scan(place: SourcePlace, web: Web) -> None:
    os.mkfifo(Path(place.location) / "pipe")
    with pytest.raises(SourceRefused, match="pipe is no regular file"):
        DOOR.look(place, web)


def test_a_file_that_changes_while_it_is_read_is_noticed(place: SourcePlace, web: Web) -> None:
    sighting = DOOR.look(place, web)
    assert sighting is not None
    weights = Path(place.location) / "weights" / "one.safetensors"
    with DOOR.opened(place, sighting, web) as opened:
        listed = next(file for file in opened.files() if file.path.startswith("weights"))
        chunks = opened.chunks(listed)
        next(chunks)
        weights.write_bytes(b"v" * 3_000_000)
        with pytest.raises(SourceMoved, match="changed while the source was read"):
            list(chunks)
        weights.unlink()
        with pytest.raises(SourceMoved, match="went away"):
            list(opened.chunks(listed))


def test_a_link_swapped_in_after_the_listing_is_not_followed(place: SourcePlace, web: Web, tmp_path: Path) -> None:
    sighting = DOOR.look(place, web)
    assert sighting is not None
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    with DOOR.opened(place, sighting, web) as opened:
        listed = next(file for file in opened.files() if file.path == "config.json")
        (Path(place.location) / "config.json").unlink()
        (Path(place.location) / "config.json").symlink_to(secret)
        with pytest.raises(SourceRefused, match="leaves the folder"):
            list(opened.chunks(listed))


def test_a_folder_of_too_many_files_is_left_while_it_is_walked(
    place: SourcePlace, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "MOST_FILES", 3)
    for number in range(3):
        inner = Path(place.location) / f"f{number}"
        inner.mkdir()
        for name in "ab":
            (inner / name).write_bytes(b"x")
    with pytest.raises(SourceRefused, match="watch a folder inside it"):
        DOOR.look(place, web)
