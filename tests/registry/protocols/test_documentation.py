"""docs/protocols.md names every key that a spec or a protocol document can have."""

import re
from pathlib import Path

import pytest

from registry.protocols.document import schema
from registry.spec import TASKS_BY_TYPE
from registry.specfile.params import CONSTRAINT_KEYS, PARAMETER_KEYS
from registry.specfile.reading import READERS

TEXT = (Path(__file__).parents[3] / "docs" / "protocols.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"[a-z_0-9]+", TEXT))


def document_keys() -> set[str]:
    """Every key in the schema of protocol documents."""
    return {key for part in schema()["$defs"].values() for key in part.get("properties", {})}


@pytest.mark.parametrize("key", sorted({*READERS, *PARAMETER_KEYS, *CONSTRAINT_KEYS, *TASKS_BY_TYPE, *document_keys()}))
def test_key_is_documented(key: str) -> None:
    assert key in WORDS
