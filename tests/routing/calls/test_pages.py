"""A page per call: what it tells in both languages, how it is found, and the calls beside it."""

import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from registry.canon import FailureKind
from routing.models import CallRecord

Visitor = Callable[..., Client]
LANGUAGES = ("en", "zh-hans")


def change(parameter: str, action: str, given: Any = None, sent: Any = None) -> dict[str, Any]:
    """An adaptation as a record keeps it."""
    return {"parameter": parameter, "action": action, "given": given, "sent": sent}


TOLD = [
    (change("temperature", "clamped", 1.7, 1.0), "temperature 1.7 → 1.0: clamped, the upstream allows less"),
    (change("max_tokens", "clamped", 0, 1), "max_tokens 0 → 1: clamped, it asks for more"),
    (change("budget", "clamped", None, 9), "budget was set to 9: clamped, another parameter asks for it"),
    (change("style", "clamped", "wild", "calm"), "style wild → calm: clamped, the upstream takes other values"),
    (change("think", "clamped", True, False), "think true → false: clamped, the upstream takes other values"),
    (change("metadata", "dropped", "{}"), "metadata was left out: the upstream has no such parameter, or not in"),
    (change("messages[0].name", "dropped", "x"), "messages[0].name was left out: the upstream has no such parameter"),
    (change("cache_control", "dropped", "9 marks", "4 marks"), "cache_control 9 marks → 4 marks: the upstream takes"),
    (change("stop", "renamed", "stop", "stop_sequences"), "stop was sent as stop_sequences: the upstream has another"),
    (change("temperature", "converted", 1, 5.0), "temperature 1 → 5.0: converted, the upstream's range is another"),
    (change("max_tokens", "defaulted", None, 4096), "max_tokens was set to 4096: the call gave none, so the default"),
    (change("detail", "defaulted", "high"), "detail was not sent: the upstream's own default holds"),
    (change("type", "defaulted", "text", "object"), "type text → object: the upstream wants a value of its own"),
    (change("effort", "mapped", "none", "off"), "effort none → off: mapped, the upstream's word for the same"),
    (change("tools", "mapped", "[]"), "tools was not sent: the upstream is told the same in another way"),
    (change("<b>", "invented", 1, 2), "<b> 1 → 2: invented"),
    (change("100%", "dropped", "%s"), "100% was left out: "),
    (change("", "more", None, 19_950), "and 19950 more"),
]


def record(**given: Any) -> CallRecord:
    """A call as the recorder writes it."""
    base: dict[str, Any] = {"id": uuid.uuid4(), "at": timezone.now(), "model": "chat", "task": "chat", "status": 200}
    return CallRecord.objects.create(**{**base, "duration_ms": 120.5, "revision": 7, **given})


def page(client: Client, address: str) -> str:
    """The page as its reader sees it."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    return unescape(answer.content.decode())


@pytest.mark.parametrize(("adapted", "sentence"), TOLD, ids=lambda item: item if isinstance(item, str) else "")
def test_an_adaptation_is_a_sentence_in_both_languages(visitor: Visitor, adapted: Any, sentence: str) -> None:
    call = record(adapted=[adapted])
    assert sentence in page(visitor("viewer"), f"/calls/{call.pk}")
    chinese = page(visitor("viewer", "zh-hans"), f"/calls/{call.pk}")
    items = re.findall(r"<li>(.*?)</li>", chinese[chinese.index("adapted-title") :])
    assert len(items) == 1
    own = {str(adapted[name]) for name in ("parameter", "given", "sent")} | {"invented"}
    assert [word for word in re.findall(r"[a-z]{4,}", items[0]) if not any(word in text for text in own)] in (
        [],
        ["true", "false"],
    )


@pytest.mark.parametrize("adapted", [None, [], {}, "text", [None, 3], [{}], [{"action": "more", "sent": "x"}]])
def test_what_no_version_wrote_breaks_no_page(visitor: Visitor, adapted: Any) -> None:
    call = record(adapted=adapted if adapted is not None else [])
    page(visitor("viewer"), f"/calls/{call.pk}")
    page(visitor("viewer"), "/calls")


@pytest.mark.parametrize("language", LANGUAGES)
def test_lists_hold_a_short_cell_that_leads_to_the_page(visitor: Visitor, language: str) -> None:
    call = record(adapted=[item for item, _ in TOLD if item["action"] != "more"] + [change("", "more", None, 33)])
    client = visitor("admin", language)
    for address in ("/calls", "/calls/of/chat", "/calls?q=chat&status=answered"):
        body = page(client, address)
        assert ("50 adapted" if language == "en" else "50") in body
        assert '"parameter"' not in body
        link = re.search(rf'href="(/calls/{call.pk}[^"]*)"', body)
        assert link is not None
        page(client, link[1])


@pytest.mark.parametrize(
    ("spelling", "own"),
    [("{pk}", "mine-42/Ab"), ("{hex}", "mine-42/Ab"), ("{own}", "mine-42/Ab"), ("{own}", "r" * 128)],
)
def test_a_call_is_found_by_each_of_its_ids(visitor: Visitor, spelling: str, own: str) -> None:
    call = record(request_id=own)
    record(model="other")
    given = spelling.format(pk=call.pk, hex=call.pk.hex, own=own)
    client = visitor("viewer")
    assert own in page(client, f"/calls/{given}")
    listed = page(client, f"/calls?q={given}")
    assert re.findall(r'id="c-([0-9a-f-]{36})"', listed) == [str(call.pk)]
    found = client.get("/palette", {"q": given}).json()["results"]
    assert found[0]["href"] == f"/calls/{call.pk}"


def test_an_id_that_nobody_has_is_told(visitor: Visitor) -> None:
    client = visitor("viewer")
    for text in ("nothing", "a%00b", "x" * 400, uuid.uuid4().hex):
        assert client.get(f"/calls/{text}").status_code == 404
        assert client.get(f"/calls?q={text}").status_code == 200
        assert client.get(f"/palette?q={text}").status_code == 200


def test_the_calls_beside_one_are_those_of_the_filter(visitor: Visitor) -> None:
    now = timezone.now()
    wanted = [
        record(at=now - timedelta(seconds=n), model="a b", status=502, failure="upstream_error") for n in (1, 5, 5, 9)
    ]
    for n in (0, 2, 5, 6, 10):
        record(at=now - timedelta(seconds=n))
    client = visitor("viewer")
    listed = re.findall(r'id="c-([0-9a-f-]{36})"', page(client, "/calls?model=a+b&status=failed"))
    address, walked = f"/calls/{listed[0]}?model=a+b&status=failed", [listed[0]]
    assert 'rel="prev"' not in page(client, address)
    while link := re.search(r'rel="next" href="([^"]+)"', page(client, address)):
        address = link[1]
        walked.append(address.split("/")[2].partition("?")[0])
    assert walked == listed
    assert len(walked) == len(wanted)
    assert 'href="/calls?model=a+b&status=failed"' in page(client, address)


@pytest.mark.parametrize("language", LANGUAGES)
def test_failures_and_tokens_are_told_in_words(visitor: Visitor, language: str) -> None:
    client = visitor("admin", language)
    for kind in FailureKind:
        call = record(status=502, failure=kind, message="it broke", prompt_tokens=3, usage_basis="partial")
        body = page(client, f"/calls/{call.pk}")
        assert kind.value not in body
        assert "it broke" in body
        assert "of the part that was sent" in body or language != "en"
    assert not [kind for kind in FailureKind if f">{kind.value}<" in page(client, "/calls")]


def test_nothing_is_dumped_as_json(visitor: Visitor) -> None:
    call = record(adapted=[item for item, _ in TOLD])
    body = page(visitor("admin"), f"/calls/{call.pk}")
    assert json.dumps("parameter") not in body
