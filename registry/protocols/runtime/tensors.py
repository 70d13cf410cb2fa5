"""Example tensors from a model's own description, so that a tensor model can be proven by a real call."""

from typing import Any

from registry.protocols.runtime.answers import first

MAX_VALUES = 4096
TEXT = "BYTES"


def example_inputs(metadata: Any) -> list[dict[str, Any]] | None:
    """The smallest inputs that fit KServe V2 model metadata: zeros, `ping` for text, 1 for each open dimension.

    None if the metadata does not describe inputs, or where they would hold more than 4,096 values.
    """
    described = first(metadata, ("inputs",))
    if not isinstance(described, list) or not described:
        return None
    made = [example(tensor) for tensor in described]
    return [tensor for tensor in made if tensor is not None] if all(made) else None


def example(tensor: Any) -> dict[str, Any] | None:
    """One example tensor; None if the description is not usable."""
    name, datatype, shape = (first(tensor, (key,)) for key in ("name", "datatype", "shape"))
    if not isinstance(name, str) or not isinstance(datatype, str) or not isinstance(shape, list):
        return None
    if not all(isinstance(size, int) and size < 2**31 for size in shape):
        return None
    sizes = [max(size, 1) for size in shape]
    values = 1
    for size in sizes:
        values *= size
    if values > MAX_VALUES:
        return None
    zero: Any = "ping" if datatype == TEXT else False if datatype == "BOOL" else 0.0 if "F" in datatype else 0
    return {"name": name, "shape": sizes, "datatype": datatype, "data": [zero] * values}
