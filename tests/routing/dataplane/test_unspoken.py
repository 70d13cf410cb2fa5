"""M4: a call's record says what happened, never what was said."""

import json
from typing import Any

import pytest
from django.utils import translation

from controlplane.base.messages import restored
from registry.canon import Adaptation
from routing.adaptations import tell
from routing.dataplane.unspoken import unspoken
from tests.registry.transports.faults import Peer, serving
from tests.routing.serving import gateway_for, model_row

SAID = "the patient Ada Lovelace has a fever"


async def repeating(peer: Peer) -> None:
    """An upstream that repeats the whole request in its error."""
    request = await peer.request()
    body = json.dumps({"error": {"message": f"cannot take {request.decode('latin-1')}"}}).encode()
    await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n")
    await peer.send(b"content-length: %d\r\n\r\n%s" % (len(body), body))


@pytest.mark.parametrize(
    "more",
    [
        {"user": SAID},
        {"metadata": {"note": SAID}},
        {"prediction": {"type": "content", "content": SAID}},
        {"temperature": SAID},
        {"stop": [SAID]},
        {"response_format": SAID},
        {"unknown": {"deep": [SAID]}},
    ],
)
@pytest.mark.parametrize("protocol", ["openai", "anthropic", "ollama"])
async def test_m4_records_hold_nothing_of_what_was_said(more: dict[str, Any], protocol: str) -> None:
    async with (
        serving(repeating) as upstream,
        gateway_for([model_row("m", upstream.port, protocol=protocol)]) as gateway,
        gateway.http() as http,
    ):
        call = {"model": "m", "messages": [{"role": "user", "content": SAID}], **more}
        answer = await http.post("/v1/chat/completions", json=call)
        assert answer.status_code >= 400
        (record,) = await gateway.records(1)
        assert "Lovelace" not in json.dumps(record)
        assert record["message"]


def test_m4_names_of_renamed_parameters_stay() -> None:
    kept = unspoken([Adaptation("max_tokens", "renamed", "max_tokens", "parameters.max_new_tokens")])
    assert kept == (Adaptation("max_tokens", "renamed", "max_tokens", "parameters.max_new_tokens"),)
    (dropped,) = unspoken([Adaptation("stop", "dropped", SAID)])
    assert (dropped.parameter, restored(dropped.given)) == ("stop", "text of 36 characters")


def test_m4_what_was_not_kept_is_told_in_the_readers_language() -> None:
    (dropped,) = unspoken([Adaptation("stop", "dropped", SAID)])
    change = {"parameter": "stop", "action": "dropped", "given": restored(dropped.given), "sent": None}
    with translation.override("zh-hans"):
        assert tell([change])[0].given == "36 个字符的文本"
