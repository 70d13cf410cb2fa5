"""Plain values to YAML text that `yaml_reader` reads as the same values."""

import re
from typing import Any

import yaml

from controlplane.base.yaml_reader import DECIMAL


class YamlDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """PyYAML's, which also quotes text that is a number in YAML 1.2 alone: 1e5 and -.5 have none of 1.1's forms."""


YamlDumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(rf"(?:{DECIMAL.pattern})\Z"), list("-+.0123456789")
)


def write_yaml(value: Any, width: int = 120, flow: bool | None = False) -> str:
    """The text of `value`. `flow`: whether containers stand in one line; None: those without containers in them do."""
    return str(
        yaml.dump(value, Dumper=YamlDumper, sort_keys=False, allow_unicode=True, width=width, default_flow_style=flow)
    )
