"""pending → firing → resolved: by the clock, through gaps, without flapping."""

from datetime import UTC, datetime, timedelta

import pytest

from routing.alerts.states import AlertTimes, OpenAlert, moved

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
TIMES = AlertTimes(timedelta(seconds=60), timedelta(seconds=30))
AT_ONCE = AlertTimes(timedelta(0), timedelta(0))


def walk(said: str, times: AlertTimes = TIMES, step: float = 10.0) -> str:
    """The states after each look: T holds, F does not, ? is not known; . is no alert."""
    alert: OpenAlert | None = None
    states = []
    for number, one in enumerate(said):
        now = NOON + timedelta(seconds=step * number)
        alert = moved(alert, {"T": True, "F": False, "?": None}[one], times, now)
        states.append("." if alert is None else alert.state[0])
        if alert is not None and alert.state == "resolved":
            alert = None
    return "".join(states)


@pytest.mark.parametrize(
    ("said", "states"),
    [
        ("TTTTTTTT", "ppppppff"),
        ("TTTFTTTTTTT", "ppp.ppppppf"),
        ("F?F", "..."),
        ("???T", "...p"),
        ("TTT???TTTT", "pppppppppf"),
        ("TTT???F", "pppppp."),
        ("TTTTTTT??????", "ppppppfffffff"),
        ("TTTTTTTFFFFF", "ppppppffffr."),
        ("TTTTTTTFTFTFFTFFFFF", "ppppppfffffffffffr."),
        ("TTTTTTTFF????FF", "ppppppfffffffr."),
    ],
)
def test_states_follow_what_is_known(said: str, states: str) -> None:
    assert walk(said) == states


def test_without_times_an_alert_fires_and_ends_at_once() -> None:
    assert walk("TTFT", AT_ONCE) == "ffrf"
