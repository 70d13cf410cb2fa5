"""Reads one spec document, whatever door it came through, and notes every error in it."""

from collections.abc import Callable, Mapping
from typing import Any

from controlplane.base.messages import Sentence
from registry.addresses import base_of
from registry.protocols.compiler.catalog import ALIASES, PROTOCOLS, canonical_name
from registry.protocols.compiler.mapping import collision
from registry.spec import TASKS_BY_TYPE, Parameter, Resources, Spec, Timeouts
from registry.specfile import params, values
from registry.specfile.errors import Findings, Path, show, suggested

Reader = Callable[[Any, Path, Findings], Any]
REQUIRED = ("name", "type", "protocol", "endpoint")
TYPE_ALIASES = {
    "chat": "llm", "text-generation": "llm", "completion": "llm", "text": "llm", "conversational": "llm",
    "embeddings": "embedding", "feature-extraction": "embedding", "sentence-similarity": "embedding",
    "reranker": "rerank", "reranking": "rerank", "text-to-image": "image", "text-to-speech": "speech", "tts": "speech",
    "asr": "transcription", "automatic-speech-recognition": "transcription", "speech-to-text": "transcription",
    "moderations": "moderation", "classifier": "classification", "text-classification": "classification",
    "image-classification": "classification", "object-detection": "detection", "detector": "detection",
    "generic": "tensor", "tensors": "tensor",
}  # fmt: skip


def examine(document: Any) -> tuple[Spec | None, Findings]:
    """The spec in `document` and everything that is wrong with it; the spec is None if anything is."""
    findings = Findings()
    if not isinstance(document, Mapping):
        findings.add((), document, Sentence("a mapping with name, type, protocol and endpoint"))
        return None, findings
    values.known_keys(document, tuple(READERS), (), findings)
    for key in REQUIRED:
        if document.get(key) is None:
            findings.add((key,), None, Sentence("a value"), Sentence("{key} is missing", key=key))
    read: dict[str, Any] = {}
    for key, (attribute, reader) in READERS.items():
        if document.get(key) is not None:
            read[attribute] = reader(document[key], (key,), findings)
    if read.get("endpoints") and read.get("protocol"):
        read["endpoints"] = bases(read["endpoints"], read["protocol"], findings)
    cross_check(read, findings)
    if findings:
        return None, findings
    read.setdefault("upstream_model", read["name"])
    return Spec(**read), findings


def bases(endpoints: tuple[str, ...], protocol: str, findings: Findings) -> tuple[str, ...]:
    """The endpoints without paths of the protocol's calls. Two of one address are an error."""
    found = tuple(base_of(endpoint, protocol) for endpoint in endpoints)
    for index, endpoint in enumerate(found):
        if endpoint in found[:index] and endpoints[index] not in endpoints[:index]:
            findings.add(("endpoint", index), endpoints[index], Sentence("each replica's address once"))
    return found


def cross_check(read: Mapping[str, Any], findings: Findings) -> None:
    """Checks that need several keys at once."""
    protocol, kind, name = read.get("protocol"), read.get("type"), read.get("name")
    if protocol and kind and kind not in PROTOCOLS[protocol].types:
        served = ", ".join(PROTOCOLS[protocol].types)
        findings.add(
            ("type",),
            kind,
            Sentence("one of {served}", served=served),
            Sentence(
                "protocol {protocol} does not serve type {kind}; it serves {served}",
                protocol=protocol,
                kind=kind,
                served=served,
            ),
        )
    elif protocol and kind:
        colliding(protocol, kind, read.get("params", ()), findings)
    for index, alias in enumerate(read.get("aliases", ())):
        if alias == name:
            findings.add(("aliases", index), alias, Sentence("another name than the model's own"))


def colliding(protocol: str, kind: str, found: tuple[Parameter, ...], findings: Findings) -> None:
    """Note two parameters that the protocol would send under one name."""
    served = PROTOCOLS[protocol].operations
    for task in TASKS_BY_TYPE[kind]:
        pair = collision(found, served[task]) if task in served else None
        if pair is not None:
            first, second, path = pair
            findings.add(
                ("params", second),
                path,
                Sentence("an upstream name of its own"),
                Sentence(
                    "{second} and {first} would both be sent as {path}; remove one or change its `upstream`",
                    second=repr(second),
                    first=repr(first),
                    path=repr(path),
                ),
            )
            return


def model_type(value: Any, path: Path, findings: Findings) -> str:
    """The canonical type, from any case or alias."""
    given = value.strip().lower().replace("_", "-") if isinstance(value, str) else ""
    kind = TYPE_ALIASES.get(given, given)
    if kind not in TASKS_BY_TYPE:
        expected = Sentence("one of {known}", known=list(TASKS_BY_TYPE))
        message = Sentence("type is {given}; expected {expected}.", given=show(value), expected=expected)
        findings.add(path, value, expected, suggested(message, value, [*TASKS_BY_TYPE, *TYPE_ALIASES]))
        return ""
    return kind


def protocol_name(value: Any, path: Path, findings: Findings) -> str:
    """The canonical protocol, from any case or alias."""
    name = canonical_name(value) if isinstance(value, str) else None
    if name is None:
        expected = Sentence("one of {known}", known=list(PROTOCOLS))
        message = Sentence("protocol is {given}; expected {expected}.", given=show(value), expected=expected)
        findings.add(path, value, expected, suggested(message, value, list(ALIASES)))
        return ""
    return name


def quantities(
    value: Any, path: Path, findings: Findings, names: tuple[str, ...], read: Reader, expected: str
) -> dict[str, Any]:
    """A mapping of quantities under known names, each read by `read`; empty if `value` is no mapping."""
    if not isinstance(value, dict):
        findings.add(path, value, expected)
        return {}
    values.known_keys(value, names, path, findings)
    return {key: read(value[key], (*path, key), findings) for key in names if value.get(key) is not None}


def resources(value: Any, path: Path, findings: Findings) -> Resources:
    """`resources`: what one replica needs."""
    expected = Sentence("a mapping such as {gpu_memory: 12GB}")
    return Resources(**quantities(value, path, findings, Resources.__slots__, values.size, expected))


def timeouts(value: Any, path: Path, findings: Findings) -> Timeouts:
    """`timeouts`, in seconds."""
    expected = Sentence("a mapping such as {connect: 3, total: 600}")
    return Timeouts(**quantities(value, path, findings, Timeouts.__slots__, values.seconds, expected))


def owner(value: Any, path: Path, findings: Findings) -> str:
    """Who answers for the model, at most 150 characters."""
    return values.text(value, path, findings, 150)


READERS: dict[str, tuple[str, Reader]] = {
    "name": ("name", values.name),
    "type": ("type", model_type),
    "protocol": ("protocol", protocol_name),
    "endpoint": ("endpoints", values.endpoints),
    "params": ("params", params.parameters),
    "constraints": ("constraints", params.constraints),
    "resources": ("resources", resources),
    "timeouts": ("timeouts", timeouts),
    "upstream_model": ("upstream_model", values.upstream_model),
    "credential": ("credential", values.credential),
    "tags": ("tags", values.tags),
    "aliases": ("aliases", values.names),
    "owner": ("owner", owner),
    "description": ("description", values.text),
    "strict": ("strict", values.boolean),
}
