"""Reads one spec document, whatever door it came through, and notes every error in it."""

from collections.abc import Callable, Mapping
from typing import Any

from controlplane.base.messages import Sentence
from registry.addresses import base_of
from registry.lifecycle import written
from registry.protocols.compiler.catalog import PROTOCOLS, canonical_name
from registry.protocols.compiler.mapping import collision
from registry.spec import TASKS_BY_TYPE, Parameter, Resources, Spec, Timeouts
from registry.specfile import params, rules, values
from registry.specfile.errors import Findings, Path, show, suggested
from registry.specfile.rules import GroupKind, WordKind

Reader = Callable[[Any, Path, Findings, Any], Any]


def examine(document: Any) -> tuple[Spec | None, Findings]:
    """The spec in `document` and everything that is wrong with it; the spec is None if anything is."""
    findings = Findings()
    if not isinstance(document, Mapping):
        findings.add((), document, Sentence("a mapping with name, type, protocol and endpoint"))
        return None, findings
    values.known_keys(document, rules.SPEC, (), findings)
    for key in rules.SPEC:
        if key.required and document.get(key.name) is None:
            findings.add((key.name,), None, Sentence("a value"), Sentence("{key} is missing", key=key.name))
    read: dict[str, Any] = {}
    for key in rules.SPEC:
        if document.get(key.name) is not None:
            attribute = ATTRIBUTES.get(key.name, key.name)
            read[attribute] = READERS[key.name](document[key.name], (key.name,), findings, key.kind)
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
    ends_early(read, findings)


def ends_early(read: Mapping[str, Any], findings: Findings) -> None:
    """Note an end before the deprecation."""
    deprecated, sunset = read.get("deprecated"), read.get("sunset")
    if not deprecated or not sunset or sunset >= deprecated:
        return
    since, ends = written(deprecated), written(sunset)
    findings.add(
        ("sunset",),
        ends,
        Sentence("{since} or later", since=since),
        Sentence(
            "{name} would end on {ends} (sunset), before it is deprecated on {since}; sunset must be {since} or later",
            name=repr(read.get("name", "")),
            ends=ends,
            since=since,
        ),
    )


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


def model_type(value: Any, path: Path, findings: Findings, kind: WordKind) -> str:
    """The canonical type, from any case or alias."""
    given = value.strip().lower().replace("_", "-") if isinstance(value, str) else ""
    found = rules.TYPES.get(given)
    return found or unknown_word("type", value, path, findings, kind)


def protocol_name(value: Any, path: Path, findings: Findings, kind: WordKind) -> str:
    """The canonical protocol, from any case or alias."""
    found = canonical_name(value) if isinstance(value, str) else None
    return found or unknown_word("protocol", value, path, findings, kind)


def unknown_word(key: str, value: Any, path: Path, findings: Findings, kind: WordKind) -> str:
    """Note a word that is none of those that a key takes, with the one that was probably meant."""
    expected = Sentence("one of {known}", known=list(kind.plain))
    message = Sentence("{key} is {given}; expected {expected}.", key=key, given=show(value), expected=expected)
    findings.add(path, value, expected, suggested(message, value, list(kind.known)))
    return ""


def group(value: Any, path: Path, findings: Findings, kind: GroupKind) -> dict[str, Any]:
    """A mapping of known keys; empty if `value` is no mapping."""
    if not isinstance(value, dict):
        findings.add(path, value, kind.expected)
        return {}
    values.known_keys(value, kind.keys, path, findings)
    return {
        key.name: QUANTITIES[type(key.kind)](value[key.name], (*path, key.name), findings, key.kind)
        for key in kind.keys
        if value.get(key.name) is not None
    }


def resources(value: Any, path: Path, findings: Findings, kind: GroupKind) -> Resources:
    """`resources`: what one replica needs."""
    return Resources(**group(value, path, findings, kind))


def timeouts(value: Any, path: Path, findings: Findings, kind: GroupKind) -> Timeouts:
    """`timeouts`, in seconds."""
    return Timeouts(**group(value, path, findings, kind))


ATTRIBUTES = {"endpoint": "endpoints"}
"""Keys whose values a Spec has under another name."""
QUANTITIES: Mapping[type[Any], Reader] = {rules.SizeKind: values.size, rules.NumberKind: values.seconds}
READERS: Mapping[str, Reader] = {
    "name": values.name,
    "type": model_type,
    "protocol": protocol_name,
    "endpoint": values.endpoints,
    "params": params.parameters,
    "constraints": params.constraints,
    "resources": resources,
    "timeouts": timeouts,
    "upstream_model": values.text,
    "credential": values.name,
    "tags": values.listed,
    "aliases": values.listed,
    "owner": values.text,
    "description": values.text,
    "strict": values.boolean,
    "deprecated": values.date,
    "sunset": values.date,
}
