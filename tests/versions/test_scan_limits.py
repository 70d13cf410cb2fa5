"""What a scan of something huge costs: memory is bounded by the number of files, never by their size."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from versions import scan
from versions.reading.errors import SourceRefused, SourceUnreachable
from versions.reading.interface import ListedFile

SCAN = """
import re, sys
from versions import scan
from versions.reading.interface import SourcePlace
from versions.reading.web import Web
from versions.sources import directory
from registry.transports.egress import Egress

place = SourcePlace(sys.argv[1], folders=(sys.argv[1],))
web = Web(Egress(()))
sighting = directory.look(place, web)
reading = scan.ManifestReading()
with directory.opened(place, sighting, web) as opened:
    scan.read(opened, reading, lambda count: None)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print(sum(line.size for line in reading.lines), peak)
"""
GIGABYTE = 1 << 30


def rss_of_a_scan(folder: Path) -> tuple[int, int]:
    """Bytes that a process of its own hashed, and the most memory that it had, in MB.

    `ru_maxrss` would be that of the process which forked it, if that was larger.
    """
    done = subprocess.run([sys.executable, "-c", SCAN, str(folder)], capture_output=True, check=True, text=True)
    size, peak = done.stdout.split()
    return int(size), int(peak) // 1024


@pytest.mark.slow
def test_memory_does_not_grow_with_the_size_of_files(tmp_path: Path) -> None:
    """Four sparse gigabytes take as much memory as four kilobytes, so a hundred do too."""
    small, large = tmp_path / "small", tmp_path / "large"
    for folder, size in ((small, 1024), (large, GIGABYTE)):
        folder.mkdir()
        for number in range(4):
            with (folder / f"part-{number}.safetensors").open("wb") as file:
                os.truncate(file.fileno(), size)
    _, before = rss_of_a_scan(small)
    size, after = rss_of_a_scan(large)
    assert size == 4 * GIGABYTE
    assert after < 200
    assert after - before < 10


class Endless:
    """A source with any number of files, listed one at a time."""

    def __init__(self, count: int) -> None:
        self.count, self.listed = count, 0

    def files(self) -> Iterator[ListedFile]:
        for number in range(self.count):
            self.listed += 1
            yield ListedFile(f"part-{number:07d}.bin", 1, "a" * 64)

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        yield b"x"


def test_a_million_files_are_refused_in_words_before_they_are_listed() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    source = Endless(1_000_000)
    with pytest.raises(SourceRefused, match="more than 100,000 files; watch a folder inside it"):
        scan.read(source, scan.ManifestReading(), lambda count: None)
    assert source.listed == 100_001
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_a_hundred_thousand_files_are_a_manifest() -> None:
    reading = scan.ManifestReading()
    scan.read(Endless(100_000), reading, lambda count: None)
    packed = scan.packed(reading.lines)
    assert len(packed) < 2_000_000
    assert sum(1 for _ in scan.unpacked(packed)) == 100_000


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", "a//../x", ".", "a\x00b", "a\nb", "a\\b", "x" * 1001, ""])
def test_paths_that_leave_a_source_are_refused(path: str) -> None:
    with pytest.raises(SourceRefused, match="does not stay inside it"):
        scan.safe_path(path)


@pytest.mark.parametrize("path", ["a", "a/b.json", "..a/b", "a b", "é", "a/..b"])
def test_paths_that_stay_inside_are_kept(path: str) -> None:
    assert scan.safe_path(path) == path


class Breaking:
    """A source whose one file breaks off in its middle, and says no size beforehand."""

    def files(self) -> Iterator[ListedFile]:
        yield ListedFile("weights.bin", -1)

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        yield b"0123456789"[start : start + 5]
        if not start:
            raise SourceUnreachable("cut")


def test_a_file_of_unknown_size_that_breaks_off_is_read_to_its_end() -> None:
    reading = scan.ManifestReading()
    scan.read(Breaking(), reading, lambda count: None)
    assert [line.size for line in reading.lines] == [10]
