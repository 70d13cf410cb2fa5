"""The doors of alerts: REST, the file of rules, and the pages."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import yaml
from django.test import Client
from django.utils import timezone

from controlplane.base.models import Change
from routing.alerts import rules
from routing.alerts.models import Alert, AlertReceiver, AlertRule, Silence
from tests.routing.alerts.conftest import PracticeFleet
from tests.routing.alerts.receiver_server import ReceiverServer

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]
JSON = "application/json"
RULE = {"alert": "Hot", "expr": "temperature_celsius > 85", "for": "60s", "labels": {"severity": "warning"}}


@pytest.fixture
def api(visitor: Visitor) -> Client:
    return visitor("engineer")


def test_a_rule_is_added_changed_switched_off_and_removed(api: Client) -> None:
    made = api.post("/api/alerts/rules/", RULE, JSON)
    assert (made.status_code, made.json()["for"], made.json()["shipped"]) == (201, "1m", False)
    changed = api.patch("/api/alerts/rules/Hot", {"expr": "temperature_celsius > 90", "enabled": False}, JSON)
    assert (changed.json()["expr"], changed.json()["enabled"]) == ("temperature_celsius > 90", False)
    assert api.post("/api/alerts/rules", RULE, JSON).status_code == 409
    assert api.delete("/api/alerts/rules/Hot").status_code == 204
    assert api.get("/api/alerts/rules/Hot").status_code == 404
    assert [row.verb for row in Change.objects.filter(object_type="alert_rule").order_by("pk")] == [
        *("alert_rule.add", "alert_rule.edit", "alert_rule.remove"),
    ]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({**RULE, "expr": "temperature_celsius >"}, "expr", "at character 22: found the end"),
        ({**RULE, "expr": 85}, "expr", "expr is 85; expected a condition such as temperature_celsius > 85"),
        ({**RULE, "for": "soon"}, "for", "a duration such as 60s"),
        ({**RULE, "labels": {"kind": "x"}}, "labels", "labels without kind"),
        ({**RULE, "annotations": {"summary": "{{ if }}"}}, "annotations", "as its only places"),
        ({**RULE, "colour": "red"}, "unknown_field", "there is no field 'colour'"),
        ({"alert": "Hot"}, "expr", "expr is missing"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_in_words(api: Client, body: object, code: str, words: str) -> None:
    answer = api.post("/api/alerts/rules", body, JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert words in answer.json()["error"]["message"]


def test_the_rules_that_come_with_patchbay_are_sound_and_stay(api: Client) -> None:
    rules.ensure_shipped()
    assert {
        "DeviceHot",
        "DeviceUncorrectedErrors",
        "DeviceSilent",
        "DeviceSaturated",
        "ModelErrors",
        "EngineQueue",
    } <= {row["alert"] for row in api.get("/api/alerts/rules").json()["results"]}
    assert api.delete("/api/alerts/rules/DeviceHot").status_code == 409
    api.patch("/api/alerts/rules/DeviceHot", {"expr": "temperature_celsius > 70"}, JSON)
    AlertRule.objects.filter(name="DeviceSilent").update(for_s=99)
    rules.ensure_shipped()
    assert AlertRule.objects.get(name="DeviceHot").expr == "temperature_celsius > 70"
    assert AlertRule.objects.get(name="DeviceSilent").for_s == 0


def test_rules_go_out_as_a_file_and_come_back(api: Client) -> None:
    rules.ensure_shipped()
    text = api.get("/api/alerts/rules.yaml").content.decode()
    same = api.post("/api/alerts/rules.yaml", text, "application/yaml").json()
    assert (same["changes"], same["unchanged"]) == ([], len(rules.shipped()))
    document = yaml.safe_load(text)
    document["rules"][0]["for"] = "2m"
    document["rules"] = [document["rules"][0], RULE]
    grouped = yaml.safe_dump({"groups": [{"name": "all", "rules": document["rules"]}]})
    dry = api.post("/api/alerts/rules.yaml", grouped, "application/yaml").json()
    assert [(one["name"], one["what"]) for one in dry["changes"]] == [
        (document["rules"][0]["alert"], "changed"),
        ("Hot", "added"),
    ]
    assert not AlertRule.objects.filter(name="Hot").exists()
    api.post("/api/alerts/rules.yaml?apply=yes", grouped, "application/yaml")
    assert AlertRule.objects.get(name="Hot").for_s == 60
    assert AlertRule.objects.count() == len(rules.shipped()) + 1


def test_a_file_with_errors_changes_nothing_and_tells_each_with_its_line(api: Client) -> None:
    text = "rules:\n- alert: A\n  expr: power_watts >\n- alert: A b\n  exprr: x\n- record: r\n  expr: y\n"
    answer = api.post("/api/alerts/rules.yaml?apply=yes", text, "application/yaml")
    assert answer.status_code == 400
    told = [(one["line"], one["path"]) for one in answer.json()["error"]["detail"]]
    assert (3, "rules[0].expr") in told
    assert (5, "rules[1].exprr") in told
    assert (6, "rules[2].record") in told
    assert not AlertRule.objects.exists()


def test_a_check_says_for_whom_rules_hold_now(api: Client, fleet: PracticeFleet) -> None:
    fleet.hot("GPU-01", "GPU-11")
    text = yaml.safe_dump({"rules": [RULE, {"alert": "B", "expr": "avg_over_time(power_watts[1m]) > 1"}]})
    answer = api.post("/api/alerts/rules/check", text, "application/yaml").json()
    assert answer["rules"][0] == {
        **{"name": "Hot", "kind": "device", "holds": 2, "unknown": 0, "subjects": {"GPU-01": 91.0, "GPU-11": 91.0}},
    }
    assert answer["rules"][1]["unknown"] == 8
    assert not AlertRule.objects.exists()


def test_alerts_are_listed_filtered_and_acknowledged_once(api: Client, fleet: PracticeFleet) -> None:
    AlertRule.objects.create(name="Hot", expr="temperature_celsius > 85", shipped=True)
    fleet.hot("GPU-01", "GPU-11")
    fleet.look()
    found = api.get("/api/alerts/?q=node-1").json()["results"]
    assert [(row["subject"], row["state"], row["value"]) for row in found] == [("GPU-11", "firing", 91.0)]
    address = f"/api/alerts/{found[0]['id']}/acknowledge"
    assert api.post(address, {"note": "on it"}, JSON).json()["note"] == "on it"
    assert api.post(address, {}, JSON).status_code == 409
    assert api.get("/api/alerts?state=gone").status_code == 400


def test_a_silence_is_made_and_ended(api: Client) -> None:
    ends = (timezone.now() + timedelta(hours=1)).isoformat()
    matchers = [{"name": "node", "op": "=~", "value": "rack-7-.*"}]
    body = {"matchers": matchers, "ends_at": ends, "reason": "fans are replaced"}
    made = api.post("/api/alerts/silences", body, JSON)
    assert (made.status_code, made.json()["matchers"]) == (201, matchers)
    wrongs: tuple[dict[str, object], ...] = ({"ends_at": "2020-01-01T00:00:00Z"}, {"matchers": []}, {"reason": " "})
    for wrong in wrongs:
        assert api.post("/api/alerts/silences", {**body, **wrong}, JSON).status_code == 400
    address = f"/api/alerts/silences/{made.json()['id']}"
    assert api.delete(address).status_code == 204
    assert api.delete(address).status_code == 409


def test_the_secret_of_a_receiver_is_told_once(api: Client, receiver: object, server: ReceiverServer) -> None:
    made = api.post("/api/alerts/receivers", {"name": "pager", "address": server.address}, JSON).json()
    assert made["secret"].startswith("whsec_")
    server.secret = made["secret"]
    address = f"/api/alerts/receivers/{made['id']}"
    shown = json.dumps([api.get(address).json(), api.get("/api/alerts/receivers").json()])
    assert made["secret"] not in shown
    assert "/hooks/" not in shown
    assert api.post(f"{address}/test").json() == {"status": 200, "error": ""}
    assert server.bad == []
    fresh = api.post(f"{address}/rotate").json()
    assert fresh["secret"] != made["secret"]
    assert [row["event"] for row in api.get(f"{address}/messages").json()["results"]] == ["test"]
    off = api.patch(address, {"enabled": False, "interval_s": 30}, JSON).json()
    assert (off["enabled"], off["interval_s"]) == (False, 30.0)
    assert api.delete(address).status_code == 204


def test_the_page_silences_with_one_click_and_says_what_is_silent(visitor: Visitor, fleet: PracticeFleet) -> None:
    AlertRule.objects.create(name="Hot", expr="temperature_celsius > 85", shipped=True)
    fleet.hot("GPU-01")
    fleet.look()
    client = visitor("engineer")
    body = client.get("/alerts").content.decode()
    assert "GPU-01" in body
    assert "91 °C" in body
    assert "may be wrong" not in body
    client.post(f"/alerts/{Alert.objects.get().pk}/silence")
    assert Silence.objects.get().ends_at > timezone.now() + timedelta(minutes=59)
    assert "silenced" in client.get("/alerts").content.decode()
    assert b"/silence" not in visitor("viewer").get("/alerts").content


def test_the_editor_checks_before_it_saves_and_does_not_overwrite(visitor: Visitor, fleet: PracticeFleet) -> None:
    rules.ensure_shipped()
    fleet.hot("GPU-01")
    client = visitor("engineer")
    page = client.get("/alerts/rules/edit")
    seen, text = page.context["seen"], page.context["text"]
    mine = text + yaml.safe_dump([RULE])
    checked = client.post("/alerts/rules/edit", {"text": mine, "seen": seen})
    assert [one.holds for one in checked.context["checked"] if one.name == "Hot"] == [1]
    assert client.post("/alerts/rules/edit", {"text": "rules: [", "seen": seen, "apply": "yes"}).status_code == 422
    AlertRule.objects.filter(name="DeviceHot").update(for_s=5)
    stale = client.post("/alerts/rules/edit", {"text": mine, "seen": seen, "apply": "yes"})
    assert stale.status_code == 422
    assert "somebody changed the rules" in stale.content.decode()
    done = client.post("/alerts/rules/edit", {"text": yaml.safe_dump({"rules": [RULE]}), "apply": "yes", "seen": ""})
    assert done.status_code == 302
    assert AlertRule.objects.filter(enabled=True).count() == 1


def test_the_page_of_receivers_shows_a_secret_once(visitor: Visitor, receiver: object, server: ReceiverServer) -> None:
    client = visitor("engineer")
    form = {"name": "pager", "form": "standard", "address": server.address, "interval_s": "60"}
    assert "whsec_" in client.post("/alerts/receivers/new", form).content.decode()
    assert "whsec_" not in client.get("/alerts/receivers").content.decode()
    bad = client.post("/alerts/receivers/new", {**form, "name": "b", "address": "http://169.254.169.254/x"})
    assert bad.status_code == 422
    assert "can never be reached" in bad.content.decode()
    row = AlertReceiver.objects.get()
    for wanted in ("test", "rotate", "off", "on", "delete"):
        assert client.post(f"/alerts/receivers/{row.pk}/{wanted}").status_code in (200, 302)
    assert not AlertReceiver.objects.exists()


def test_a_receiver_is_edited_and_keeps_its_secrets(
    visitor: Visitor, receiver: Callable[..., AlertReceiver], server: ReceiverServer
) -> None:
    row = receiver(matchers=[{"name": "node", "op": "=~", "value": "rack-7-.*"}], group_by=["node"])
    client = visitor("engineer")
    client.post(f"/alerts/receivers/{row.pk}/rotate")
    address = f"/alerts/receivers/{row.pk}/edit"
    page = client.get(address)
    shown = page.content.decode()
    assert 'value="node=~&quot;rack-7-.*&quot;"' in shown
    assert "/hooks/" not in shown
    form = {"name": "night shift", "matchers": "", "group_by": "rack, node", "interval_s": "30"}
    assert client.post(address, {**form, "address": "", "test": "yes"}).status_code == 302
    moved = f"{server.address}night"
    assert client.post(address, {**form, "address": moved, "test": "yes"}).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.matchers, row.group_by, row.interval_s) == ("night shift", [], ["rack", "node"], 30.0)
    assert row.tells_resolved is False
    assert (server.types(), server.bad) == (["alert.test", "alert.test"], []), "the first secret still signs"
    assert server.paths == ["/hooks/patchbay/", "/hooks/patchbay/night"]
    for wrong, words in (
        ({"matchers": "node"}, "found the end"),
        ({"address": "http://169.254.169.254/x"}, "can never be reached"),
        ({"interval_s": "1"}, "greater than or equal to 5"),
    ):
        refused = client.post(address, {**form, **wrong})
        assert (refused.status_code, words in refused.content.decode()) == (422, True)
    api = client.patch(f"/api/alerts/receivers/{row.pk}", {"form": "slack"}, JSON)
    assert (api.status_code, api.json()["error"]["code"]) == (409, "form")
    assert client.get("/alerts/receivers/999999/edit").status_code == 404
    assert visitor("viewer").get(address).status_code == 403
