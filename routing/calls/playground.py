"""What the playground needs to know of a model before it calls: where a call goes, its body, and its parameters."""

from typing import Any

from registry import snippets
from registry.models import Model
from registry.spec import Parameter
from registry.specfile import file as spec_file
from registry.specfile.errors import SpecInvalid

MOST_OFFERED = 20
PRACTICE = "practice"


def offer(model: Model) -> dict[str, Any]:
    """A model as a choice of the picker."""
    return {"name": model.name, "type": model.type, "protocol": model.protocol, "state": model.state}


def contract(model: Model) -> dict[str, Any]:
    """A model's contract: its type, the path below /v1 and the body of its snippet, its declared parameters."""
    path, body = snippets.example(model.name, model.type, model.example)
    return {
        "name": model.name,
        "type": model.type,
        "emulated": PRACTICE in model.tags,
        "path": path,
        "body": body,
        "parameters": [parameter_of(one) for one in declared(model)],
    }


def declared(model: Model) -> tuple[Parameter, ...]:
    """The parameters of the current release; none if it has none or cannot be read any more."""
    if model.release is None:
        return ()
    try:
        return spec_file.read(model.release.spec).params
    except SpecInvalid:
        return ()


def parameter_of(parameter: Parameter) -> dict[str, Any]:
    """A parameter as a field of the form: kind, limits, default."""
    return {
        "name": parameter.name,
        "type": parameter.type,
        "default": parameter.default if parameter.has_default else None,
        "required": parameter.required,
        "low": parameter.low,
        "high": parameter.high,
        "options": list(parameter.options),
        "description": parameter.description,
    }
