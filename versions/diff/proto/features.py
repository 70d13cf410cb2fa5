"""What an element means after file, message and field have had their say: presence, encoding, JSON names (editions)."""

from versions.diff.proto.form import Options, ProtoEnum, ProtoField, ProtoFile, ProtoMessage, ProtoSchema

_COMMON = {
    "field_presence": "EXPLICIT", "enum_type": "OPEN", "repeated_field_encoding": "PACKED",
    "utf8_validation": "VERIFY", "message_encoding": "LENGTH_PREFIXED", "json_format": "ALLOW",
}  # fmt: skip
DEFAULTS: dict[str, Options] = {
    "proto2": {
        **_COMMON,
        "enum_type": "CLOSED",
        "repeated_field_encoding": "EXPANDED",
        "utf8_validation": "NONE",
        "json_format": "LEGACY_BEST_EFFORT",
    },
    "proto3": {**_COMMON, "field_presence": "IMPLICIT"},
}


def effective(file: ProtoFile, *holders: Options) -> Options:
    """Features by name; later holders win."""
    features = dict(DEFAULTS.get(file.edition, _COMMON))
    for options in (file.options, *holders):
        for name, value in options.items():
            if name.startswith("features."):
                features[name.removeprefix("features.")] = value
    if str(file.options.get("java_string_check_utf8")) == "true":
        features.setdefault("(pb.java).utf8_validation", "VERIFY")
    return features


def cardinality(schema: ProtoSchema, message: ProtoMessage, field: ProtoField) -> str:
    """Singular with or without presence, required, repeated, or map."""
    if field.label in ("repeated", "map", "required"):
        return field.label
    file = schema.files[message.file]
    if field.oneof or field.label == "optional" or (field.type in schema.messages or field.type.startswith("group ")):
        return "required" if field.options.get("features.field_presence") == "LEGACY_REQUIRED" else "optional"
    presence = effective(file, message.options, field.options)["field_presence"]
    return {"EXPLICIT": "optional", "LEGACY_REQUIRED": "required"}.get(str(presence), "implicit")


def encoding(schema: ProtoSchema, message: ProtoMessage, field: ProtoField) -> Options:
    """How a field is written and checked, as far as it concerns this field."""
    features = effective(schema.files[message.file], message.options, field.options)
    wanted: Options = {}
    scalar = field.type not in ("string", "bytes") and field.type not in schema.messages
    if field.label == "repeated" and scalar and not field.type.startswith("group "):
        packed = str(field.options.get("packed", features["repeated_field_encoding"])).upper()
        wanted["packed"] = packed in ("TRUE", "PACKED")
    if field.type == "string" or "string" in field.type.partition("<")[2]:
        wanted["utf8"] = features["utf8_validation"]
        wanted["java utf8"] = features.get("(pb.java).utf8_validation", "DEFAULT")
    if field.type in ("string", "bytes"):
        cpp = field.options.get("ctype", features.get("(pb.cpp).string_type", "STRING"))
        wanted["cpp string"] = (
            "STRING" if cpp in ("VIEW", "STRING_PIECE", "STRING") and "ctype" in field.options else cpp
        )
    if field.type.startswith("group ") or field.type in schema.messages:
        group = field.type.startswith("group ") or features["message_encoding"] == "DELIMITED"
        wanted["delimited"] = group
    return wanted


def json_format(schema: ProtoSchema, element: ProtoMessage | ProtoEnum) -> str:
    """Whether an element has a JSON form for sure."""
    return str(effective(schema.files[element.file], element.options)["json_format"])


def enum_type(schema: ProtoSchema, enum: ProtoEnum) -> str:
    """Whether unknown numbers are kept."""
    return str(effective(schema.files[enum.file], enum.options)["enum_type"])


def json_name(field: ProtoField) -> str:
    """The name in JSON: `json_name`, or the name in lower camel case."""
    if "json_name" in field.options:
        return str(field.options["json_name"])
    head, *rest = field.name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
