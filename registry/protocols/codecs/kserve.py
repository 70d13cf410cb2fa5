"""KServe V2's typed tensors, as JSON."""

from collections.abc import Mapping
from typing import Any

from controlplane.base.messages import Sentence
from registry.canon import CallContext
from registry.protocols.runtime import replies
from registry.protocols.runtime.content import texts, unreadable
from registry.protocols.runtime.given import Given

__all__ = ["embeddings", "facts", "outputs", "tensors"]

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
        raise unreadable(Sentence("the inputs are no list of tensors"), "[{name, shape, datatype, data}]")
    for index, tensor in enumerate(value):
        problem = tensor_problem(tensor)
        if problem:
            raise unreadable(
                Sentence("inputs[{index}] {problem}", index=index, problem=problem), "{name, shape, datatype, data}"
            )
    return value


def tensor_problem(tensor: Any) -> str:
    """What is wrong with a tensor; empty if nothing is."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        return Sentence("has no name")
    if tensor.get("datatype") not in DATATYPES:
        given = f"{tensor.get('datatype')!r:.40}"
        return Sentence("has the datatype {given}, which is none of {known}", given=given, known=list(DATATYPES))
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(isinstance(size, int) and 0 <= size < 2**31 for size in shape):
        return Sentence("has the shape {shape}, which is no list of sizes", shape=f"{shape!r:.60}")
    wanted = 1
    for size in shape:
        wanted *= size
    held = size_of(tensor.get("data"))
    if held == wanted:
        return ""
    return Sentence(
        "has the shape {shape}, which means {wanted} values, but holds {held}",
        shape=str(shape),
        wanted=wanted,
        held=held,
    )


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
        raise TypeError(Sentence("outputs is no list"))
    for index, tensor in enumerate(found):
        problem = tensor_problem(tensor)
        if problem:
            raise ValueError(Sentence("outputs[{index}] {problem}", index=index, problem=problem))
    kept = {"id": answer["id"]} if answer.get("id") else {}
    return {**kept, "model": context.model, "outputs": found}


def embeddings(answer: Any, context: CallContext) -> dict[str, Any]:
    """The first float tensor as vectors, one for each row of its first dimension."""
    checked = outputs(answer, context)["outputs"]
    tensor = next((item for item in checked if item["datatype"] in FLOATS and len(item["shape"]) >= 2), None)
    if tensor is None:
        raise ValueError(Sentence("no output is a float tensor of two dimensions"))
    values = flat(tensor["data"])
    width = len(values) // max(tensor["shape"][0], 1)
    if not width:
        raise ValueError(Sentence("the output holds no values"))
    return replies.embeddings(context, [values[start : start + width] for start in range(0, len(values), width)])


def flat(data: Any) -> list[Any]:
    """Nested data as one list."""
    if data and isinstance(data[0], list):
        return [value for item in data for value in flat(item)]
    return list(data)


def facts(card: Any, page: Any) -> dict[str, Any]:
    """A model's tensors in words, if its metadata describes its inputs: every one with its datatype and shape."""
    said = page if isinstance(page, Mapping) else {}
    inputs, outputs = told(said.get("inputs")), told(said.get("outputs"))
    return {"tensors": f"inputs {', '.join(inputs)}; outputs {', '.join(outputs)}"} if inputs else {}


def told(entries: Any) -> list[str]:
    """Tensors in words, such as "FEATURES FP32 [-1, 16]"."""
    found = []
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("shape"), list):
            shape = ", ".join(str(size)[:20] for size in entry["shape"][:16])
            found.append(f"{str(entry.get('name'))[:100]} {str(entry.get('datatype'))[:20]} [{shape}]")
    return found[:50]
