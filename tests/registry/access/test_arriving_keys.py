"""Keys as they arrive in a request."""

import pytest

from controlplane.base.secrets import key_hash
from registry.access import keys


@pytest.mark.parametrize("key", ["pb-abc", "pb-" + "x" * 32])
def test_keys_hash_as_they_are_stored(key: str) -> None:
    assert keys.digest(key.encode(), b"pepper") == key_hash(key, b"pepper")
    assert keys.bearer(b"bEaReR  " + key.encode()) == key.encode()


@pytest.mark.parametrize(
    "header", [b"", b"Bearer", b"Bearer ", b"Basic abc", "Bearer é".encode(), b"Bearer " + b"x" * 201]
)
def test_what_cannot_be_a_key_is_none(header: bytes) -> None:
    assert keys.bearer(header) is None
