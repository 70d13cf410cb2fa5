"""One form for the operations of OpenAPI 3 and Swagger 2 documents."""

from dataclasses import dataclass, field
from typing import Any

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """A body in one media type; `schema` is None if none is given."""

    schema: Any
    pointer: str
    encoding: Any = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter or a response header."""

    name: str
    where: str
    required: bool
    schema: Any
    pointer: str
    raw: Raw
    style: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """A request body."""

    required: bool
    content: dict[str, Content]
    pointer: str


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with one status."""

    content: dict[str, Content]
    headers: dict[str, Parameter]
    pointer: str
    links: Raw = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `name` is its method and path as written."""

    name: str
    pointer: str
    raw: Raw
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: dict[str, Response]
    security: Any
    servers: tuple[str, ...]
    unread: tuple[tuple[str, str], ...] = field(default=())
