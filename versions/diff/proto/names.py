"""Type names as protobuf resolves them: from the inside out, to the full name of what is declared."""

from versions.diff.proto.form import ProtoSchema


def resolve_types(schema: ProtoSchema) -> None:
    """Give every field and method the full names of its types, as far as they are declared here."""
    fields = [field for message in schema.messages.values() for field in message.fields.values()]
    for field in (*fields, *schema.extensions.values()):
        head, comma, value = field.type.partition(",")
        if field.type.startswith("map<"):
            field.type = f"{head}{comma}{_full(schema, field.scope, value.removesuffix('>'))}>"
        elif not field.type.startswith("group "):
            field.type = _full(schema, field.scope, field.type)
    for service in schema.services.values():
        package = schema.files[service.file].package if service.file in schema.files else ""
        for method in service.methods.values():
            method.takes, method.gives = (_full(schema, package, name) for name in (method.takes, method.gives))


def _full(schema: ProtoSchema, scope: str, name: str) -> str:
    while True:
        candidate = f"{scope}.{name}" if scope else name
        if candidate in schema.messages or candidate in schema.enums:
            return candidate
        if not scope:
            return name
        scope = scope.rpartition(".")[0]
