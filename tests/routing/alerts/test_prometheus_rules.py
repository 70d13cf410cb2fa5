"""The shipped rules as Prometheus' own, held to promtool; and whatever our language takes, PromQL takes."""

import subprocess
from pathlib import Path

import pytest
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
    'throttle_reasons{node="a"} has "hw_thermal" or throttle_reasons has "power_brake"',
    'count by (node) (throttle_reasons has "0x40") > 1',
    'model_error_ratio{model=~"a|b"} > 0.05 and model_calls_per_second > 0.1',
    'avg_over_time(model_calls_in_flight{model!="a"}[1m]) > 3',
    "max by (model) (model_calls_in_flight) > 3",
)


def promtool(path: Path) -> str:
    checked = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return checked.stdout


def test_the_shipped_rules_are_written_as_promtool_takes_them() -> None:
    text, left = prometheus.exported(shipped())
    assert FILE.read_text() == text
    assert left == (
        "SourceUnreachable (source_unreachable)", "SourceLies (source_complaints)", "ModelQueue (model_calls_waiting)",
    )  # fmt: skip
    assert all(f"# - {one}\n" in text for one in left)
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


@pytest.mark.parametrize("expr", ['model_calls_per_second{owner="a"} > 1', "sum by (type) (model_calls_in_flight) > 1"])
def test_what_metrics_do_not_tell_apart_is_left_out(expr: str) -> None:
    with pytest.raises(prometheus.NotOnMetrics):
        prometheus.promql(parse(expr).tree)


def test_prometheus_reads_bits_and_ratios_as_we_do(tmp_path: Path) -> None:
    rules = ['throttle_reasons has "hw_thermal"', "model_error_ratio > 0.2"]
    text, _ = prometheus.exported([RuleDraft(f"R{number}", expr) for number, expr in enumerate(rules)])
    (tmp_path / "rules.yaml").write_text(text)
    calls = {("200", ""): 6, ("503", "unavailable"): 3, ("404", "not_found"): 50, ("499", "cancelled"): 1}
    series = {f'patchbay_device_throttle_reasons{{device="{mask}"}}': f"{mask}x4" for mask in (68, 64, 4, 0)}
    for (status, failure), count in calls.items():
        labels = f'{{model="m",status="{status}",failure="{failure}"}}'
        series[f"patchbay_calls_total{labels}"] = f"0+{30 * count}x4"
    given = [{"series": name, "values": values} for name, values in series.items()]
    hot = [{"exp_labels": {"device": device}} for device in ("68", "64")]
    firing = [{"alertname": "R0", "eval_time": "1m", "exp_alerts": hot}]
    told = [{"labels": '{model="m"}', "value": 0.3}]
    values = [{"expr": prometheus.promql(parse(rules[1]).tree), "eval_time": "2m", "exp_samples": told}]
    test = {"interval": "30s", "input_series": given, "alert_rule_test": firing, "promql_expr_test": values}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", tmp_path / "test.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
