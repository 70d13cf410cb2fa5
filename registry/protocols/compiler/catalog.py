"""The protocols that Patchbay speaks, read once from the YAML documents beside this file."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

from registry.protocols.document import Document, DocumentInvalid, read

FOLDER = Path(__file__).parent.parent


def load(folder: Path) -> dict[str, Document]:
    """Every document of `folder` by name. Raises DocumentInvalid."""
    documents: dict[str, Document] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read(yaml.safe_load(path.read_text(encoding="utf-8")), path.name)
        if document.name != path.stem:
            raise DocumentInvalid(f"{path.name}: the name is {document.name!r}; expected the file's name {path.stem!r}")
        documents[document.name] = document
    return documents


def aliases_of(documents: Mapping[str, Document]) -> dict[str, str]:
    """Every spelling, in lower case, with the protocol it means. Raises DocumentInvalid if two claim one."""
    found: dict[str, str] = {}
    for document in documents.values():
        for spelling in (document.name, *document.aliases):
            if found.setdefault(spelling.lower(), document.name) != document.name:
                raise DocumentInvalid(
                    f"{document.name}: the alias {spelling!r} belongs to {found[spelling.lower()]} already"
                )
    return found


def source(name: str) -> str:
    """The YAML text of a protocol's document. Raises KeyError for an unknown name."""
    return (FOLDER / f"{PROTOCOLS[name].name}.yaml").read_text(encoding="utf-8")


PROTOCOLS: Mapping[str, Document] = MappingProxyType(load(FOLDER))
ALIASES: Mapping[str, str] = MappingProxyType(aliases_of(PROTOCOLS))


def canonical_name(alias: str) -> str | None:
    """The protocol that `alias` means, in any case and with spaces, - or _; None if it is unknown."""
    spelling = alias.strip().lower()
    return ALIASES.get(spelling) or ALIASES.get(spelling.replace("-", "_").replace(" ", "_"))
