"""A credential never shows in what an upstream said, however the upstream spells it or cuts it."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from registry.canon import Failure, FailureKind
from registry.transports.masking import MASKED, PIECE, mask_failure, masked

SECRET = "sk-li/ve+\"<42>&'x"
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=PIECE, max_size=40)
SPELLINGS = [
    str,
    quote,
    lambda secret: quote(secret, safe=""),
    lambda secret: json.dumps(secret)[1:-1],
    html.escape,
    lambda secret: base64.b64encode(secret.encode()).decode(),
    lambda secret: base64.b64encode(f":{secret}".encode()).decode(),
]


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("text", ["{}", "wrong key {}!", "{0} and {0}", "Bearer {}", '{{"key":"{}"}}'])
def test_every_spelling_is_masked(spell: object, text: str) -> None:
    assert callable(spell)
    said = text.format(spell(SECRET))
    assert masked(said, SECRET) == text.format(MASKED)


@given(SECRETS, st.sampled_from(SPELLINGS), st.text(max_size=20), st.text(max_size=20))
def test_the_first_letters_of_a_secret_are_never_left(secret: str, spell: object, before: str, after: str) -> None:
    assert callable(spell)
    assume(secret[:PIECE] not in before + after)
    left = masked(before + spell(secret) + after, secret)
    assert secret not in left
    assert spell(secret)[:PIECE] not in left.replace(MASKED, "")


@given(SECRETS, st.integers(PIECE, 40))
def test_a_secret_that_was_cut_short_is_masked(secret: str, length: int) -> None:
    left = masked(f"key {secret[:length]}", secret)
    assert left == f"key {MASKED}"


@given(st.text(max_size=60), SECRETS)
def test_text_without_the_secret_stays(text: str, secret: str) -> None:
    spelled = [spell(secret)[:PIECE] for spell in SPELLINGS if callable(spell)]
    assume(not any(piece in text for piece in spelled))
    assert masked(text, secret) == text


@pytest.mark.parametrize("secret", ["", "a", "abc"])
def test_what_is_too_short_to_be_a_secret_is_not_masked(secret: str) -> None:
    assert masked("abcabc", secret) == "abcabc"


def test_a_short_secret_is_masked_whole() -> None:
    assert masked("key abcd and abcde", "abcd") == f"key {MASKED} and {MASKED}e"


def test_every_word_of_a_failure_is_masked() -> None:
    said = f"bad {SECRET}"
    failure = Failure(
        FailureKind.UPSTREAM_ERROR,
        said,
        parameter=said,
        code=said,
        upstream_words=said,
        detail={"offer": said, "count": 7, "none": None},
    )
    mask_failure(failure, SECRET)
    assert failure.message == failure.parameter == failure.code == failure.upstream_words == f"bad {MASKED}"
    assert failure.detail == {"offer": f"bad {MASKED}", "count": 7, "none": None}


def test_a_failure_without_words_stays_without() -> None:
    failure = Failure(FailureKind.UPSTREAM_ERROR, "boom")
    mask_failure(failure, SECRET)
    assert (failure.message, failure.code, failure.parameter, failure.upstream_words) == ("boom", None, None, "")


def test_a_form_s_spelling_is_a_url_s() -> None:
    assert masked(quote_plus(SECRET), SECRET) == MASKED
