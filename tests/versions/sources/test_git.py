"""A real git repository over dulwich's own smart HTTP server."""

import zlib
from pathlib import Path

import pytest
from dulwich import porcelain
from dulwich.objects import Blob, ObjectID

from registry.transports.egress import Egress
from tests.versions.git_server import GitServer, git_server
from tests.versions.sources.conftest import lines, manifest_of, sha256
from versions.kinds import DOORS
from versions.reading.errors import SourceGone, SourceRefused, SourceUnreachable
from versions.reading.interface import ListedFile, Sighting, SourcePlace
from versions.reading.web import Web
from versions.sources import git

__all__ = ["git_server"]
DOOR = DOORS["git"]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 123456789\n"


def test_a_manifest_has_every_file_of_the_tree(git_server: GitServer, web: Web) -> None:
    files = {"config.json": b"{}", "deep/er/weights.txt": b"w" * 100_000}
    git_server.commit(files)
    reading = manifest_of(DOOR, SourcePlace(git_server.url), web)
    assert lines(reading) == {path: (len(data), sha256(data)) for path, data in files.items()}
    assert reading.texts == {"config.json": "{}"}


def test_a_large_file_is_known_by_its_pointer(git_server: GitServer, web: Web) -> None:
    git_server.commit({"model.safetensors": POINTER, "config.json": POINTER})
    known = (123456789, "ab" * 32)
    found = lines(manifest_of(DOOR, SourcePlace(git_server.url), web))
    assert found == {"model.safetensors": known, "config.json": known}


def test_what_did_not_move_costs_one_request(git_server: GitServer, web: Web) -> None:
    commit = git_server.commit({"a": b"1"})
    git_server.requests.clear()
    assert DOOR.look(SourcePlace(git_server.url, cursor={"revision": commit}), web) is None
    assert len(git_server.requests) == 1
    moved = git_server.commit({"a": b"2"})
    sighting = DOOR.look(SourcePlace(git_server.url, cursor={"revision": commit}), web)
    assert sighting is not None
    assert sighting.revision == moved


def test_branches_tags_and_commits(git_server: GitServer, web: Web) -> None:
    first = git_server.commit({"a": b"1"})
    porcelain.tag_create(str(git_server.folder), b"v1", annotated=True, message=b"one", author=b"A <a@x>")
    second = git_server.commit({"a": b"2"})

    def revision(reference: str) -> str:
        sighting = DOOR.look(SourcePlace(git_server.url, reference), web)
        assert sighting is not None
        return sighting.revision

    assert revision("v1") == first
    assert revision("master") == revision("") == second
    git_server.requests.clear()
    assert revision(first) == first
    assert git_server.requests == [], "a commit needs no question"
    with pytest.raises(SourceGone, match="no branch or tag 'none'"):
        revision("none")


def test_a_symlink_is_its_text_and_is_not_followed(git_server: GitServer, web: Web) -> None:
    (git_server.folder / "link").symlink_to("/etc/passwd")
    git_server.commit({"a": b"1"})
    porcelain.add(str(git_server.folder), [str(git_server.folder / "link")])
    porcelain.commit(str(git_server.folder), message=b"link", author=b"A <a@x>", committer=b"A <a@x>")
    assert lines(manifest_of(DOOR, SourcePlace(git_server.url), web))["link"] == (11, sha256(b"/etc/passwd"))


def test_no_repository(git_server: GitServer, web: Web) -> None:
    with pytest.raises(SourceGone, match="404"):
        DOOR.look(SourcePlace(git_server.url.replace("models", "nothing")), web)


def test_the_guard_holds(git_server: GitServer) -> None:
    with pytest.raises(SourceRefused, match="no allow entry covers it"):
        DOOR.look(SourcePlace(git_server.url), Web(Egress(())))
    assert git_server.requests == []


def test_a_file_that_unfolds_to_too_much_is_refused(
    git_server: GitServer, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two megabytes of zeros are two kilobytes in a pack: refused before anything holds them."""
    monkeypatch.setattr(git, "LARGEST_BLOB", 1_000_000)
    commit = git_server.commit({"bomb": bytes(2_000_000)})
    with pytest.raises(SourceRefused, match="belong in LFS"):
        manifest_of(DOOR, SourcePlace(git_server.url, commit), web)


def test_a_pack_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    blob = Blob.from_string(bytes(100_000))
    data = b"PACK" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + bytes([0x30 | 5]) + zlib.compress(blob.data)
    pack = tmp_path / "pack"
    pack.write_bytes(data)
    with pack.open("rb") as file, pytest.raises(SourceRefused, match="larger than it says"):
        git._refuse_bomb(file)
    pack.write_bytes(data[:14])
    with pack.open("rb") as file, pytest.raises(SourceUnreachable, match="ends early"):
        git._refuse_bomb(file)


def test_a_branch_that_moved_meanwhile_is_noticed(git_server: GitServer, web: Web) -> None:
    git_server.commit({"a": b"1"})
    gone = "1" * 40
    with (
        pytest.raises((SourceUnreachable, SourceGone)),
        DOOR.opened(SourcePlace(git_server.url), Sighting(gone, {}), web) as opened,
    ):
        list(opened.files())


def test_a_blob_with_many_names_is_read_once(git_server: GitServer, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of a few kilobytes can name one large blob a hundred thousand times."""
    git_server.commit({f"copy-{number}": b"w" * 10_000 for number in range(50)})
    sighting = DOOR.look(SourcePlace(git_server.url), web)
    assert sighting is not None
    read: list[object] = []
    with git.at_commit(SourcePlace(git_server.url), sighting.revision, web) as tree:
        blob = tree._blob

        def counted(sha: ObjectID, stamp: str) -> ListedFile:
            read.append(sha)
            return blob(sha, stamp)

        monkeypatch.setattr(tree, "_blob", counted)
        assert len({file.path for file in tree.files()}) == 50
    assert len(read) == 1


def test_a_tree_of_too_many_files_is_left_whoever_reads_it(
    git_server: GitServer, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "MOST_FILES", 3)
    commit = git_server.commit({f"part-{number}": b"x" for number in range(5)})
    with (
        git.at_commit(SourcePlace(git_server.url), commit, web) as tree,
        pytest.raises(SourceRefused, match="watch a folder inside it"),
    ):
        list(tree.files())
