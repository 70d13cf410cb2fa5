"""Fields by which a caller could steer an upstream that is a gateway itself: to another address, key, header or model.

Such gateways read them out of a body (CVE-2024-6587), and would act with our credential. They are refused under every
spelling, on every wire, unless the model's spec declares the parameter.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from msgspec import Raw

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind, plain

ANYWHERE = frozenset(
    {
        *("apibase", "apibaseurl", "apihost", "apikey", "apikeys", "apiurl", "authorization", "authtoken"),
        *("azureadtoken", "azureendpoint", "baseurl", "baseurls", "customllmprovider", "endpointurl", "extrabody"),
        *("extraheaders", "extraquery", "defaultheaders", "defaultquery", "proxyurl", "serverurl", "upstreamurl"),
    }
)
"""Refused at the top of a body and inside its objects."""
AT_TOP = ANYWHERE | {
    *("apitype", "apiversion", "callbackurl", "deploymentid", "fallbacks", "contextwindowfallbacks", "headers"),
    *("httpclient", "modelconfig", "modellist", "models", "proxies", "proxy", "routersettings", "userconfig"),
    *("webhookurl",),
}
ENDS = ("apikey", "apibase", "baseurl", "extraheaders", "extrabody", "accesstoken", "authtoken")
STARTS = (
    *("litellm", "langfuse", "awsaccess", "awsbedrock", "awsprofile", "awsregion", "awsrole", "awssecret"),
    *("awssession", "vertexai", "vertexcredentials", "vertexlocation", "vertexproject"),
)
CONTENT = frozenset(
    {
        *("messages", "prompt", "input", "inputs", "query", "documents", "texts", "tools", "functions", "tool_choice"),
        *("response_format", "prediction", "metadata", "guided_json", "structured_outputs", "json_schema", "format"),
    }
)
"""Fields whose objects are the caller's own matter: what is said, its notes, and schemas that name any property."""
DEPTH = 4
LONGEST = 64


def steers(name: str, names: frozenset[str] = AT_TOP) -> bool:
    """Whether a field's name, or a part of it between dots, is one of `names`, in any case and with any joints."""
    if "." in name:
        return any(steers(part, names) for part in name.split("."))
    return len(name) <= LONGEST and _steers(name, names)


@lru_cache(4096)
def _steers(name: str, names: frozenset[str]) -> bool:
    word = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    return word in names or word.startswith(STARTS) or word.endswith(ENDS)


def refuse_steering(fields: Iterable[tuple[str, Any]]) -> None:
    """Raise Failure at the first field that steers, also inside objects that are no content."""
    for name, value in fields:
        found = name if steers(name) else None if name in CONTENT else _inside(name, value, DEPTH)
        if found is not None:
            raise Failure(
                FailureKind.INVALID_REQUEST,
                Sentence(
                    "Parameter {found} would tell the upstream where to call, with which key or which model; a call may"
                    " not carry that. Remove it, or have an engineer declare it in the model's spec.",
                    found=repr(found[:200]),
                ),
                parameter=found[:200],
                code="parameter_not_allowed",
            )


def _inside(path: str, value: Any, depth: int) -> str | None:
    """The dotted path of a steering field inside `value`, if there is one."""
    if isinstance(value, Raw):
        value = plain(value) if bytes(memoryview(value)[:1]) in (b"{", b"[") else None
    if depth == 0 or not isinstance(value, dict | list):
        return None
    if isinstance(value, list):
        found = (_inside(f"{path}.{number}", item, depth - 1) for number, item in enumerate(value))
        return next(filter(None, found), None)
    for key, item in value.items():
        if steers(key, ANYWHERE):
            return f"{path}.{key}"
        deeper = _inside(f"{path}.{key}", item, depth - 1)
        if deeper is not None:
            return deeper
    return None
