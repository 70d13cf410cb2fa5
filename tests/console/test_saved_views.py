"""Lists as an account keeps them: columns, density, named views."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from controlplane.base.models import SavedView, User
from tests.site import furnish, write_models

Visitor = Callable[..., Client]


def heads(client: Client, address: str = "/models") -> list[str]:
    table = client.get(address).content.decode().split("<thead>")[1].split("</thead>")[0]
    return [re.sub(r"<[^>]+>", "", head).strip() for head in re.findall(r"<th\b[^>]*>(.*?)</th>", table, re.DOTALL)][1:]


def save(client: Client, name: str, query: str, **more: str) -> str:
    answer = client.post("/lists/models/views", {"name": name, "query": query, "back": "/models", **more})
    assert answer.status_code == 302
    return answer.headers["Location"]


def test_chosen_columns_and_density_stay_with_the_account(visitor: Visitor) -> None:
    write_models(3)
    ada, other = visitor("engineer"), visitor("engineer")
    before = heads(ada)
    chosen = {"columns": ["name", "endpoint", "state"], "dense": "1", "back": "/models?state=ready"}
    assert ada.post("/lists/models/layout", chosen).headers["Location"] == "/models?state=ready"
    assert heads(ada) == ["Name", "State", "Address"]
    body = ada.get("/models").content.decode()
    assert 'class="cards dense"' in body
    assert "http://10.0.1.7:8000" in body
    assert heads(other) == before
    ada.post("/lists/models/layout", {"columns": ["name"]})
    assert heads(ada) == ["Name"]
    ada.post("/lists/models/layout", {"columns": ["name"], "standard": "1"})
    assert heads(ada) == before


def test_a_view_keeps_filter_order_and_columns_under_a_name(visitor: Visitor) -> None:
    write_models(30)
    ada = visitor("engineer")
    ada.post("/lists/models/layout", {"columns": ["name", "owner"]})
    address = save(ada, "  Away   ones ", "state=unreachable&tag=tag-1&tag=tag-3&sort=-name&page=2")
    assert address.startswith("/models?sort=-name&state=unreachable&tag=tag-1&tag=tag-3&view=")
    ada.post("/lists/models/layout", {"columns": ["name", "type"]})
    assert heads(ada, address) == ["Name", "Owner"]
    ada.post("/lists/models/layout", {"columns": ["name", "made"], "view": address.split("view=")[1]})
    assert heads(ada, address) == ["Name", "Made"]
    assert heads(ada) == ["Name", "Type"]
    page = ada.get("/models").content.decode()
    assert f'href="{address.replace("&", "&amp;")}"' in page
    assert "Away ones" in page


def test_a_view_is_updated_renamed_and_deleted(visitor: Visitor) -> None:
    write_models(30)
    ada = visitor("engineer")
    address = save(ada, "mine", "state=ready")
    number = address.split("view=")[1]
    assert "Update the view" not in ada.get(address).content.decode()
    wider = f"/models?state=ready&state=disabled&view={number}"
    assert 'name="query" value="state=disabled&amp;state=ready"' in ada.get(wider).content.decode()
    updated = ada.post(f"/lists/views/{number}", {"query": "state=ready&state=disabled"})
    assert updated.headers["Location"] == f"/models?state=disabled&state=ready&view={number}"
    assert "Update the view" not in ada.get(wider).content.decode()
    ada.post(f"/lists/views/{number}", {"name": "ours"})
    assert list(SavedView.objects.values_list("name", "query")) == [("ours", "state=disabled&state=ready")]
    gone = ada.post(f"/lists/views/{number}/delete")
    assert gone.headers["Location"] == "/models?state=disabled&state=ready"
    assert ada.get(wider).status_code == 200
    assert "ours" not in ada.get("/models").content.decode().split("viewbar")[1].split("</nav>")[0]


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "taken"])
def test_a_name_that_cannot_be_is_said_and_nothing_is_kept(visitor: Visitor, name: str) -> None:
    write_models(3)
    ada = visitor("engineer")
    save(ada, "taken", "")
    assert save(ada, name, "state=ready") == "/models"
    said = re.findall(r'class="toast error">([^<]+)<', ada.get("/models").content.decode())
    assert len(said) == 1
    assert SavedView.objects.count() == 1


def test_views_are_their_owners_alone(visitor: Visitor) -> None:
    write_models(3)
    address = save(visitor("engineer"), "mine", "state=ready")
    number = address.split("view=")[1]
    admin = visitor("admin")
    assert "mine" not in admin.get(address).content.decode().split("viewbar")[1].split("</nav>")[0]
    assert admin.post(f"/lists/views/{number}", {"name": "theirs"}).status_code == 404
    assert admin.post(f"/lists/views/{number}/delete").status_code == 404
    assert SavedView.objects.get().name == "mine"
    User.objects.filter(role="engineer").delete()
    assert not SavedView.objects.exists()


def test_what_is_no_list_or_no_column_is_refused(visitor: Visitor) -> None:
    ada = visitor("viewer")
    assert ada.post("/lists/secrets/layout", {"columns": ["name"]}).status_code == 400
    assert ada.post("/lists/models/layout", {"columns": ["drop table"]}).status_code == 400
    assert ada.post("/lists/secrets/views", {"name": "x", "back": "/models"}).headers["Location"] == "/models"
    for number in range(30):
        save(ada, f"view {number}", "")
    assert save(ada, "one more", "") == "/models"
    assert SavedView.objects.count() == 30


def test_the_list_of_calls_is_kept_the_same_way(visitor: Visitor) -> None:
    ada = visitor("engineer")
    furnish(User.objects.get())
    every = ["When", "Model", "Status", "Task", "Time", "First byte", "Tokens", "Energy", "Key", "Detail"]
    assert heads(ada, "/calls") == every[1:]
    ada.post("/lists/calls/layout", {"columns": ["when", "model", "time"]})
    body = ada.get("/calls").content.decode()
    assert len(re.findall(r"<th\b", body)) == 3
    assert "Tokens" not in body.split("<thead>")[1].split("</table>")[0]
    answer = ada.post("/lists/calls/views", {"name": "failed", "query": "status=failed"})
    assert answer.headers["Location"].startswith("/calls?status=failed&view=")
    assert "Model" not in ada.get("/calls/of/chat-00000").content.decode().split("</thead>")[0]
    assert heads(ada, "/calls/of/chat-00000") == [name for name in every[1:] if name != "Model"]
    assert "failed" not in ada.get("/models").content.decode().split("viewbar")[1].split("</nav>")[0]
