"""A caller's fields as a request in neutral form."""

from msgspec import Raw, structs

from registry import predict_form
from registry.canon import Request
from routing.dataplane.call import Call
from routing.dataplane.fields import BOOLEAN, flag, take
from routing.table import Caller, ServedModel


def request_of(call: Call, caller: Caller, model: ServedModel, fields: dict[str, Raw]) -> Request:
    """A call in neutral form, as one release of a model understands it. Raises Failure."""
    strict = caller.strict or model.spec.strict or call.head.strict
    task = call.address.task
    if task is None:
        request = predict_form.to_request(model.spec, fields, strict=strict)
    else:
        stream = "stream" in fields and take(fields, "stream", flag, BOOLEAN) is True
        request = Request(task, fields, stream, strict)
    return structs.replace(request, stream=False) if call.job_id is not None and request.stream else request
