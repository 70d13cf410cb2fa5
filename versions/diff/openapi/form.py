"""One form for the operations of OpenAPI 3 and Swagger 2 documents."""

from dataclasses import dataclass, field
from typing import Any

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BodyContent:
    """A body in one media type; `schema` is None if none is given."""

    schema: Any
    pointer: str
    encoding: Any = None


@dataclass(frozen=True, slots=True)
class ApiParameter:
    """A parameter or a response header."""

    name: str
    where: str
    required: bool
    schema: Any
    pointer: str
    raw: Raw
    style: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiBody:
    """A request body."""

    required: bool
    content: dict[str, BodyContent]
    pointer: str


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """An answer with one status."""

    content: dict[str, BodyContent]
    headers: dict[str, ApiParameter]
    pointer: str
    links: Raw = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """One operation; `name` is its method and path as written."""

    name: str
    pointer: str
    raw: Raw
    parameters: tuple[ApiParameter, ...]
    body: ApiBody | None
    responses: dict[str, ApiResponse]
    security: Any
    servers: tuple[str, ...]
    unread: tuple[tuple[str, str], ...] = field(default=())
