"""Snippets carry the reader's base URL and never a key; the coloured source is the source."""

import ast
import json
import shlex
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from registry.highlighting import pieces
from registry.snippets import snippets
from registry.spec import TASKS_BY_TYPE
from tests.site import write_models


@pytest.mark.parametrize("kind", sorted(TASKS_BY_TYPE))
def test_snippets_are_valid_and_name_the_model(kind: str) -> None:
    found = snippets("team/chat-1:7b", kind, "https://models.example:8443")
    for name, text in found.items():
        assert "https://models.example:8443/v1" in text
        assert "PATCHBAY_KEY" in text
        assert "team/chat-1:7b" in text
        if name != "curl":
            ast.parse(text)
    words = shlex.split(found["curl"].replace("\\\n", " "))
    json.loads(words[words.index("-d") + 1])


def test_page_shows_the_address_that_the_reader_uses(visitor: Callable[..., Client], settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["models.example"]
    write_models(1)
    body = visitor("viewer").get("/models/chat-00000", headers={"host": "models.example"}).content.decode()
    assert "http://models.example/v1/chat/completions" in body


@given(st.text(alphabet=st.sampled_from("abc def=(1)\n  'x' #\"\\\t:é"), max_size=200))
def test_colouring_loses_nothing(source: str) -> None:
    assert "".join(text for _, text in pieces(source)) == source


def test_colours_of_code() -> None:
    coloured = {text: name for name, text in pieces('def f(x):\n    return len("a") + 1  # why\n')}
    assert coloured["def"] == coloured["return"] == "c-k"
    assert coloured["f"] == "c-d"
    assert coloured['"a"'] == "c-s"
    assert coloured["# why"] == "c-c"
