"""Text to JSON data: JSON, or YAML as it is really published (anchors used twice, `1e-8`, dates, numeric keys)."""

import json
from typing import Any

import yaml

from controlplane.base.messages import Sentence, message_of
from controlplane.base.yaml_reader import YamlDialect, YamlInvalid, read_yaml

MAX_BYTES = 50_000_000
PUBLISHED = YamlDialect(
    most_values=2_000_000,
    most_levels=400,
    most_digits=400,
    aliases=True,
    tags=True,
    later_documents=True,
    complex_keys=True,
    repeated_keys=True,
    leading_zeros=True,
)


class Unreadable(ValueError):
    """The text is neither JSON nor YAML, or is too large or too deep; the message says where."""


def load(source: Any) -> Any:
    """The JSON data of a text; a value that is not text comes back as it is. Raises Unreadable."""
    if isinstance(source, bytes):
        source = source.decode("utf-8", errors="replace")
    if not isinstance(source, str):
        return source
    if len(source) > MAX_BYTES:
        raise Unreadable(
            Sentence("it has {count} characters; at most {most} are read", count=len(source), most=MAX_BYTES)
        )
    if source.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(source)
        except (ValueError, RecursionError):
            pass
    return _load_yaml(source)


def _load_yaml(text: str) -> Any:
    try:
        return read_yaml(text, PUBLISHED).value
    except YamlInvalid as error:
        raise Unreadable(Sentence("line {line}: {error}", line=error.line, error=message_of(error))) from error
    except yaml.YAMLError as error:
        words = Sentence("neither JSON nor YAML: {error}", error=" ".join(str(error).split())[:300])
        raise Unreadable(words) from error
