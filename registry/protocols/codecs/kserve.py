"""KServe V2's typed tensors, as JSON."""

from typing import Any

from registry.canon import CallContext
from registry.protocols.runtime import replies
from registry.protocols.runtime.content import texts, unreadable
from registry.protocols.runtime.given import Given

__all__ = ["embeddings", "outputs", "tensors"]

DATATYPES = (
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "BF16", "FP32", "FP64",
    "BYTES",
)  # fmt: skip
FLOATS = ("FP16", "BF16", "FP32", "FP64")


def tensors(given: Given) -> list[dict[str, Any]]:
    """Typed tensors, checked and sent as they are; text or a list of texts becomes one BYTES tensor called text."""
    value = given.whole()
    if isinstance(value, str) or (isinstance(value, list) and value and all(isinstance(item, str) for item in value)):
        found = texts(given)
        return [{"name": "text", "shape": [len(found)], "datatype": "BYTES", "data": found}]
    if not isinstance(value, list) or not value:
        raise unreadable("the inputs are no list of tensors", "[{name, shape, datatype, data}]")
    for index, tensor in enumerate(value):
        problem = tensor_problem(tensor)
        if problem:
            raise unreadable(f"inputs[{index}] {problem}", "{name, shape, datatype, data}")
    return value


def tensor_problem(tensor: Any) -> str:
    """What is wrong with a tensor; empty if nothing is."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        return "has no name"
    if tensor.get("datatype") not in DATATYPES:
        return f"has the datatype {tensor.get('datatype')!r:.40}, which is none of {', '.join(DATATYPES)}"
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(isinstance(size, int) and 0 <= size < 2**31 for size in shape):
        return f"has the shape {shape!r:.60}, which is no list of sizes"
    wanted = 1
    for size in shape:
        wanted *= size
    held = size_of(tensor.get("data"))
    return "" if held == wanted else f"has the shape {shape}, which means {wanted} values, but holds {held}"


def size_of(data: Any) -> int:
    """How many values flat or nested data holds."""
    if not isinstance(data, list):
        return 0
    if data and isinstance(data[0], list):
        return sum(size_of(item) for item in data)
    return len(data)


def outputs(answer: Any, context: CallContext) -> dict[str, Any]:
    """The outputs, checked, under the public name."""
    found = answer["outputs"]
    if not isinstance(found, list):
        raise TypeError("outputs is no list")
    for index, tensor in enumerate(found):
        problem = tensor_problem(tensor)
        if problem:
            raise ValueError(f"outputs[{index}] {problem}")
    kept = {"id": answer["id"]} if answer.get("id") else {}
    return {**kept, "model": context.model, "outputs": found}


def embeddings(answer: Any, context: CallContext) -> dict[str, Any]:
    """The first float tensor as vectors, one for each row of its first dimension."""
    checked = outputs(answer, context)["outputs"]
    tensor = next((item for item in checked if item["datatype"] in FLOATS and len(item["shape"]) >= 2), None)
    if tensor is None:
        raise ValueError("no output is a float tensor of two dimensions")
    values = flat(tensor["data"])
    width = len(values) // max(tensor["shape"][0], 1)
    if not width:
        raise ValueError("the output holds no values")
    return replies.embeddings(context, [values[start : start + width] for start in range(0, len(values), width)])


def flat(data: Any) -> list[Any]:
    """Nested data as one list."""
    if data and isinstance(data[0], list):
        return [value for item in data for value in flat(item)]
    return list(data)
