"""Writes the rules that come with Patchbay as Prometheus' own: `python -m tests.prometheus_rules`."""

from pathlib import Path

from controlplane.base.boot import DJANGO_VERSION  # isort: skip
from routing.alerts import prometheus
from routing.alerts.rules import shipped

FILE = Path(__file__).resolve().parent.parent / "deploy/prometheus/alerts.yaml"
assert DJANGO_VERSION

if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(prometheus.exported(shipped())[0])
