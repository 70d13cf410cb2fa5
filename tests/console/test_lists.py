"""Every list of the product is walked from its first page to its last by the links it offers, its filter kept."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from urllib.parse import urljoin

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.base.audit import chain as audit
from controlplane.base.models import Job, User
from registry.models import ApiKey, Credential, Release
from routing.models import CallRecord
from tests.site import write_models

Visitor = Callable[..., Client]
MANY = 120
"""More than two pages of 50."""


@dataclass(frozen=True)
class Walk:
    """A list: where it begins, what marks one of its rows, and how many rows match there."""

    address: str
    row: str
    matching: int


WALKS = (
    Walk("/models", r'id="m-(\d+)"', 3 * MANY),
    Walk("/models?q=chat&state=ready", r'id="m-(\d+)"', 3 * MANY // 5),
    Walk("/models?type=llm&sort=-name", r'id="m-(\d+)"', MANY),
    Walk("/calls", r'id="c-([0-9a-f-]+)"', MANY + 60),
    Walk("/calls?model=chat-00000&status=answered", r'id="c-([0-9a-f-]+)"', MANY),
    Walk("/jobs", r'id="j-([0-9a-f-]+)"', MANY + 61),
    Walk("/jobs?kind=probe", r'id="j-([0-9a-f-]+)"', MANY),
    Walk("/keys", r'id="k-(\d+)"', MANY),
    Walk("/keys?show=all", r'id="k-(\d+)"', MANY + 60),
    Walk("/credentials", r'id="cr-(\d+)"', MANY),
    Walk("/audit?object=chat-00000", r'id="a-(\d+)"', MANY),
    Walk("/audit?actor=admin&verb=model.tag", r'id="a-(\d+)"', MANY + 1),
    Walk("/models/chat-00000?tab=releases", r'id="r-(\d+)"', MANY + 1),
    Walk("/models/chat-00000?tab=audit", r'id="a-(\d+)"', MANY),
    Walk("/settings", r'id="p-(\d+)"', MANY + 1),
    Walk("/routing/lab?scenario=A", r'id="r-([0-9a-f-]+)"', 60),
    Walk("{job}/failed", r'id="f-(\d+)"', MANY),
)


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.address)
def test_a_list_is_walked_from_end_to_end_and_back(visitor: Visitor, db: None, walk: Walk) -> None:
    admin = visitor("admin")
    failed_job = write_everything(User.objects.get(role="admin"))
    address = walk.address.format(job=f"/jobs/{failed_job.pk}")
    ids, pages = walked(admin, address, "next", walk.row)
    assert len(ids) == len(set(ids)) == walk.matching
    back, _ = walked(admin, pages[-1], "prev", walk.row)
    assert set(back) == set(ids)


@pytest.mark.parametrize("address", ["/models", "/calls", "/jobs", "/keys", "/audit"])
def test_an_empty_page_number_is_the_first_page(visitor: Visitor, db: None, address: str) -> None:
    assert visitor("admin").get(f"{address}?page=").status_code == 200


def walked(client: Client, address: str, rel: str, row: str) -> tuple[list[str], list[str]]:
    """Row ids of every page from `address` on, following the links `rel`, and the pages' addresses."""
    ids: list[str] = []
    pages = [address]
    while True:
        answer = client.get(pages[-1])
        assert answer.status_code == 200, pages[-1]
        body = answer.content.decode()
        ids += re.findall(row, body)
        link = re.search(rf'rel="{rel}" href="([^"]+)"', body)
        if link is None:
            return ids, pages
        pages.append(urljoin(pages[-1], unescape(link[1])))
        assert len(pages) < 20, "the links lead in a circle"


def write_everything(owner: User) -> Job:
    """Enough rows of every kind for three pages that match the walks' filters, and some that do not."""
    first = write_models(3 * MANY)[0]
    now = timezone.now()
    Release.objects.bulk_create(
        Release(model=first, number=number, spec={}, digest=f"f{number:063x}") for number in range(2, MANY + 2)
    )
    calls = [(first.name, 200)] * MANY + [(first.name, 429)] * 30 + [("another", 200)] * 30
    CallRecord.objects.bulk_create(
        CallRecord(id=uuid.uuid4(), at=now, model=name, task="chat", status=status, duration_ms=1.0, revision=1)
        for name, status in calls
    )
    kinds: list[tuple[str, dict[str, object]]] = [("probe", {})] * MANY + [
        ("lab", {"scenario": "A", "policies": ["ppo", "fcfs"], "seed": 1})
    ] * 60
    Job.objects.bulk_create(
        Job(kind=kind, state="succeeded", due_at=now, finished_at=now, input=given, created_by=owner)
        for kind, given in kinds
    )
    ApiKey.objects.bulk_create(
        ApiKey(
            name=f"key {number}",
            prefix=f"pb-{number:05d}",
            key_hash=f"{number:064x}",
            scopes=["call"],
            created_by=owner,
            revoked_at=now if number >= MANY else None,
        )
        for number in range(MANY + 60)
    )
    Credential.objects.bulk_create(
        Credential(name=f"secret {number}", origin="https://h:1", ciphertext=b"x") for number in range(MANY)
    )
    for _ in range(MANY):
        audit.record(owner, "model.tag", "model", first.name, {})
    audit.record(owner, "model.tag", "model", "unlike", {})
    User.objects.bulk_create(User(username=f"person{number}", role="viewer") for number in range(MANY))
    rows = [{"line": number, "name": f"row-{number}", "reason": f"reason {number}"} for number in range(MANY)]
    return Job.objects.create(
        kind="import",
        state="succeeded",
        due_at=now,
        finished_at=now,
        created_by=owner,
        result={"failed": rows},
        progress={"done": 1, "failed": MANY, "total": MANY + 1},
    )


@pytest.mark.parametrize(
    ("role", "whose", "none"),
    [
        ("viewer", "You see the jobs that you started; admins see everybody's.", "You have started no job yet"),
        ("admin", "You see everybody's jobs.", "No jobs yet"),
    ],
)
def test_the_list_of_jobs_says_whose_they_are(visitor: Visitor, role: str, whose: str, none: str) -> None:
    client = visitor(role)
    body = unescape(client.get("/jobs").content.decode())
    assert whose in body
    assert none in body
    Job.objects.create(kind="probe", title="Probe of another", due_at=timezone.now())
    assert ("Probe of another" in client.get("/jobs").content.decode()) is (role == "admin")
