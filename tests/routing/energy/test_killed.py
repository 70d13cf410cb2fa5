"""A process that is killed while it settles: the next one does all of it, once."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from django.conf import settings

from controlplane.base.models import User
from routing.energy_tables import DeviceEnergyDay, EnergyMark, ModelEnergyDay, WaitingCall
from tests.routing.energy.own_devices import OwnDevices, integral
from tests.workers import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(120)]
PROGRAM = """
import os, signal, sys
import django
django.setup()
from routing.energy import settling, totals, windows
place, name = {"windows": (windows, "add"), "sums": (totals.EnergyTotals, "write"), "claims": (windows, "claim")}[
    sys.argv[1]
]
real = getattr(place, name)
def deadly(*given):
    real(*given)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(place, name, deadly)
settling.settle(float(sys.argv[2]))
"""


def test_a_process_killed_between_any_two_steps_loses_and_doubles_nothing(
    own: OwnDevices, person: Callable[..., User]
) -> None:
    own.place("chat", own.device())
    own.draw("g0", drawn, 0, 300, counted=True)
    for began in (20, 25, 60):
        own.call("chat", began, 30)
    environment = {
        **os.environ, "DATABASE_URL": database_url(), "DATA_DIR": str(settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
    }  # fmt: skip
    mark = EnergyMark.objects.get().until
    for step in ("windows", "sums", "claims"):
        command = [sys.executable, "-c", PROGRAM, step, str(own.start + 200 + 45)]
        killed = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
        assert EnergyMark.objects.get().until == mark
        assert WaitingCall.objects.count() == 3
        assert not DeviceEnergyDay.objects.exists()
    assert own.settle(200) == 20
    [device], [model] = DeviceEnergyDay.objects.all(), ModelEnergyDay.objects.all()
    assert device.joules == pytest.approx(integral(drawn, 0, 200), rel=0.01)
    assert model.calls == 3
    assert model.joules == pytest.approx(device.busy_joules, rel=1e-6)
    assert not WaitingCall.objects.exists()


def drawn(at: float) -> float:
    return 100 + 300 * (20 <= at < 90)
