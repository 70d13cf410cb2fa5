"""Interface descriptions among the small files of a manifest, and what they say may be sent to a model's upstream."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from registry.protocols.compiler.catalog import PROTOCOLS, canonical_name
from registry.protocols.compiler.mapping import wire_path
from registry.protocols.document import Operation
from registry.specfile import file as spec_file
from versions.diff.classify import CONTRACTS, recognised
from versions.diff.loading import Unreadable, load
from versions.diff.openapi.operations import operation as read_operation
from versions.diff.openapi.read import ApiDocument

Schema = dict[str, Any]
DEEPEST = 3
MOST_FIELDS = 5000
CONFIG, GENERATION = "config.json", "generation_config.json"
LENGTHS = ("max_position_embeddings", "n_positions", "max_sequence_length", "n_ctx", "seq_length")
GENERATED = ("temperature", "top_p", "top_k", "max_new_tokens", "repetition_penalty", "typical_p", "min_p", "num_beams")
"""Defaults of `generation_config.json` that callers feel if they leave the parameter out."""


@dataclass(frozen=True)
class Description:
    """One interface description: the file that it stands in, its kind as the classifier calls it, and its data."""

    path: str
    kind: str
    data: Any
    trouble: str = ""


def descriptions(contents: Mapping[str, Any]) -> dict[str, Description]:
    """The interface descriptions among a manifest's small files, by path."""
    found = {}
    for path, text in contents.items():
        name = PurePosixPath(path).name
        if not name.endswith((".json", ".yaml", ".yml", ".proto")) or name == "tokenizer_config.json":
            continue
        read = Description(path, "proto", text) if name.endswith(".proto") else _read(path, name, text)
        if read is not None:
            found[path] = read
    return found


def _read(path: str, name: str, text: Any) -> Description | None:
    try:
        data = load(text)
    except Unreadable as error:
        return Description(path, "", None, str(error))
    if not isinstance(data, dict):
        return None
    if name == CONFIG:
        return Description(path, "model", _config(data))
    if name == GENERATION:
        return Description(path, "jsonschema", _generation(data))
    if isinstance(data.get("models"), list) and data["models"]:
        return Description(path, "spec", data)
    kind = recognised(data)
    if kind == "jsonschema" and "$schema" not in data and "properties" not in data:
        return None
    return Description(path, kind, data)


def _config(data: Schema) -> Schema:
    """What callers feel of a transformers configuration, as model metadata."""
    length = next((data[name] for name in LENGTHS if isinstance(data.get(name), int)), None)
    return {"context_length": length, "version": data.get("architectures"), "tokenizer": data.get("tokenizer_class")}


def _generation(data: Schema) -> Schema:
    named = {name: {"default": data[name]} if name in data else {} for name in GENERATED}
    return {"type": "object", "properties": named}


def own_spec(description: Description, name: str) -> Any:
    """The document of the model `name` in a file of specs, or the document itself; None if it is not there."""
    data = description.data
    if not isinstance(data.get("models"), list):
        return data
    return next((row for row in data["models"] if isinstance(row, dict) and row.get("name") == name), None)


def fields(description: Description, base: Mapping[str, Any]) -> dict[str, Schema]:
    """What may be sent, by dotted path; `required` is in each field's schema."""
    kind, data = description.kind, description.data
    if kind in CONTRACTS:
        return dict(_walk(CONTRACTS[kind](data).schema, data))
    if kind == "jsonschema":
        return dict(_walk(data, data))
    found: dict[str, Schema] = {}
    document = ApiDocument(data)
    paths = called_paths(base)
    for key, entry in document.operations.items():
        if not calls(paths, f"{key[1].upper()} {entry[0]}"):
            continue
        body = read_operation(document, entry, key[1]).body
        for content in (body.content if body else {}).values():
            found.update(_walk(content.schema, data))
    return found


def called_paths(base: Mapping[str, Any]) -> frozenset[str]:
    """The ends of the paths that a model's adapter calls; empty if it calls its endpoint itself."""
    return frozenset(_fixed(item.path) for item in operations_of(base)) - {""}


def calls(paths: frozenset[str], use: str) -> bool:
    """Whether `use` (a method and a path) is an operation that an adapter with these paths calls."""
    method, _, path = use.partition(" ")
    return method == "POST" and (not paths or any(_fixed(path).endswith(part) for part in paths))


def _fixed(path: str) -> str:
    """A path up to its first parameter."""
    return path.split("{")[0].rstrip("/")


def narrowed(old: Description, new: Description, base: Mapping[str, Any]) -> tuple[Description, Description]:
    """Two descriptions without the operations that the model's adapter does not call, so that no others are judged.

    Where none can be told to be the model's own, all stay.
    """
    if not {old.kind, new.kind} <= {"openapi", "swagger2"}:
        return old, new
    paths = called_paths(base)
    named = {name for found in (old, new) for name in _paths(found) if calls(paths, f"POST {name}")}
    return (_only(old, named), _only(new, named)) if named else (old, new)


def _paths(description: Description) -> Schema:
    found = description.data.get("paths")
    return {str(name): item for name, item in found.items()} if isinstance(found, dict) else {}


def _only(description: Description, named: set[str]) -> Description:
    held = {name: item for name, item in _paths(description).items() if name in named}
    return replace(description, data={**description.data, "paths": held})


def _walk(schema: Any, root: Any) -> Iterator[tuple[str, Schema]]:
    """Every field with its dotted path, outer ones first; of a very large schema only as many as can be parameters."""
    waiting = [("", _resolved(schema, root), 0)]
    count = 0
    for prefix, holder, depth in waiting:
        required = holder.get("required")
        for name, raw in _properties(holder, root).items():
            field = _resolved(raw, root)
            count += 1
            yield f"{prefix}{name}", {**field, "required": isinstance(required, list) and name in required}
            if depth < DEEPEST and count < MOST_FIELDS and ("properties" in field or "allOf" in field):
                waiting.append((f"{prefix}{name}.", field, depth + 1))
        if count >= MOST_FIELDS:
            return


def _properties(holder: Schema, root: Any) -> Schema:
    """An object's properties, those of the parts that it is made of included."""
    found: Schema = {}
    parts = holder.get("allOf")
    for part in (*(parts if isinstance(parts, list) else ()), holder):
        own = _resolved(part, root).get("properties") if part is not holder else holder.get("properties")
        found.update(own if isinstance(own, dict) else {})
    return found


def _resolved(schema: Any, root: Any) -> Schema:
    """A schema behind its local references; references that run in a circle or lead nowhere allow anything."""
    for _ in range(20):
        if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
            break
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
        schema = target
    return schema if isinstance(schema, dict) and "$ref" not in schema else {}


def operations_of(document: Mapping[str, Any]) -> list[Operation]:
    protocol = PROTOCOLS[canonical_name(str(document["protocol"])) or ""]
    tasks = spec_file.read(document).tasks
    return [protocol.operations[task] for task in tasks if task in protocol.operations]


def home_of(document: Mapping[str, Any]) -> str:
    return next((item.home for item in operations_of(document) if item.home), "")


def reached(document: Mapping[str, Any]) -> dict[str, str]:
    """The dotted path at which each parameter reaches the upstream: path to name."""
    operations = operations_of(document)
    params = spec_file.read(document).params
    return {wire_path(item, operation): item.name for operation in operations for item in params if item.sent}
