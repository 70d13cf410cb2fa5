"""Webhooks in: each form, forged ones, copies, clocks that jump, and no secret."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.models import Job, User
from tests.versions.watched import a_source
from versions import watching, webhooks
from versions.models import Source, WebhookDelivery
from versions.webhooks import WebhookRefused, verified

SECRET = "a-secret-of-enough-letters"
BODY = json.dumps({"ref": "refs/heads/main"}).encode()
NOW = 1_800_000_000.0


def standard(secret: str = SECRET, body: bytes = BODY, at: float = NOW, name: str = "m1") -> dict[str, str]:
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    signed = f"{name}.{int(at)}.".encode() + body
    made = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": name, "webhook-timestamp": str(int(at)), "webhook-signature": f"v1,bm90 v1,{made}"}


def github(body: bytes = BODY, name: str = "d1", event: str = "push") -> dict[str, str]:
    made = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={made}", "x-github-delivery": name, "x-github-event": event}


GITLAB = {"x-gitlab-token": SECRET, "x-gitlab-event-uuid": "u1", "x-gitlab-event": "Push Hook"}
HUGGINGFACE = {"x-webhook-secret": SECRET}


@pytest.mark.parametrize(
    ("headers", "form", "message_id"),
    [
        (standard(), "standard", "m1"),
        (github(), "github", "d1"),
        (GITLAB, "gitlab", "u1"),
        (HUGGINGFACE, "huggingface", f"{hashlib.sha256(BODY).hexdigest()}:{int(NOW // 600)}"),
    ],
)
def test_each_form_is_read(headers: dict[str, str], form: str, message_id: str) -> None:
    found = verified(SECRET, headers, BODY, NOW)
    assert (found.form, found.message_id, found.body) == (form, message_id, {"ref": "refs/heads/main"})


def test_a_standard_secret_may_be_base64() -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
    assert verified(secret, standard(secret), BODY, NOW).form == "standard"


@pytest.mark.parametrize(
    "headers",
    [
        standard("another-secret-of-letters"),
        {**standard(), "webhook-id": "m2"},
        {**standard(), "webhook-signature": "v2,abc"},
        {**standard(), "webhook-signature": ""},
        {**standard(), "webhook-timestamp": "soon"},
        {**standard(), "webhook-timestamp": "9" * 30},
        {**github(), "x-hub-signature-256": "sha256=00"},
        {**github(b"other")},
        {**github(), "x-github-delivery": ""},
        {**github(), "x-github-delivery": "x" * 300},
        {**GITLAB, "x-gitlab-token": "wrong"},
        {**HUGGINGFACE, "x-webhook-secret": "wrong"},
        {**HUGGINGFACE, "x-webhook-secret": "wröng"},
        {},
    ],
)
def test_what_is_not_signed_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(WebhookRefused):
        verified(SECRET, headers, BODY, NOW)


@given(st.dictionaries(st.sampled_from([*standard(), *github(), *GITLAB, *HUGGINGFACE]), st.text()), st.binary())
def test_no_headers_break_it(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        verified("s" * 40, headers, body, NOW)


@pytest.mark.parametrize("jump", [-86_400, -3600, -301, 301, 3600, 86_400])
def test_a_standard_delivery_is_refused_if_its_time_is_not_ours(jump: float) -> None:
    with pytest.raises(WebhookRefused, match="away from our clock"):
        verified(SECRET, standard(), BODY, NOW + jump)
    assert verified(SECRET, standard(), BODY, NOW + 299)


@pytest.fixture
def hooked(db: None, tmp_path: object, settings: object, person: Callable[..., User]) -> Source:
    """A source with a webhook's secret."""
    source = a_source("specification", "http://127.0.0.1:9/x")
    watching._keep_secret(source, SECRET)
    return source


def post(source_id: int, headers: dict[str, str], body: bytes = BODY) -> tuple[int, dict[str, object]]:
    answer = Client().generic(
        "POST", f"/hooks/sources/{source_id}", body, content_type="application/json", headers=headers
    )
    return answer.status_code, answer.json()


@pytest.mark.django_db
def test_a_push_has_its_source_scanned(hooked: Source) -> None:
    status, body = post(hooked.pk, github())
    job = Job.objects.get(kind="scan")
    assert (status, body) == (202, {"job": str(job.pk), "copy": False})
    assert job.input == {"source": hooked.pk, "trigger": "webhook", "full": False}
    assert post(hooked.pk, github()) == (202, {"job": str(job.pk), "copy": True})


@pytest.mark.django_db
def test_a_forges_hello_scans_nothing(hooked: Source) -> None:
    assert post(hooked.pk, github(event="ping")) == (202, {"job": None, "copy": False})
    assert not Job.objects.filter(kind="scan").exists()


@pytest.mark.django_db
def test_without_a_secret_there_is_nothing_at_the_address(hooked: Source) -> None:
    plain = a_source("specification", "http://127.0.0.1:9/x")
    resting = a_source("specification", "http://127.0.0.1:9/x", enabled=False)
    watching._keep_secret(resting, SECRET)
    for source_id in (plain.pk, resting.pk, 987_654):
        assert post(source_id, github())[0] == 404
    Source.objects.filter(pk=hooked.pk).update(webhook_secret=b"altered")
    assert post(hooked.pk, github())[0] == 404


@pytest.mark.django_db
def test_a_forged_delivery_and_a_long_one_do_nothing(hooked: Source) -> None:
    status, body = post(hooked.pk, {**github(), "x-hub-signature-256": "sha256=0"})
    assert (status, body["error"]["code"]) == (401, "webhook_refused")  # type: ignore[index]
    assert post(hooked.pk, github(), b"x" * 1_000_001)[0] == 413
    assert WebhookDelivery.objects.count() == 0
    assert not Job.objects.filter(kind="scan").exists()


@pytest.mark.django_db(transaction=True)
def test_a_hundred_copies_at_once_have_one_effect(
    hooked: Source, in_threads: Callable[[Callable[[], None], int], None]
) -> None:
    now = time.time()
    headers = standard(at=now, name=str(uuid.uuid4()))
    answers: list[tuple[int, dict[str, object]]] = []
    in_threads(lambda: answers.append(post(hooked.pk, headers)), 100)
    assert {status for status, _ in answers} == {202}
    assert sorted(body["copy"] for _, body in answers) == [False] + [True] * 99  # type: ignore[type-var]
    assert len({body["job"] for _, body in answers}) == 1
    assert Job.objects.filter(kind="scan").count() == 1
    assert WebhookDelivery.objects.count() == 1


@pytest.mark.django_db
def test_an_effect_that_fails_leaves_the_delivery_open(hooked: Source) -> None:
    """A sender that tries again gets its effect: nothing is marked as done that was not."""

    def fails(_: object) -> dict[str, object]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        webhooks.receive("source:1", SECRET, github(), BODY, fails)
    assert webhooks.receive("source:1", SECRET, github(), BODY, lambda _: {"done": 1}).copy is False


@pytest.mark.django_db
def test_old_deliveries_are_forgotten(hooked: Source) -> None:
    WebhookDelivery.objects.create(place="x", message_id="1")
    WebhookDelivery.objects.update(at="2020-01-01T00:00:00Z")
    assert webhooks.forget_old() == 1
