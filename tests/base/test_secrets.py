"""Secrets at rest open with their key, in their row, for their origin; anything else is refused without a hint."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.secrets import KEY_PREFIX, SecretError, key_hash, new_api_key, seal, token_hash, unseal

MASTER, OTHER = b"m" * 32, b"o" * 32
ROW = "credential 7 https://gpu.example:8443"
SEALED = seal("hf_0123456789", MASTER, ROW)


@given(secret=st.text(), bound_to=st.text(), key=st.binary(min_size=32, max_size=32))
def test_what_was_sealed_opens_for_the_same_key_and_place(secret: str, bound_to: str, key: bytes) -> None:
    sealed = seal(secret, key, bound_to)
    assert unseal(sealed, key, bound_to) == secret
    assert len(secret) < 4 or secret.encode() not in sealed


@given(st.text())
def test_the_same_bytes_open_nowhere_else(place: str) -> None:
    if place != ROW:
        with pytest.raises(SecretError):
            unseal(SEALED, MASTER, place)


def test_another_master_key_opens_nothing_and_the_words_say_what_to_do() -> None:
    with pytest.raises(SecretError, match=r"credential 7 .* does not open with this master key; enter it again") as no:
        unseal(SEALED, OTHER, ROW)
    assert "hf_" not in str(no.value)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_no_byte_of_an_envelope_can_be_changed(at: int, by: int) -> None:
    altered = bytearray(SEALED)
    altered[at] ^= by
    with pytest.raises(SecretError):
        unseal(bytes(altered), MASTER, ROW)


@pytest.mark.parametrize("length", [0, 1, 11, 12, 13, 59, 60, 61, 72, len(SEALED) - 1])
def test_a_cut_envelope_is_refused(length: int) -> None:
    with pytest.raises(SecretError):
        unseal(SEALED[:length], MASTER, ROW)


def test_an_envelope_of_parts_of_two_is_refused() -> None:
    other = seal("sk-another", MASTER, ROW)
    with pytest.raises(SecretError):
        unseal(SEALED[:60] + other[60:], MASTER, ROW)


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert len({seal("hf_0123456789", MASTER, ROW) for _ in range(20)}) == 20


def test_keys_are_long_and_no_two_are_equal() -> None:
    keys = {new_api_key() for _ in range(200)}
    assert len(keys) == 200
    assert all(key.startswith(KEY_PREFIX) and len(key) == len(KEY_PREFIX) + 32 and key.isascii() for key in keys)


def test_a_key_is_looked_up_under_its_pepper_alone() -> None:
    key = new_api_key()
    assert key_hash(key, b"p") == key_hash(key, b"p") != key_hash(key, b"q")
    assert key_hash(key, b"p") != hashlib.sha256(key.encode()).hexdigest()
    assert len(key_hash("", b"p")) == 64
    assert token_hash("t") == hashlib.sha256(b"t").hexdigest()
