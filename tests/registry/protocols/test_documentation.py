"""docs/protocols.md names every type of model and every key that a protocol document can have."""

import re
from pathlib import Path

import pytest

from registry.protocols.document import schema
from registry.spec import TASKS_BY_TYPE

TEXT = (Path(__file__).parents[3] / "docs" / "protocols.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"[a-z_0-9]+", TEXT))


def document_keys() -> set[str]:
    """Every key in the schema of protocol documents."""
    return {key for part in schema()["$defs"].values() for key in part.get("properties", {})}


@pytest.mark.parametrize("key", sorted({*TASKS_BY_TYPE, *document_keys()}))
def test_key_is_documented(key: str) -> None:
    assert key in WORDS
