"""A correct row of a spec file, and what a change to it is told."""

from typing import Any

from registry.spec import Parameter, Spec
from registry.specfile.errors import SpecError, SpecInvalid
from registry.specfile.file import read

ROW: dict[str, Any] = {"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://h:8000"}


def good(**changes: Any) -> Spec:
    """The spec of the row with changes."""
    return read({**ROW, **changes})


def wrong(**changes: Any) -> tuple[SpecError, ...]:
    """Every error of the row with changes."""
    try:
        read({**ROW, **changes})
    except SpecInvalid as invalid:
        return invalid.errors
    return ()


def told(**changes: Any) -> list[tuple[str, str]]:
    """The place and the sentence of every error of the row with changes."""
    return [(error.path, error.message) for error in wrong(**changes)]


def parameter(**body: Any) -> Parameter:
    """The one parameter, named heat, of a correct spec."""
    return good(params={"heat": body}).params[0]


def parameter_told(body: Any) -> list[tuple[str, str]]:
    """The place, below the parameter, and the sentence of every error in a parameter named heat."""
    return [(path.removeprefix("params.heat").lstrip("."), message) for path, message in told(params={"heat": body})]
