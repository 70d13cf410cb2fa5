"""Short words for the rule cases."""

from typing import Any

B, R, C = "breaking", "review", "compatible"
TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
