"""Telemetry endpoints: added, changed and removed by those who may, and never one that could not be scraped."""

from collections.abc import Callable
from typing import Any

import pytest

from controlplane.base import config
from controlplane.base.access import Forbidden
from controlplane.base.models import Change, User
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.access import credentials
from routing.inventory import endpoints
from routing.models import EndpointState, TelemetryEndpoint

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
URL = "http://10.0.0.1:9400/metrics"


@pytest.fixture(autouse=True)
def opened(person: Person) -> None:
    config.set_egress_allow(person("admin"), ["10.0.0.0/8"])


def draft(**more: Any) -> dict[str, Any]:
    return {"name": "node-a", "kind": "dcgm", "url": URL, **more}


def test_an_endpoint_is_added_changed_and_removed_and_the_log_says_so(person: Person) -> None:
    engineer = person("engineer")
    row = endpoints.add(engineer, draft())
    assert (row.interval_s, row.enabled, row.emulated, row.state) == (1.0, True, False, EndpointState.NEW)
    assert endpoints.add(engineer, draft(name="e", kind="vllm")).interval_s == 2.0
    endpoints.edit(engineer, row.pk, {"enabled": False})
    endpoints.remove(engineer, row.pk)
    told = Change.objects.filter(object_type="telemetry", object_id=str(row.pk)).order_by("pk")
    assert list(told.values_list("verb", flat=True)) == ["telemetry.add", "telemetry.edit", "telemetry.remove"]
    with pytest.raises(Missing):
        endpoints.get(engineer, row.pk)


def test_another_address_forgets_what_the_old_one_said_and_another_interval_does_not(person: Person) -> None:
    engineer = person("engineer")
    row = endpoints.add(engineer, draft())
    TelemetryEndpoint.objects.update(state=EndpointState.WELL, tells_of=["GPU-1"])
    endpoints.edit(engineer, row.pk, {"interval_s": 5})
    assert endpoints.get(engineer, row.pk).tells_of == ["GPU-1"]
    endpoints.edit(engineer, row.pk, {"url": "http://10.0.0.2:9400/metrics"})
    found = endpoints.get(engineer, row.pk)
    assert (found.state, found.tells_of, found.interval_s) == (EndpointState.NEW, [], 5)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"kind": "nvml"}, "kind"),
        ({"url": "ftp://10.0.0.1/"}, "url"),
        ({"url": "http://169.254.169.254/metrics"}, "egress_refused"),
        ({"url": "http://192.168.0.1/metrics"}, "egress_refused"),
        ({"interval_s": 0}, "interval_s"),
        ({"interval_s": float("nan")}, "interval_s"),
        ({"enabled": "yes"}, "enabled"),
        ({"credential": "none-such"}, "credential"),
        ({"serves": {"a": 1}}, "serves"),
        ({"colour": "blue"}, "unknown_field"),
    ],
)
def test_what_cannot_be_scraped_is_refused_by_the_name_of_its_field(
    person: Person, more: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        endpoints.add(person("engineer"), draft(**more))
    assert refusal.value.code == code
    assert not TelemetryEndpoint.objects.exists()


def test_a_credential_goes_to_its_own_origin_alone(person: Person) -> None:
    engineer = person("engineer")
    credentials.create(engineer, "metrics", "http://10.0.0.1:9400", "s3cret-of-metrics")
    row = endpoints.add(engineer, draft(credential="metrics"))
    with pytest.raises(Invalid, match="bound to"):
        endpoints.edit(engineer, row.pk, {"url": "http://10.0.0.2:9400/metrics"})
    with pytest.raises(Conflict, match="node-a"):
        credentials.delete(engineer, row.credential_id or 0)


def test_viewers_look_and_a_name_is_taken_once(person: Person) -> None:
    endpoints.add(person("engineer"), draft())
    assert [row.name for row in endpoints.listing(person("viewer"))] == ["node-a"]
    with pytest.raises(Forbidden):
        endpoints.add(person("viewer"), draft(name="b"))
    with pytest.raises(Conflict, match="node-a"):
        endpoints.add(person("engineer"), draft())
