"""The shipped rules as Prometheus' own, held to promtool; and whatever our language takes, PromQL takes."""

import subprocess
from pathlib import Path

import yaml

from routing.alerts import prometheus
from routing.alerts.language.parsing import parse
from routing.alerts.rule_file import RuleDraft
from routing.alerts.rules import shipped
from tests.prometheus_rules import FILE

ALIKE = (
    'temperature_celsius{node=~"rack-[0-9]+",vendor!="amd"} > 85 and power_watts > 350',
    "-temperature_celsius < -90 or (power_watts - 10) * 2 / 3 >= 1e3",
    "avg by (node, vendor) (utilization_ratio) > 0.9 unless max by (node, vendor) (temperature_celsius) < 50",
    "count by (node) (temperature_celsius > 85) >= 2",
    "avg_over_time(utilization_ratio[5m]) > 0.95",
    "increase(ecc_uncorrected_errors_total[10m]) > 0",
    "device_silent_seconds != 0",
)


def promtool(path: Path) -> str:
    checked = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return checked.stdout


def test_the_shipped_rules_are_written_as_promtool_takes_them() -> None:
    text, left = prometheus.exported(shipped())
    assert FILE.read_text() == text
    assert left == ("SourceUnreachable", "SourceLies", "ModelErrors")
    assert f"{len(shipped()) - len(left)} rules found" in promtool(FILE)
    hot = yaml.safe_load(text)["groups"][0]["rules"][0]
    assert hot["expr"] == "patchbay_device_temperature_celsius > 85"
    assert "$labels.device " in hot["annotations"]["summary"]


def test_what_our_language_takes_promql_takes(tmp_path: Path) -> None:
    text, left = prometheus.exported([RuleDraft(f"R{number}", expr) for number, expr in enumerate(ALIKE)])
    assert left == ()
    (tmp_path / "rules.yaml").write_text(text)
    promtool(tmp_path / "rules.yaml")
    assert prometheus.promql(parse(ALIKE[0]).tree).startswith(
        '(patchbay_device_temperature_celsius{node=~"rack-[0-9]+"'
    )
