"""What the log sink takes out, and what it leaves so that a line can still be read."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.redaction import RedactSecrets, redact

SECRET = "s3cr3tV4lue"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization: bearer {SECRET}",
        f"authorization={SECRET}",
        f"Authorization: Basic {SECRET}",
        f"Authorization: ApiKey {SECRET}",
        f"Authorization: Token {SECRET}",
        f"Proxy-Authorization: Basic {SECRET}",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f"Bearer {SECRET}",
        f"x-api-key: {SECRET}",
        f'{{"api_key": "{SECRET}"}}',
        f"GET /v1/models?api_key={SECRET}&page=2",
        f"password={SECRET} user=ada",
        f"PASSWORD: {SECRET}",
        f"token={SECRET}",
        f"access_token={SECRET}",
        f'{{"refresh_token": "{SECRET}"}}',
        f"HF_TOKEN={SECRET}",
        f"X-Auth-Token: {SECRET}",
        f"DB_PASSWORD={SECRET}",
        f"sk-ab{SECRET}",
        f"hf_ab{SECRET}",
        f"gsk_ab{SECRET}",
        f"xai-ab{SECRET}",
        f"pb-abcd{SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_gone(text: str) -> None:
    shown = redact(f"before {text} after")
    assert SECRET not in shown
    assert "***" in shown
    assert shown.startswith("before ")


@pytest.mark.parametrize(
    "text",
    [
        "call 12 took 340 ms",
        "max_tokens: 4096000",
        "the password is wrong",
        "no token was given",
        "model 'chat-00001' answered 200",
        "sk-8",
        "https://gpu.example:8443/v1/chat/completions?page=2",
    ],
)
def test_other_words_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


def test_the_start_of_a_key_stays_so_that_it_can_be_found_in_the_list() -> None:
    assert redact("key pb-abcd0123456789 called") == "key pb-abcd*** called"
    assert redact("a token=abcdefgh&page=2") == "a token=***&page=2"


@given(st.text("abc pb-sk_token=:\"'*&;,", max_size=60))
def test_a_line_that_was_redacted_stays_as_it_is(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_arguments_and_tracebacks_are_redacted_too(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tests.redaction")
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError:
        log.exception("calling with %s and %d", f"token={SECRET}", 7)
    (record,) = caplog.records
    assert RedactSecrets().filter(record)
    line = logging.Formatter().format(record)
    assert SECRET not in line
    assert line.startswith("calling with token=*** and 7\nTraceback")
    assert "ValueError: password=***" in line
