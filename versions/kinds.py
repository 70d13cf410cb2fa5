"""Every kind of source, by its stored name."""

from collections.abc import Mapping

from versions.models import SourceKind
from versions.reading.interface import SourceDoor
from versions.sources import directory, git, huggingface, listing, live, oci, ollama, specification

DOORS: Mapping[str, SourceDoor] = {
    SourceKind.HUGGINGFACE: SourceDoor(
        huggingface.address, huggingface.look, huggingface.opened, moves=False, vouched=True
    ),
    SourceKind.OLLAMA: SourceDoor(ollama.address, ollama.look, ollama.opened, moves=False, vouched=True),
    SourceKind.OCI: SourceDoor(oci.address, oci.look, oci.opened, moves=False, vouched=True),
    SourceKind.GIT: SourceDoor(git.address, git.look, git.opened, moves=False, vouched=True),
    SourceKind.DIRECTORY: SourceDoor(directory.address, directory.look, directory.opened, moves=True, vouched=False),
    SourceKind.LISTING: SourceDoor(listing.address, listing.look, listing.opened, moves=True, vouched=False),
    SourceKind.LIVE: SourceDoor(live.address, live.look, live.opened, moves=False, vouched=False),
    SourceKind.SPECIFICATION: SourceDoor(
        specification.address, specification.look, specification.opened, moves=True, vouched=True
    ),
}
"""A kind is listed here once its file is there."""
