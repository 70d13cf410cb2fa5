"""Bodies of the REST API, read with limits."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from controlplane.base.messages import Sentence

MAX_BYTES = 32 * 1024 * 1024


class StrictJSONParser(BaseParser):
    """JSON as RFC 8259 has it: UTF-8, no NaN, no lone surrogates, not nested without end."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value. Raises ParseError saying what is wrong with the body."""
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise ParseError(f"the body is larger than {MAX_BYTES // 2**20} MB")
        try:
            value = json.loads(body.decode(), parse_constant=_refuse)
            if b"\\ud" in body.lower():
                json.dumps(value, ensure_ascii=False).encode()
        except RecursionError as error:
            raise ParseError("the body is nested too deeply") from error
        except ValueError as error:
            raise ParseError(f"the body is not JSON in UTF-8: {str(error)[:200]}") from error
        return value


class YamlParser(BaseParser):
    """A YAML body as bytes, unread: the verb reads it and tells every error with its line."""

    media_type = "application/yaml"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body as it is."""
        return {"yaml": stream.read(MAX_BYTES + 1), "file": "<request>"}


def _refuse(constant: str) -> None:
    raise ValueError(Sentence("{constant} is not JSON", constant=constant))
