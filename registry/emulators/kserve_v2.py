"""KServe's Open Inference Protocol V2 over REST, as Triton serves it: health, metadata and infer with typed tensors.

Every practice tensor model scores rows: FEATURES FP32 [-1, width] to SCORES FP32 [-1, 3] (probabilities) and LABEL
BYTES [-1, 1]. Errors are {error: string}, in Triton's words.
"""

from typing import Any

from registry.emulators.answers import scores
from registry.emulators.wire import (
    Emulated,
    ServedWire,
    Site,
    WireAnswer,
    WireCall,
    WireRefusal,
    body_object,
    to_json,
)

LABELS = ("low", "middle", "high")
EXTENSIONS = (
    "classification",
    "model_repository",
    "model_repository(unload_dependents)",
    "model_configuration",
    "statistics",
)


def refusal(status: int, words: str) -> WireAnswer:
    """The protocol's error object."""
    return WireAnswer(to_json({"error": words}), status)


def stream_error(words: str) -> bytes:
    """Never part of a stream: this wire has none."""
    return to_json({"error": words})


def answer(site: Site, call: WireCall) -> WireAnswer:
    """The server's answer to `call`. Raises Refused."""
    parts = call.path.strip("/").split("/")
    if parts[0] != "v2":
        raise WireRefusal(WireAnswer(b"", 404, "text/plain"))
    match (call.method, parts[1:]):
        case "GET", []:
            return WireAnswer(to_json({"name": "triton", "version": "2.51.0", "extensions": EXTENSIONS}))
        case "GET", ["health", "live" | "ready"]:
            return WireAnswer(b"", content_type="text/plain")
        case "POST", ["repository", "index"]:
            return WireAnswer(
                to_json([{"name": model.name, "version": "1", "state": "READY"} for model in site.models])
            )
        case method, ["models", name, *rest]:
            return _model(_known(site, name), method, rest[2:] if rest[:1] == ["versions"] else rest, call)
    raise WireRefusal(WireAnswer(b"", 404, "text/plain"))


def _known(site: Site, name: str) -> Emulated:
    model = site.by_name.get(name)
    if model is None:
        raise WireRefusal(refusal(404, f"Request for unknown model: '{name}' is not found"))
    return model


def _model(model: Emulated, method: str, rest: list[str], call: WireCall) -> WireAnswer:
    match (method, rest):
        case "GET", []:
            return WireAnswer(to_json(_metadata(model)))
        case "GET", ["ready"]:
            return WireAnswer(b"", content_type="text/plain")
        case "POST", ["infer"]:
            return _infer(model, call)
    raise WireRefusal(WireAnswer(b"", 405 if rest in ([], ["ready"], ["infer"]) else 404, "text/plain"))


def _metadata(model: Emulated) -> dict[str, Any]:
    return {
        "name": model.name,
        "versions": ["1"],
        "platform": "python",
        "inputs": [{"name": "FEATURES", "datatype": "FP32", "shape": [-1, model.size]}],
        "outputs": [
            {"name": "SCORES", "datatype": "FP32", "shape": [-1, len(LABELS)]},
            {"name": "LABEL", "datatype": "BYTES", "shape": [-1, 1]},
        ],
    }


def _infer(model: Emulated, call: WireCall) -> WireAnswer:
    if "inference-header-content-length" in call.headers:
        raise WireRefusal(refusal(400, "binary tensor data is not supported by the practice fleet; send JSON data"))
    body = body_object(call, lambda status, words: refusal(status, f"failed to parse the request JSON buffer: {words}"))
    rows = _rows(model, body)
    scored = [scores(model.name, row, len(LABELS)) for row in rows]
    outputs = {
        "SCORES": _tensor("SCORES", "FP32", [len(rows), len(LABELS)], [value for row in scored for value in row]),
        "LABEL": _tensor("LABEL", "BYTES", [len(rows), 1], [LABELS[row.index(max(row))] for row in scored]),
    }
    reply = {
        "model_name": model.name,
        "model_version": "1",
        "outputs": [outputs[name] for name in _wanted(model, body, outputs)],
    }
    if body.get("id"):
        reply = {"id": body["id"], **reply}
    return WireAnswer(to_json(reply), tokens=(len(rows), 0))


def _tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def _wanted(model: Emulated, body: dict[str, Any], outputs: dict[str, Any]) -> list[str]:
    asked = body.get("outputs")
    if not asked:
        return list(outputs)
    names = [part.get("name") for part in asked if isinstance(part, dict)] if isinstance(asked, list) else [None]
    for name in names:
        if name not in outputs:
            raise WireRefusal(refusal(400, f"unexpected inference output '{name}' for model '{model.name}'"))
    return [str(name) for name in names]


def _rows(model: Emulated, body: dict[str, Any]) -> list[list[float]]:
    """The one input as rows of floats. Raises Refused in Triton's words for a wrong name, datatype, shape or size."""
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise WireRefusal(
            refusal(
                400,
                "Unable to parse 'inputs': attempt to access JSON non-array"
                if inputs
                else "failed to find 'inputs' in the request",
            )
        )
    if len(inputs) != 1:
        raise WireRefusal(
            refusal(
                400,
                f"[request id: <id_unknown>] expected 1 inputs but got {len(inputs)} inputs for model '{model.name}'",
            )
        )
    tensor = inputs[0] if isinstance(inputs[0], dict) else {}
    name, datatype, shape = tensor.get("name"), tensor.get("datatype"), tensor.get("shape")
    if name != "FEATURES":
        raise WireRefusal(
            refusal(400, f"[request id: <id_unknown>] unexpected inference input '{name}' for model '{model.name}'")
        )
    if datatype != "FP32":
        words = f"inference input 'FEATURES' data-type is '{datatype}', but model '{model.name}' expects 'FP32'"
        raise WireRefusal(refusal(400, f"[request id: <id_unknown>] {words}"))
    if (
        not isinstance(shape, list)
        or len(shape) != 2
        or not all(type(size) is int for size in shape)
        or shape[1] != model.size
    ):
        got = "[" + ",".join(map(str, shape if isinstance(shape, list) else [])) + "]"
        words = f"unexpected shape for input 'FEATURES' for model '{model.name}'. Expected [-1,{model.size}], got {got}"
        raise WireRefusal(refusal(400, f"[request id: <id_unknown>] {words}"))
    values = _flat(tensor.get("data"))
    if shape[0] < 0 or len(values) != shape[0] * shape[1]:
        raise WireRefusal(refusal(400, "Unable to parse 'data': Shape does not match true shape of 'data' field"))
    return [values[start : start + shape[1]] for start in range(0, len(values), shape[1])]


def _flat(data: Any) -> list[float]:
    """Numbers of a flat or nested array."""
    if not isinstance(data, list):
        raise WireRefusal(refusal(400, "Unable to parse 'data': attempt to access JSON non-array"))
    values: list[float] = []
    for value in data:
        if isinstance(value, list):
            values += _flat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            values.append(value)
        else:
            raise WireRefusal(refusal(400, "Unable to parse 'data': attempt to access JSON non-number"))
    return values


WIRE = ServedWire(answer, refusal, stream_error)
